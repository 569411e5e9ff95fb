"""Segmenters of whole volumes: trained on patches, used by MONAI's sliding window."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandCropByPosNegLabeld,
    RandGaussianNoised,
    RandScaleIntensityd,
    SpatialPadd,
)
from torch import Tensor

from evaluation.errors import InputError
from evaluation.networks.augmentation import standardised
from evaluation.networks.classical_augmentation import bent_and_pasted_volumes
from evaluation.networks.inference import device_of, to_best_device
from evaluation.networks.registry import VOLUME_SEGMENTERS
from evaluation.networks.segmenter import WEIGHTS, Segmenter
from evaluation.networks.training_loop import Step, batch_composition, train_loop
from evaluation.networks.weights import read_weights, restore
from evaluation.pairs import Images, Masks, Pairs, with_masks
from evaluation.volumes.consistency import VolumeJudge, volume_dice
from evaluation.volumes.stacks import Stack, stacks_of

DEPTH, SIDE = 16, 64  # of a patch, in slices and pixels; smaller volumes are padded
BATCH = 2  # patches per step
OVERLAP = 0.5  # of neighbouring windows
WINDOWS = 4  # at a time


@dataclass(frozen=True, eq=False)
class VolumeSegmenter(Segmenter):
    """A network for volumes (B, C, K, H, W); attributes as of any segmenter."""

    def predict(self, images: Images) -> Masks:
        """(K, H, W) uint8 class indices for the slices (K, H, W, C) of one volume, in order.

        Windows overlap and are averaged with the weights of a bell (MONAI).

        Raises:
            ValueError: if the images have another number of channels.
        """
        if images.shape[-1] != self.channels:
            raise ValueError(f"images have {images.shape[-1]} channels, not {self.channels}")
        self.network.eval()
        with torch.inference_mode():
            logits = sliding_window_inference(
                standardised(_volume(images)[None]).to(device_of(self.network)),
                patch_of(images.shape[1:3]),
                WINDOWS,
                self.network,
                overlap=OVERLAP,
                mode="gaussian",
            )
        return np.asarray(logits.argmax(1)[0].byte().cpu().numpy())

    def segment(self, stack: Stack) -> Masks:
        """(K, H, W) uint8 class indices for a volume."""
        return self.predict(stack.images)


def new_volume_segmenter(
    kind: str, channels: int, classes: Sequence[str], *, seed: int
) -> VolumeSegmenter:
    """An untrained segmenter of volumes; its weights follow from the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = VOLUME_SEGMENTERS[kind](channels, len(classes))
    return VolumeSegmenter(to_best_device(network), kind, channels, tuple(classes))


def load_volume_segmenter(folder: Path) -> VolumeSegmenter:
    """Reads what `segmenter.save_segmenter` wrote of one; errors as of `load_segmenter`."""
    path = folder / WEIGHTS
    card, state = read_weights(path, "segmenter")
    classes = tuple(json.loads(card["classes"]))
    segmenter = new_volume_segmenter(card["kind"], int(card["channels"]), classes, seed=0)
    restore(segmenter.network, state, path, card["kind"])
    return segmenter


