"""Shapes and textures that phantoms are drawn with."""
