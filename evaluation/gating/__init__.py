"""Bounds that a pair or a version must meet, and the champion among versions."""
