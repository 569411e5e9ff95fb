"""What the claims in README and docs are measured with: `python -m benchmarks.NAME`."""
