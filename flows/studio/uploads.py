"""Pictures that a visitor hands over: an image to segment, or a mask to make images for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from factory.errors import InputError
from factory.images import ImageSection, fit_image, fit_mask
from factory.pairs import Images, Masks
from factory.sources.image_files import read_stack
from factory.vocabulary import Domain
from flows.asking.mask_indices import check_indices, known_values
from flows.starting.segmented_folder import flat_picture

WHITE = 255  # how a mask of one class is often drawn


def read_image(content: bytes, name: str, section: ImageSection) -> tuple[Images, tuple[int, int]]:
    """An image on the model's canvas (S, S, C), and the height and width that it came in.

    Raises:
        InputError: if it is no picture, or has several pages.
    """
    with tempfile.TemporaryDirectory() as folder:
        pixels = flat_picture(_written(content, name, Path(folder)), name)
    return fit_image(pixels, section), (pixels.shape[0], pixels.shape[1])


def read_mask(content: bytes, name: str, domain: Domain, section: ImageSection) -> Masks:
    """A mask on the model's canvas (S, S), class indices of the domain.

    White, 255, is the class of a domain that has one alone.

    Raises:
        InputError: if it is no picture of one channel, or holds values that are no classes.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = _written(content, name, Path(folder))
        stack = read_stack(path, name, like=path)
    if stack.volume or stack.pixels.ndim != 3:
        raise InputError(
            f"{name} has colours or several pages, so which pixel is which class is unclear; save "
            f"one channel of class indices: {known_values(domain)}"
        )
    return fit_mask(_indices(np.asarray(stack.pixels[0]), name, domain), section)


def _indices(pixels: Masks, name: str, domain: Domain) -> Masks:
    if len(domain.classes) == 1 and set(np.unique(pixels)) <= {0, WHITE}:
        pixels = pixels // WHITE
    check_indices(pixels, name, domain)
    return pixels.astype(np.uint8)


def _written(content: bytes, name: str, folder: Path) -> Path:
    """The bytes as a file, whose ending alone is taken from the visitor's name."""
    path = folder / f"upload{Path(name).suffix.lower()}"
    path.write_bytes(content)
    return path
