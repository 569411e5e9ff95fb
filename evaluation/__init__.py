"""Judges image-mask pairs: fidelity, consistency, diversity, privacy, utility, gates, lake, report."""
