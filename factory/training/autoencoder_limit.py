"""What the autoencoder alone loses: no generated pair can be better."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from factory.masks import CODECS
from factory.models.autoencoder import Autoencoder
from factory.pairs import Masks, PairBatch
from factory.training.latents import Latents, image_pictures
from factory.vocabulary import Domain


def autoencoder_ceiling(
    pairs: PairBatch, domains: Mapping[str, Domain], autoencoder: Autoencoder, latents: Latents
) -> dict[str, float]:
    """Images' mean absolute error on [-1, 1], and masks' Dice, after coding and decoding.

    Where all masks are empty there is no Dice.

    Args:
        pairs: N held-out pairs.
        domains: of these pairs, by name.
        autoencoder: that made the latents.
        latents: of images and masks of the same pairs, in order.
    """
    image, mask = latents.streams
    device = next(autoencoder.parameters()).device
    dice = []
    for row, coded in enumerate(mask):
        domain = domains[str(pairs.facets["domain"].iloc[row])]
        codec = CODECS[domain.codec](len(domain.classes))
        decoded = codec.decode(autoencoder.decode(coded[None].to(device)).cpu())[0]
        dice += class_dice(decoded, pairs.masks[row])
    losses = image_ceiling(pairs, autoencoder, image)
    return losses | ({"mask_dice": float(np.mean(dice))} if dice else {})


def image_ceiling(pairs: PairBatch, autoencoder: Autoencoder, coded: Tensor) -> dict[str, float]:
    """Images' mean absolute error on [-1, 1] after coding and decoding.

    Args:
        pairs: N held-out pairs.
        autoencoder: that made the latents.
        coded: (N, C, h, w) latents of their images.
    """
    device = next(autoencoder.parameters()).device
    errors = []
    for row, latent in enumerate(coded):
        made = autoencoder.decode(latent[None].to(device)).cpu()
        real = image_pictures(pairs.images[row : row + 1]) / 127.5 - 1
        errors.append(float((made - real).abs().mean()))
    return {"image_l1": float(np.mean(errors))} if errors else {}


def class_dice(ours: Masks, real: Masks) -> list[float]:
    """2 |A and B| / (|A| + |B|) of every class that one of two masks (H, W) shows."""
    shown = np.union1d(ours, real)
    pairs_of = ((ours == index, real == index) for index in shown[shown > 0])
    return [2 * float((a & b).sum()) / float(a.sum() + b.sum()) for a, b in pairs_of]
