"""Masks that prompts are given: of training pairs, warped within what is plausible."""
