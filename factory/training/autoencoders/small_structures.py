"""How much of real masks is left in coarse pictures: structures smaller than their pixels are lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d, interpolate

from factory.masks import dice
from factory.pairs import PairBatch
from factory.settings import CoarseTraining
from factory.vocabulary import Domain

log = logging.getLogger(__name__)

ENOUGH = 0.8  # nuclei of 7 pixels keep 0.75 at a factor of 4, and are then drawn as blots
MOST = 200  # masks of a domain that are looked at


def kept(masks: NDArray[np.uint8], factor: int) -> float:
    """Mean Dice of regions with what is left of them once shrunk and drawn back; NaN for none.

    Args:
        masks: (N, H, W) class indices.
        factor: pixels per cell, in each direction.

    Returns:
        The mean over masks and the classes that each shows, in [0, 1].
    """
    found = []
    for index in np.unique(masks[masks > 0]):
        regions = masks == index
        coarse = avg_pool2d(torch.from_numpy(regions[:, None].astype(np.float32)), factor)
        back = interpolate(coarse, scale_factor=float(factor), mode="bilinear")[:, 0].numpy() > 0.5
        found += [dice(*both) for both in zip(regions, back, strict=True) if both[0].any()]
    return float(np.mean(found)) if found else float("nan")


def tell_small_structures(
    train: PairBatch, domains: Mapping[str, Domain], section: CoarseTraining
) -> None:
    """Warns of domains whose masks are not left in coarse pictures.

    A smaller factor is not taken by itself: half of it takes about four times as long.
    """
    for name in domains:
        rows = np.flatnonzero(train.has_mask & (train.facets["domain"] == name).to_numpy())
        share = kept(train.masks[rows[:MOST]], section.factor)
        if share < ENOUGH:
            log.warning(
                "domain %s: shrunk by %d, masks keep a Dice of %.2f with themselves, so that most of "
                "what they show is left to the decoder to guess: raise image.size, cut flat images "
                "into tiles (source.tiles), or halve generator.train.autoencoder.factor, which takes "
                "about four times as long",
                name,
                section.factor,
                share,
            )
