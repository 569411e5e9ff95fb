"""Blinded readings: a frozen list of images, a page for readers, what they said, what it comes to."""
