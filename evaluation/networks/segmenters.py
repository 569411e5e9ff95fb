"""Every kind of segmenter behind one door: those of a fixed size, and nnU-Net, which plans itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from evaluation.networks.nnunet import new_nnunet, train_nnunet
from evaluation.networks.registry import NNUNET
from evaluation.networks.segmenter import WEIGHTS, Segmenter, new_segmenter, train_segmenter
from evaluation.networks.training_loop import Step
from evaluation.networks.weights import read_weights, restore


def new_trainable(
    kind: str, channels: int, classes: Sequence[str], *, seed: int, work: Path | None = None
) -> tuple[Segmenter, Callable[..., Iterator[Step]]]:
    """An untrained segmenter, or nnU-Net, with what trains it: `train_segmenter` or its like.

    Args:
        kind: name in `SEGMENTERS`, or `NNUNET`.
        channels: C of the images.
        classes: names of the K foreground classes.
        seed: of first weights; an nnU-Net draws them when it is trained.
        work: folder that an nnU-Net fills while it trains, see `train_nnunet`.
    """
    if kind == NNUNET:
        own = new_nnunet(channels, classes)
        return own, partial(train_nnunet, own, work=work)
    segmenter = new_segmenter(kind, channels, classes, seed=seed)
    return segmenter, partial(train_segmenter, segmenter)


def load_segmenter(folder: Path) -> Segmenter:
    """Reads what `save_segmenter` wrote.

    Raises:
        InputError: if the folder holds no such file, one of a newer format, or other weights.
    """
    path = folder / WEIGHTS
    card, state = read_weights(path, "segmenter")
    classes = tuple(json.loads(card["classes"]))
    if card["kind"] == NNUNET:
        segmenter: Segmenter = new_nnunet(int(card["channels"]), classes, card["plan"])
    else:
        segmenter = new_segmenter(card["kind"], int(card["channels"]), classes, seed=0)
    restore(segmenter.network, state, path, card["kind"])
    return segmenter
