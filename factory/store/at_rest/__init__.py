"""What is done to a data set that lies at rest: it is verified, mended, and freed of garbage."""
