"""What the autoencoder alone loses: no generated pair can be better."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

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
        latents: of the same pairs, in order.
    """
    device = next(autoencoder.parameters()).device
    errors, dice = [], []
    for row, (image, mask) in enumerate(zip(latents.image, latents.mask, strict=True)):
        domain = domains[str(pairs.facets["domain"].iloc[row])]
        codec = CODECS[domain.codec](len(domain.classes))
        made = autoencoder.decode(image[None].to(device)).cpu()
        real = image_pictures(pairs.images[row : row + 1]) / 127.5 - 1
        errors.append(float((made - real).abs().mean()))
        decoded = codec.decode(autoencoder.decode(mask[None].to(device)).cpu())[0]
        dice += class_dice(decoded, pairs.masks[row])
    found = {"image_l1": errors, "mask_dice": dice}
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def class_dice(ours: Masks, real: Masks) -> list[float]:
    """2 |A and B| / (|A| + |B|) of every class that one of two masks (H, W) shows."""
    shown = np.union1d(ours, real)
    pairs_of = ((ours == index, real == index) for index in shown[shown > 0])
    return [2 * float((a & b).sum()) / float(a.sum() + b.sum()) for a, b in pairs_of]
