"""What the pairs are worth to downstream models: arms, tests, gains, equivalent images."""
