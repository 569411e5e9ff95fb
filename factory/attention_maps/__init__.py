"""Masks without masks: what a text-to-image network looks at, made into labelled regions."""
