"""Pairs that are slices of volumes, read as whole volumes."""
