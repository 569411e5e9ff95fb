"""What the autoencoder alone loses: no generated pair can be better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from factory.masks import CODECS, dice
from factory.models.autoencoders.base import Autoencoder
from factory.pairs import Masks, PairBatch
from factory.pictures import image_pictures
from factory.vocabulary import Domain


def autoencoder_limit(
    pairs: PairBatch,
    domains: Mapping[str, Domain],
    autoencoder: Autoencoder,
    coded: Sequence[Tensor],
    most: int = 64,
) -> dict[str, float]:
    """Images' mean absolute error on [-1, 1], and masks' Dice, after coding and decoding.

    Where all masks are empty there is no Dice.

    Args:
        pairs: N held-out pairs.
        domains: of these pairs, by name.
        autoencoder: that made the latents.
        coded: (N, C, h, w) latents of their images, and of their masks where the model has any.
        most: so many of the pairs count, evenly spread, since they lie domain by domain and
            decoders that draw take a second for each.
    """
    device = next(autoencoder.parameters()).device
    errors, overlaps = [], []
    for row in np.linspace(0, len(pairs) - 1, min(most, len(pairs))).round().astype(int).tolist():
        latents = [stream[row : row + 1].to(device) for stream in coded]
        image, *masks = (made.cpu() for made in autoencoder.decode_streams(latents, [row]))
        real = image_pictures(pairs.images[row : row + 1]) / 127.5 - 1
        errors.append(float((image - real).abs().mean()))
        for mask in masks:
            overlaps += _overlaps(pairs, domains, mask, row)
    means = {"image_l1": errors, "mask_dice": overlaps}
    return {name: float(np.mean(values)) for name, values in means.items() if values}


def _overlaps(
    pairs: PairBatch, domains: Mapping[str, Domain], mask: Tensor, row: int
) -> list[float]:
    domain = domains[str(pairs.facets["domain"].iloc[row])]
    codec = CODECS[domain.codec](len(domain.classes))
    return class_dice(codec.decode(mask)[0], pairs.masks[row])


def class_dice(ours: Masks, real: Masks) -> list[float]:
    """Dice of every class that one of two masks (H, W) shows."""
    indices = np.union1d(ours, real)
    return [dice(ours == index, real == index) for index in indices[indices > 0]]