def train_volume_segmenter(
    segmenter: VolumeSegmenter,
    parts: Sequence[Pairs],
    *,
    steps: int,
    seed: int,
    batch: int = BATCH,
    learning_rate: float = 3e-3,
    weights: Sequence[float] = (),
    falls: tuple[int, int] | None = None,
    strength: float = 1.0,
    classical: bool = False,
    randomisations: Sequence[object | None] = (),
    validation: Pairs | None = None,
    validate_every: int = 100,
) -> Iterator[Step]:
    """Trains in place on patches and yields after every step, as `train_segmenter` does.

    Two of three patches have a voxel of some class in their middle. They are turned within the slices,
    scaled, moved and changed in contrast, brightness and noise, never mirrored.

    Args:
        segmenter: is changed; with `validation` it ends with its best validated weights.
        parts: one or two, of slices; each batch takes its share of volumes from every part.
        steps: number of optimiser steps.
        seed: of drawing and augmentation.
        batch: patches per step.
        learning_rate: the highest one.
        weights: of the parts in the batches; none means equal ones.
        falls: when the last part leaves the batches, see `batch_composition`.
        strength: of the augmentation, 1 for the usual one.
        classical: whether volumes are bent and regions copied, too.
        randomisations: none; they change pairs, not volumes.
        validation: pairs that choose the checkpoint, by Dice of their volumes.
        validate_every: steps between two validations.

    Raises:
        InputError: if a part has no volume with a mask, or is to be randomised.
        ValueError: if the loss stops being finite.
    """
    if any(randomisation is not None for randomisation in randomisations):
        raise InputError(f"{segmenter.kind} learns volumes; leave out domain_randomisation")
    network, loss_of = segmenter.network, DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
    shares = batch_composition(batch, weights or [1] * len(parts), falls)
    stacks = [stacks_of(with_masks(part)) for part in parts]
    draws = _batches(stacks, shares, seed, classical, strength)

    def loss() -> Tensor:
        images, masks = (tensor.to(device_of(network)) for tensor in next(draws))
        return torch.as_tensor(loss_of(network(images), masks))

    yield from train_loop(
        network,
        loss,
        steps=steps,
        learning_rate=learning_rate,
        validate=None if validation is None else lambda: validated_volumes(segmenter, validation),
        validate_every=validate_every,
    )


def validated_volumes(segmenter: VolumeJudge, pairs: Pairs) -> float:
    """Mean Dice over the classes that each volume shows, over volumes that show any."""
    stacks = stacks_of(with_masks(pairs))
    answers = [segmenter.segment(stack) for stack in stacks]
    return float(np.nanmean(volume_dice(answers, [s.masks for s in stacks], segmenter.classes)))


def patch_of(size: tuple[int, ...]) -> tuple[int, int, int]:
    """(K, H, W) of the patches of volumes whose slices have this size, multiples of 8."""
    rows, columns = (min(SIDE, -(-side // 8) * 8) for side in size)
    return DEPTH, rows, columns


def _volume(images: Images) -> Tensor:
    """(K, H, W, C) uint8 to (C, K, H, W) in [0, 1]."""
    return torch.from_numpy(np.moveaxis(images, -1, 0).astype(np.float32) / 255)


def _batches(
    parts: Sequence[Sequence[Stack]],
    shares: Iterator[list[int]],
    seed: int,
    classical: bool,
    strength: float,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless augmented patches: standardised images (B, C, K, H, W), and masks (B, 1, K, H, W)."""
    if not parts or not all(parts):
        raise InputError("a part of the training data has no volume with a mask to learn from")
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    size = parts[0][0].images.shape[1:3]
    change = _changes(patch_of(size), strength)
    change.set_random_state(state=np.random.RandomState(seed))
    for counts in shares:
        chosen = [
            part[int(at)]
            for part, count in zip(parts, counts, strict=True)
            for at in rng.integers(len(part), size=count)
        ]
        patches = [change(_entry(stack))[0] for stack in chosen]
        images, masks = (
            torch.stack([torch.as_tensor(patch[key]) for patch in patches])
            for key in ("image", "mask")
        )
        if classical:
            images, masks = bent_and_pasted_volumes(images, masks, generator, strength)
        yield standardised(images), masks


def _entry(stack: Stack) -> dict[str, Tensor]:
    masks = torch.from_numpy(stack.masks.astype(np.float32))[None]
    return {"image": _volume(stack.images), "mask": masks}


def _changes(patch: tuple[int, int, int], strength: float) -> Any:  # noqa: ANN401  # MONAI's Compose
    both, turn, grow = ["image", "mask"], strength * np.pi / 12, strength * 0.15
    return Compose(
        [
            SpatialPadd(both, patch),
            RandCropByPosNegLabeld(both, "mask", patch, pos=2, neg=1, num_samples=1),
            RandAffined(
                both,
                prob=1.0,
                rotate_range=(turn, 0, 0),
                scale_range=(0, grow, grow),
                translate_range=(0, strength * 0.1 * patch[1], strength * 0.1 * patch[2]),
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            RandAdjustContrastd(["image"], prob=0.5, gamma=(0.7, 1.5)),
            RandScaleIntensityd(["image"], factors=0.2 * strength, prob=0.5),
            RandGaussianNoised(["image"], prob=0.5, std=0.04 * strength),
        ]
    )
