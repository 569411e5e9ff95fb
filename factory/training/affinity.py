"""Trains the affinity network on labels that the attention of drawn images is certain of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from factory.attention_maps.affinity_net import AffinityNet, as_batch
from factory.attention_maps.random_walk import IGNORE, neighbours
from factory.errors import InputError
from factory.training.steps import Progress, step_generator

LEAST = 1e-3  # added to distances: the log of "not alike" is infinite where features are equal


def affinity_loss(features: Tensor, labels: Tensor, radius: int) -> Tensor:
    """How wrong the affinities of neighbouring cells are; a scalar.

    Args:
        features: (N, C, h, w).
        labels: (N, h, w) class indices, 0 the background, 255 unknown.
        radius: cells nearer than this are neighbours.

    Returns:
        A quarter of the mean log loss over pairs within the background, a quarter over pairs
        within a class, and half over pairs of two labels. A kind that has no pair counts 0.

    Source: the training loss of Ahn & Kwak 2018.
    """
    sums, counts = features.new_zeros(3), features.new_zeros(3)
    for a, b in neighbours(labels.shape[1], labels.shape[2], radius):
        first, second = labels[:, *a], labels[:, *b]
        known = (first != IGNORE) & (second != IGNORE)
        distance = (features[:, :, *a] - features[:, :, *b]).abs().sum(1)
        # With an affinity exp(-d) the log losses are d and -log(1 - exp(-d)).
        apart = -torch.log(-torch.expm1(-distance - LEAST))
        same, ground = known & (first == second), first == 0
        kinds = (same & ground, same & ~ground, known & (first != second))
        losses = (distance, distance, apart)
        sums = sums + torch.stack([(x * k).sum() for x, k in zip(losses, kinds, strict=True)])
        counts = counts + torch.stack([kind.sum() for kind in kinds])
    means = sums / counts.clamp(min=1)
    return (means * means.new_tensor([0.25, 0.25, 0.5])).sum()


def train_affinity(
    net: AffinityNet,
    images: Sequence[NDArray[np.uint8]],
    labels: Sequence[NDArray[np.uint8]],
    seed: int,
) -> Iterator[Progress]:
    """Trains in place and yields every step with its loss `affinity`.

    Args:
        net: the network; its section says how.
        images: N images (H, W) or (H, W, channels) of one size.
        labels: of the same images, (H, W): class indices, 255 where unknown.
        seed: of the draws; each step's are a function of it and the step's number.

    Raises:
        InputError: if no two neighbouring cells have different labels.
    """
    section = net.section
    pictures, cells = as_batch(images), on_grid(np.stack(labels), section.stride)
    _check(cells, section.radius)
    optimiser = torch.optim.Adam(net.parameters(), lr=section.learning_rate)
    net.train()
    for step in range(1, section.steps + 1):
        rows = torch.randint(len(pictures), (section.batch,), generator=step_generator(seed, step))
        features = net(pictures[rows].to(net.device))
        loss = affinity_loss(features, cells[rows].to(net.device), section.radius)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield Progress("affinity", step, section.steps, {"affinity": loss.item()})
    net.eval()


def on_grid(labels: NDArray[np.uint8], stride: int) -> Tensor:
    """(N, H, W) labels as (N, H // stride, W // stride): a cell's label where all its pixels agree."""
    count, height, width = len(labels), labels.shape[1] // stride, labels.shape[2] // stride
    whole = labels[:, : height * stride, : width * stride]
    blocks = whole.reshape(count, height, stride, width, stride)
    low, high = blocks.min(axis=(2, 4)), blocks.max(axis=(2, 4))
    return torch.from_numpy(np.where(low == high, low, np.uint8(IGNORE)))


def _check(cells: Tensor, radius: int) -> None:
    for a, b in neighbours(cells.shape[1], cells.shape[2], radius):
        first, second = cells[:, *a], cells[:, *b]
        if bool(((first != second) & (first != IGNORE) & (second != IGNORE)).any()):
            return
    raise InputError(
        "the labels hold no border between two labels: there is nothing to learn affinities from; "
        "take `contrast` out of train.affinity_label_steps if the captions deny nothing, lower "
        "masks.affinity.margin, or leave the step affinity out (train.affinity_images 0)"
    )
