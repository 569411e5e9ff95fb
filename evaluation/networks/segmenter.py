"""Training of segmenters: a loop that yields, and what it leaves behind, a model that predicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from torch import Tensor, nn

from evaluation.dice import overlaps, positive_dice
from evaluation.errors import InputError
from evaluation.networks.augmentation import augmented, floats, standardised
from evaluation.networks.classical_augmentation import bent_and_pasted
from evaluation.networks.domain_randomisation import DomainRandomisation
from evaluation.networks.inference import device_of, predict_in_batches, to_best_device
from evaluation.networks.registry import SEGMENTERS
from evaluation.networks.training_loop import Step, batch_composition, sample_rows, train_loop
from evaluation.networks.weights import digest_of, read_weights, restore, save_weights
from evaluation.pairs import Images, Masks, Pairs

WEIGHTS = "segmenter.safetensors"


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A network with what is needed to use it on pairs of one domain.

    Attributes:
        network: images (B, C, H, W) to logits (B, K + 1, H, W).
        kind: its name in `SEGMENTERS`, or `NNUNET`.
        channels: C of the images it takes.
        classes: names of the K foreground classes; class i of a mask is classes[i - 1].
    """

    network: nn.Module
    kind: str
    channels: int
    classes: tuple[str, ...]

    def predict(self, images: Images) -> Masks:
        """(N, H, W) uint8 class indices for (N, H, W, C) uint8 images."""
        masks = np.empty(images.shape[:3], np.uint8)
        return predict_in_batches(self.network, images, self.channels, likeliest, masks)

    @property
    def digest(self) -> str:
        """SHA-256 of kind, classes and weights: equal judges give equal scores."""
        return digest_of(self.network, self.kind, self.channels, self.classes)

    @property
    def card(self) -> dict[str, str]:
        """What its file says beside the weights, enough to build it again."""
        classes = json.dumps(self.classes)
        return {"kind": self.kind, "channels": str(self.channels), "classes": classes}


def likeliest(logits: Tensor) -> Tensor:
    """(B, H, W) uint8 index of the largest of (B, K + 1, H, W) logits, the first of equal ones.

    What `argmax` gives; class by class it takes a fifth of the time.
    """
    top = logits[:, 0].clone()
    found = torch.zeros_like(top, dtype=torch.uint8)
    for index, each in enumerate(logits.unbind(1)):
        found.masked_fill_(each > top, index)
        torch.maximum(top, each, out=top)
    return found


