"""Specialists and generalists of one recipe, compared."""
