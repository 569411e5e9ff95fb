"""What the autoencoder alone loses: no generated pair can be better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from torch import Tensor

from factory.masks import CODECS, dice
from factory.models.autoencoder import Autoencoder
from factory.pairs import Masks, PairBatch
from factory.pictures import image_pictures
from factory.vocabulary import Domain


def autoencoder_limit(
    pairs: PairBatch,
    domains: Mapping[str, Domain],
    autoencoder: Autoencoder,
    coded: Sequence[Tensor],
) -> dict[str, float]:
    """Images' mean absolute error on [-1, 1], and masks' Dice, after coding and decoding.

    Where all masks are empty there is no Dice.

    Args:
        pairs: N held-out pairs.
        domains: of these pairs, by name.
        autoencoder: that made the latents.
        coded: (N, C, h, w) latents of their images, and of their masks where the model has any.
    """
    image, *masks = coded
    overlaps = [value for mask in masks for value in _overlaps(pairs, domains, autoencoder, mask)]
    limit = {"mask_dice": float(np.mean(overlaps))} if overlaps else {}
    return ({"image_l1": _image_error(pairs, autoencoder, image)} if len(image) else {}) | limit


def _image_error(pairs: PairBatch, autoencoder: Autoencoder, coded: Tensor) -> float:
    errors = []
    for row, made in enumerate(_decoded(autoencoder, coded)):
        real = image_pictures(pairs.images[row : row + 1]) / 127.5 - 1
        errors.append(float((made - real).abs().mean()))
    return float(np.mean(errors))


def _overlaps(
    pairs: PairBatch, domains: Mapping[str, Domain], autoencoder: Autoencoder, coded: Tensor
) -> Iterator[float]:
    for row, picture in enumerate(_decoded(autoencoder, coded)):
        domain = domains[str(pairs.facets["domain"].iloc[row])]
        codec = CODECS[domain.codec](len(domain.classes))
        yield from class_dice(codec.decode(picture)[0], pairs.masks[row])


def _decoded(autoencoder: Autoencoder, coded: Tensor) -> Iterator[Tensor]:
    """One picture (1, 3, H, W) after the other."""
    device = next(autoencoder.parameters()).device
    return (autoencoder.decode(latent[None].to(device)).cpu() for latent in coded)


def class_dice(ours: Masks, real: Masks) -> list[float]:
    """Dice of every class that one of two masks (H, W) shows."""
    indices = np.union1d(ours, real)
    return [dice(ours == index, real == index) for index in indices[indices > 0]]
