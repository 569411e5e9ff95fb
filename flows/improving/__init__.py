"""The closed loop: pairs are added where a downstream model fails and where pairs are trusted."""
