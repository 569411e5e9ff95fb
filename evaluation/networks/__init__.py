"""Segmenters and classifiers: how they are built, trained, used and kept."""
