"""What lies at rest: where a pair comes from, and damaged ones made anew."""
