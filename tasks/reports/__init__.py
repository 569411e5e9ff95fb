"""What reports of versions are drawn from."""
