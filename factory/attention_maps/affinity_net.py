"""A small network that learns from confident labels which neighbouring places belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from factory.attention_maps.random_walk import Floats, affinity_matrix, transition
from factory.attention_maps.settings import AffinitySection
from factory.errors import InputError
from factory.models.unet_files import read_json, write_json
from factory.models.weights import assign_state, read_state, write_state

CONFIG, WEIGHTS = "config.json", "model.safetensors"
WIDTH = 32
BRIGHTNESS = 4.0  # a fifth of the grey scale alone makes an affinity of exp(-0.8)


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


def as_batch(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(N, C, H, W) float32 in [0, 1] of images (H, W) or (H, W, C)."""
    stacked = np.stack([np.atleast_3d(image) for image in images])
    return torch.from_numpy(stacked).movedim(-1, 1).float() / 255


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
            f"{folder} does not exist: the step affinity has no network; train one (train.affinity_images "
            "above 0), or take the step out of masks.steps"
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
