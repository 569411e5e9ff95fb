"""Whole volumes: what makes slices a stack, and phantoms that are stacks."""
