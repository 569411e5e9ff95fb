"""Faults put into real pairs on purpose, and what of the evaluation notices them."""
