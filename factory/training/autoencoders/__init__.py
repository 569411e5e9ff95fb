"""Training of autoencoders, and what is lost by coding alone."""
