"""A small encoder that teaches itself on real training pairs to tell each pair from all others.

It is taught that a pair stays the same when it is cropped a little or changed in brightness and
contrast, and never that it stays the same when blurred or made noisy: faults of generators. It
still reads little of either, so it is no judge on its own.

Source: Chen et al. 2020 (arXiv 2002.05709), equation 1 (NT-Xent), without their blur.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.errors import InputError
from evaluation.features.handcrafted import check_pairs
from evaluation.features.stacking import CHUNK, stacked
from evaluation.features.texture import Table
from evaluation.networks.training_loop import Step
from evaluation.networks.weights import read_weights, restore, save_weights
from evaluation.pairs import Images, Masks, Pairs, with_masks

WEIGHTS = "encoder.safetensors"
WIDTHS = (16, 16, 32, 32)
PROJECTED = 32
TEMPERATURE = 0.2
BATCH = 32
RATE = 2e-3
SMALLEST_CROP = 0.8  # of the side


class Network(nn.Module):
    """Four convolutions of stride 2: pairs (B, channels, H, W) to (B, 96) pooled responses.

    Early stages are read too: they still see what later ones have learnt to overlook.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        ends = zip((channels, *WIDTHS), WIDTHS, strict=False)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in ends
        )
        self.head = nn.Sequential(
            nn.Linear(sum(WIDTHS), sum(WIDTHS)), nn.ReLU(), nn.Linear(sum(WIDTHS), PROJECTED)
        )

    def forward(self, pairs: Tensor) -> Tensor:
        pooled = []
        for stage in self.stages:
            pairs = stage(pairs)
            pooled.append(pairs.mean((2, 3)))
        return torch.cat(pooled, dim=1)


@dataclass(frozen=True, eq=False)
class Encoder:
    """Extractor with the weights of one domain.

    Attributes:
        network: to pooled responses.
        channels: of the images.
        classes: names of the foreground classes.
    """

    network: Network
    channels: int
    classes: tuple[str, ...]
    name: str = "encoder"
    scaled: bool = True

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of the SHA-256 of all weights."""
        sha = hashlib.sha256()
        for name, weight in sorted(self.network.state_dict().items()):
            sha.update(name.encode())
            sha.update(weight.cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()[:12]

    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """One group `encoder` of (N, 96) features, finite for every pair.

        Args:
            images: (N, H, W, C) uint8.
            masks: (N, H, W) uint8.

        Raises:
            ValueError: if a mask holds an index that no class has, or shapes disagree.
        """
        check_pairs(images, masks, len(self.classes))
        table = [np.zeros((0, sum(WIDTHS)))]
        self.network.eval()
        with torch.inference_mode():
            for at in range(0, len(images), CHUNK):
                part = slice(at, at + CHUNK)
                pairs = stacked(images[part], masks[part], len(self.classes))
                table.append(self.network(pairs).double().numpy())
        return {self.name: np.concatenate(table)}


def new_encoder(channels: int, classes: Sequence[str], *, seed: int) -> Encoder:
    """An untrained encoder; its weights follow from the seed alone, the global one is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(channels + len(classes))
    return Encoder(network, channels, tuple(classes))


def train_encoder(encoder: Encoder, train: Pairs, *, steps: int, seed: int) -> Iterator[Step]:
    """Trains in place and yields after every step.

    Each step draws up to 32 pairs and two views of each; the views of one pair shall be nearer to
    each other than to those of any other pair.

    Args:
        encoder: is changed.
        train: real training pairs of one domain; those without a mask are left out.
        steps: of Adam.
        seed: of draws and views.

    Raises:
        InputError: if no training pair has a mask.
        ValueError: if the loss stops being finite.
    """
    real = with_masks(train)
    if not len(real):
        raise InputError("no real training pair has a mask, so an encoder has nothing to learn")
    network, pairs = encoder.network, stacked(real.images, real.masks, len(encoder.classes))
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    rng = torch.Generator().manual_seed(seed)
    network.train()
    for number in range(1, steps + 1):
        chosen = pairs[torch.randperm(len(pairs), generator=rng)[:BATCH]]
        views = torch.cat([viewed(chosen, encoder.channels, rng) for _ in range(2)])
        loss = instance_loss(network.head(network(views)))
        if not torch.isfinite(loss):
            raise ValueError(f"loss {loss.item()} at step {number} is not finite; training stops")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        yield Step(number, loss.item())


def viewed(pairs: Tensor, channels: int, generator: torch.Generator) -> Tensor:
    """The pairs cropped a little, image and mask alike, and their images a little changed.

    Args:
        pairs: (B, C + classes, H, W) in [0, 1].
        channels: C, of the image.
        generator: of all random numbers.
    """
    count = len(pairs)
    crop = SMALLEST_CROP + (1 - SMALLEST_CROP) * torch.rand(count, generator=generator)
    moved = (torch.rand(count, 2, generator=generator) * 2 - 1) * (1 - crop)[:, None]
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = crop
    matrix[:, :, 2] = moved
    grid = functional.affine_grid(matrix, list(pairs.shape), align_corners=False)
    # The nearest pixel, for the mask's sake and because anything smoother would teach blur.
    shown = functional.grid_sample(pairs, grid, mode="nearest", align_corners=False)
    contrast, brightness = (torch.rand(2, count, 1, 1, 1, generator=generator) * 2 - 1) * 0.1
    images = shown[:, :channels] * (1 + contrast) + brightness
    return torch.cat([images, shown[:, channels:]], dim=1)


def instance_loss(projected: Tensor) -> Tensor:
    """Mean cross-entropy of finding each view's partner among all other views.

    Args:
        projected: (2 B, P); row i and row i + B are views of one pair. 0 where B is 1.
    """
    count = len(projected)
    unit = functional.normalize(projected, dim=1)
    alike = (unit @ unit.T / TEMPERATURE).masked_fill(
        torch.eye(count, dtype=torch.bool), -torch.inf
    )
    return functional.cross_entropy(alike, torch.arange(count).roll(count // 2))


def save_encoder(encoder: Encoder, folder: Path) -> None:
    """Writes the folder with one safetensors file."""
    save_weights(encoder.network, {}, folder / WEIGHTS)


def load_encoder(folder: Path, channels: int, classes: Sequence[str]) -> Encoder:
    """Reads what `save_encoder` wrote of an encoder of so many channels and these classes.

    Raises:
        InputError: if the file is missing, of another format, or holds other weights.
    """
    path, encoder = folder / WEIGHTS, new_encoder(channels, classes, seed=0)
    _, state = read_weights(path, "encoder")
    restore(encoder.network, state, path, f"encoder than one of {len(classes)} classes")
    return encoder
