"""A small network that learns from confident seeds which neighbouring places belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from factory.attention_maps.random_walk import (
    IGNORE,
    Floats,
    affinity_matrix,
    neighbours,
    transition,
)
from factory.attention_maps.settings import AffinitySection
from factory.errors import InputError
from factory.models.unet_files import read_json, write_json
from factory.models.weights import assign_state, read_state, write_state
from factory.training.steps import Progress, step_generator

CONFIG, WEIGHTS = "config.json", "model.safetensors"
WIDTH = 32
BRIGHTNESS = 4.0  # a fifth of the grey scale alone makes an affinity of exp(-0.8)
LEAST = 1e-3  # added to distances: the log of "not alike" is infinite where features are equal


class AffinityNet(nn.Module):
    """Features of a grid of cells, alike where the cells show one structure.

    Four convolutions in place of the paper's ResNet-38, which our images are too small for. The
    last feature is the cell's brightness itself: untrained, the network knows affinity by
    brightness and hardly more. Borders are continued, so a constant image has one feature.

    Args:
        section: gives the stride.
        channels: of the images, 1 or 3.

    Source: Ahn & Kwak 2018, CVPR.
    """

    def __init__(self, section: AffinitySection, channels: int = 1) -> None:
        super().__init__()
        self.section = section
        self.channels = channels
        halvings = {1: 0, 2: 1, 4: 2}[section.stride]
        widths = [channels, WIDTH, 2 * WIDTH, 2 * WIDTH]
        self.layers = nn.Sequential(
            *(_layer(widths[i], widths[i + 1], halve=i < halvings) for i in range(3)),
        )
        self.head = nn.Conv2d(2 * WIDTH, WIDTH, 1, bias=False)
        with torch.no_grad():
            self.head.weight.mul_(0.01)

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, H, W) in [0, 1] -> (N, C, H // stride, W // stride)."""
        brightness = F.avg_pool2d(images.mean(1, keepdim=True), self.section.stride)
        return torch.cat([self.head(self.layers(images)), BRIGHTNESS * brightness], dim=1)

    @torch.no_grad()
    def features(self, image: NDArray[np.uint8]) -> Floats:
        """(C, h, w) of one image (H, W) or (H, W, channels)."""
        return np.asarray(self(as_batch([image]).to(self.device))[0].cpu().numpy())

    def transition(self, image: NDArray[np.uint8]) -> sparse.csr_matrix:
        """The random walk on one image's cells: sparse, row-stochastic (hw, hw)."""
        section = self.section
        return transition(affinity_matrix(self.features(image), section.radius, section.beta))

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.parameters()).device


def _layer(before: int, after: int, *, halve: bool) -> nn.Sequential:
    # An even kernel keeps halved cells centred on their pixels.
    size, step = (4, 2) if halve else (3, 1)
    return nn.Sequential(
        nn.Conv2d(before, after, size, step, padding=1, padding_mode="replicate", bias=False),
        nn.GroupNorm(8, after),
        nn.SiLU(),
    )


def affinity_loss(features: Tensor, seeds: Tensor, radius: int) -> Tensor:
    """How wrong the affinities of neighbouring seeds are; a scalar.

    Args:
        features: (N, C, h, w).
        seeds: (N, h, w) class indices, 0 the background, 255 unknown.
        radius: cells nearer than this are neighbours.

    Returns:
        A quarter of the mean log loss over pairs within the background, a quarter over pairs
        within a class, and half over pairs of two labels. A kind that has no pair counts 0.

    Source: the training loss of Ahn & Kwak 2018.
    """
    sums, counts = features.new_zeros(3), features.new_zeros(3)
    for a, b in neighbours(seeds.shape[1], seeds.shape[2], radius):
        first, second = seeds[:, *a], seeds[:, *b]
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
    seeds: Sequence[NDArray[np.uint8]],
    seed: int,
) -> Iterator[Progress]:
    """Trains in place and yields every step with its loss `affinity`.

    Args:
        net: the network; its section says how.
        images: N images (H, W) or (H, W, channels) of one size.
        seeds: of the same images, (H, W): class indices, 255 where unknown.
        seed: of the draws; each step's are a function of it and the step's number.

    Raises:
        InputError: if no two neighbouring cells are seeds of different labels.
    """
    section = net.section
    pictures, cells = as_batch(images), on_grid(np.stack(seeds), section.stride)
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


def as_batch(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(N, C, H, W) float32 in [0, 1] of images (H, W) or (H, W, C)."""
    stacked = np.stack([np.atleast_3d(image) for image in images])
    return torch.from_numpy(stacked).movedim(-1, 1).float() / 255


def on_grid(seeds: NDArray[np.uint8], stride: int) -> Tensor:
    """(N, H, W) seeds as (N, H // stride, W // stride): a cell's label where all its pixels agree."""
    count, height, width = len(seeds), seeds.shape[1] // stride, seeds.shape[2] // stride
    whole = seeds[:, : height * stride, : width * stride]
    blocks = whole.reshape(count, height, stride, width, stride)
    low, high = blocks.min(axis=(2, 4)), blocks.max(axis=(2, 4))
    return torch.from_numpy(np.where(low == high, low, np.uint8(IGNORE)))


def _check(cells: Tensor, radius: int) -> None:
    for a, b in neighbours(cells.shape[1], cells.shape[2], radius):
        first, second = cells[:, *a], cells[:, *b]
        if bool(((first != second) & (first != IGNORE) & (second != IGNORE)).any()):
            return
    raise InputError(
        "the seeds hold no border between two labels: there is nothing to learn affinities from; "
        "take `contrast` out of train.seed_rungs if the captions deny nothing, lower "
        "masks.affinity.margin, or leave the rung affinity out (train.seeds 0)"
    )


def save_affinity(net: AffinityNet, folder: Path) -> None:
    """Writes architecture (config.json) and weights (safetensors) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG, {"stride": net.section.stride, "channels": net.channels})
    write_state(net, folder / WEIGHTS)


def load_affinity(folder: Path, section: AffinitySection) -> AffinityNet:
    """Reads what `save_affinity` wrote, set to inference.

    Args:
        folder: that it was written to.
        section: how to walk; its stride must be the network's.

    Raises:
        InputError: if files are missing or damaged, or the stride is another.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(
            f"{folder} does not exist: the rung affinity has no network; train one (train.seeds "
            "above 0), or take the rung out of masks.rungs"
        )
    config = read_json(folder / CONFIG)
    if config["stride"] != section.stride:
        raise InputError(
            f"{folder} was trained with stride {config['stride']} and the recipe asks for "
            f"{section.stride}: its features mean nothing on another grid; set masks.affinity."
            f"stride to {config['stride']}, or train anew"
        )
    net = AffinityNet(section, config["channels"])
    assign_state(net, read_state(folder / WEIGHTS), folder / WEIGHTS)
    return net.eval().requires_grad_(False)
