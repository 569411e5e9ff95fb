"""Volumes as what downstream networks learn from."""
