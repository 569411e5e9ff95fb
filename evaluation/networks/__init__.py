"""Segmenters and classifiers: how they are built, trained, asked and kept."""