def new_segmenter(kind: str, channels: int, classes: Sequence[str], *, seed: int) -> Segmenter:
    """An untrained segmenter; its weights follow from the seed alone, the global one is kept.

    Raises:
        InputError: if the kind is unknown.
    """
    if kind not in SEGMENTERS:
        raise InputError(f"segmenter {kind!r} is unknown; choose one of {sorted(SEGMENTERS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SEGMENTERS[kind](channels, len(classes))
    return Segmenter(to_best_device(network), kind, channels, tuple(classes))


def train_segmenter(
    segmenter: Segmenter,
    parts: Sequence[Pairs],
    *,
    steps: int,
    seed: int,
    batch: int = 8,
    learning_rate: float = 5e-3,
    weights: Sequence[float] = (),
    falls: tuple[int, int] | None = None,
    strength: float = 1.0,
    classical: bool = False,
    randomisations: Sequence[DomainRandomisation | None] = (),
    validation: Pairs | None = None,
    validate_every: int = 100,
) -> Iterator[Step]:
    """Trains in place and yields after every step; the caller may log or show progress.

    Steps are counted, not epochs, so that arms with few and with many images cost the same.
    AdamW with warm-up and cosine decay; loss is Dice + cross-entropy; every batch is augmented
    by affine and intensity changes, without mirroring, which would turn left into right.

    Args:
        segmenter: is changed; with `validation` it ends with its best validated weights,
            without it with the last ones.
        parts: one or two; each batch takes its share from every part, drawn with replacement.
        steps: number of optimiser steps.
        seed: of drawing and augmentation.
        batch: pairs per step.
        learning_rate: the highest one.
        weights: of the parts in the batches; none means equal ones.
        falls: when the last part leaves the batches, see `batch_composition`.
        strength: of the augmentation, 1 for the usual one.
        classical: whether images are bent and regions copied, too.
        randomisations: of each part, what changes its pairs before; none changes nothing.
        validation: pairs that choose the checkpoint; never the pairs that are scored later.
        validate_every: steps between two validations; the last step always is validated.

    Raises:
        InputError: if a part has no pair with a mask.
        ValueError: if the loss stops being finite.
    """
    network = segmenter.network
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
    shares = batch_composition(batch, weights or [1] * len(parts), falls)
    change = bent_and_pasted if classical else augmented
    draws = _batches(parts, shares, seed, change, strength, randomisations)

    def loss() -> Tensor:
        images, masks = (tensor.to(device_of(network)) for tensor in next(draws))
        return loss_of(network(images), masks)

    yield from train_loop(
        network,
        loss,
        steps=steps,
        learning_rate=learning_rate,
        validate=None if validation is None else lambda: validated(segmenter, validation),
        validate_every=validate_every,
    )


def validated(segmenter: Segmenter, pairs: Pairs) -> float:
    """Mean Dice over the classes that each mask shows, over pairs with masks that are not empty.

    Raises:
        InputError: if there is no such pair.
    """
    shown = np.flatnonzero(np.asarray(pairs.has_mask, bool) & pairs.masks.any((1, 2)))
    if not len(shown):
        raise InputError("no validation pair has a mask with content, so none can choose weights")
    answers = segmenter.predict(pairs.images[shown])
    dice = positive_dice(overlaps(answers, pairs.masks[shown], len(segmenter.classes)))
    return float(dice.mean())


def save_segmenter(segmenter: Segmenter, folder: Path) -> None:
    """Writes the folder with one safetensors file that also holds the segmenter's card."""
    save_weights(segmenter.network, segmenter.card, folder / WEIGHTS)


def load_segmenter(folder: Path) -> Segmenter:
    """Reads what `save_segmenter` wrote; an nnU-Net is read by `nnunet.Nnunet.load`.

    Raises:
        InputError: if the folder holds no such file, one of a newer format, or other weights.
    """
    path = folder / WEIGHTS
    card, state = read_weights(path, "segmenter")
    classes = tuple(json.loads(card["classes"]))
    segmenter = new_segmenter(card["kind"], int(card["channels"]), classes, seed=0)
    restore(segmenter.network, state, path, card["kind"])
    return segmenter


def _batches(
    parts: Sequence[Pairs],
    shares: Iterator[list[int]],
    seed: int,
    change: Callable[[Tensor, Tensor, torch.Generator, float], tuple[Tensor, Tensor]],
    strength: float,
    randomisations: Sequence[DomainRandomisation | None],
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless augmented batches: standardised images and (B, 1, H, W) masks."""
    usable = [np.flatnonzero(np.asarray(part.has_mask, bool)) for part in parts]
    if not usable or not all(map(len, usable)):
        raise InputError("a part of the training data has no pair with a mask to learn from")
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    for counts in shares:
        chosen = sample_rows(usable, sum(counts), rng, shares=counts)
        taken = [(p.images[c], p.masks[c]) for p, c in zip(parts, chosen, strict=True)]
        for at, randomisation in enumerate(randomisations):
            taken[at] = taken[at] if randomisation is None else randomisation.pairs(*taken[at])
        images, masks = (np.concatenate(each) for each in zip(*taken, strict=True))
        targets = torch.from_numpy(masks.astype(np.float32))[:, None]
        changed, moved = change(floats(images), targets, generator, strength)
        yield standardised(changed), moved
