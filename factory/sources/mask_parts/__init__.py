"""Masks of several files, and masks that are no image file: a mask cell's parts and their readers."""
