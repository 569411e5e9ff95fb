"""A user's own network as an extractor: a program that torch.export wrote, read and run here."""

from __future__ import annotations

import hashlib
import io
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind
from torch.export.passes import move_to_device_pass
from torch.nn import functional
from torch.utils import _pytree as pytree

from evaluation.errors import InputError
from evaluation.features.export_safety import problem
from evaluation.features.spectrum import LUMA
from evaluation.features.texture import Table
from evaluation.pairs import Images, Masks

MOST = 64  # images in one pass
WIDEST = 4096  # features: their covariance still fits into memory
HOW = (
    "export it on the CPU with torch.export.save(torch.export.export(network, (images,)), PATH), "
    "images being float32 (batch, 3, height, width) in [0, 1]"
)


@dataclass(frozen=True, eq=False)
class Program:
    """A loaded network and the input it declares.

    Attributes:
        network: images (B, C, H, W) to whatever it gives.
        fewest: images that a pass needs.
        most: images that a pass may have.
        channels: 1 or 3.
        size: (H, W); None where any will do.
        dtype: floating: [0, 1]; uint8: [0, 255].
        digest: SHA-256 of the file.
    """

    network: nn.Module
    fewest: int
    most: int
    channels: int
    size: tuple[int, int] | None
    dtype: torch.dtype
    digest: str

    def features(self, images: Tensor) -> Tensor:
        """(B, D) of (B, C, H, W) uint8 images, at most `most` of them, on the CPU."""
        batch = self.fitted(images)
        if (missing := self.fewest - len(batch)) > 0:
            # A fixed batch is filled up with the first image again.
            batch = torch.cat([batch, batch[:1].expand(missing, -1, -1, -1)])
        with torch.inference_mode():
            leaves = pytree.tree_leaves(self.network(batch))
        if len(leaves) != 1 or not isinstance(leaves[0], Tensor) or len(leaves[0]) != len(batch):
            raise ValueError(f"gives {len(leaves)} results, not one tensor with a row per image")
        return leaves[0].reshape(len(batch), -1)[: len(images)]

    def fitted(self, images: Tensor) -> Tensor:
        """Images in the declared channels, size and type; shrunk with antialiasing, not cut."""
        given = images.float()
        if self.channels == 1 and images.shape[1] == 3:
            given = (given * torch.from_numpy(LUMA)[:, None, None]).sum(1, keepdim=True)
        given = given.expand(-1, self.channels, -1, -1)
        if self.size is not None and self.size != tuple(given.shape[2:]):
            given = functional.interpolate(
                given, self.size, mode="bilinear", antialias=True, align_corners=False
            ).clamp(0, 255)
        return (
            given.round().to(torch.uint8)
            if self.dtype == torch.uint8
            else (given / 255).to(self.dtype)
        )


@dataclass(frozen=True, eq=False)
class Exported:
    """Extractor of what a program gives for images; it does not see masks.

    Attributes:
        path: of the program, for messages.
        program: loaded.
        name: "network", or "inception", whose Fréchet distance alone is called FID.
    """

    path: Path
    program: Program
    name: str = "network"
    scaled: bool = False

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of the SHA-256 of the file."""
        return self.program.digest[:12]

    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """One group of (N, D) features, the program's output flattened.

        Args:
            images: (N, H, W, C) uint8; grey ones are repeated to three channels.
            masks: not read.

        Raises:
            InputError: if the program fails on such images, or gives what are no features.
        """
        whole = torch.from_numpy(np.moveaxis(images, -1, 1).copy())
        # No images have no rows but all columns, which only a run can count.
        runs = whole if len(whole) else torch.zeros(1, *whole.shape[1:], dtype=torch.uint8)
        parts = [self._run(part) for part in runs.split(self.program.most)]
        return {self.name: torch.cat(parts).double().numpy()[: len(images)]}

    def _run(self, images: Tensor) -> Tensor:
        try:
            found = self.program.features(images)
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            reason = " ".join(str(error).split())[:120]
            raise InputError(
                f"network {self.path} cannot read images {tuple(images.shape[1:])}: {reason}; {HOW}"
            ) from error
        if found.shape[1] > WIDEST:
            raise InputError(
                f"network {self.path} gives {found.shape[1]} numbers per image, too many for "
                f"distances (at most {WIDEST}); export it up to its pooling layer"
            )
        if not (found.is_floating_point() and torch.isfinite(found).all()):
            raise InputError(
                f"network {self.path} gives numbers that are whole or not finite: no distance can "
                "be measured with them; export it up to its features, and check its weights"
            )
        return found


def load_exported(path: Path, name: str = "network") -> Exported:
    """The extractor of a file, which is read once.

    Raises:
        InputError: if there is no file, it is no exported program, could run code, or declares
            another input than one batch of images.
    """
    if not path.is_file():
        raise InputError(
            f"{name}:{path} does not exist, so its distances cannot be measured; {HOW}"
        )
    stamp = path.stat()
    return Exported(path, _program(path, stamp.st_mtime_ns, stamp.st_size), name)


@lru_cache(maxsize=4)
def _program(path: Path, _written: int, _size: int) -> Program:
    content = path.read_bytes()
    if reason := problem(content):
        raise InputError(f"network {path} is not read: {reason}; {HOW}")
    log = logging.getLogger("torch.export")
    before = log.disabled
    try:
        log.disabled = True  # what it would say is in the error
        exported = move_to_device_pass(torch.export.load(io.BytesIO(content)), "cpu")
        shape, dtype = _input(exported)
        # The guards are code as text; sizes are seen to here.
        network = exported.module(check_guards=False)
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"network {path} cannot be loaded: {reason}; {HOW}") from error
    finally:
        log.disabled = before
    return _declared(path, network, shape, dtype, hashlib.sha256(content).hexdigest())


def _input(exported: Any) -> tuple[list[tuple[int, int]], torch.dtype]:  # noqa: ANN401  # untyped
    """(fewest, most) of each side of the one input, and its type."""
    given = [
        s.arg.name for s in exported.graph_signature.input_specs if s.kind == InputKind.USER_INPUT
    ]
    values = [
        n.meta["val"] for n in exported.graph.nodes if n.op == "placeholder" and n.name in given
    ]
    if len(values) != 1 or not isinstance(values[0], Tensor):
        raise ValueError(f"it takes {len(values)} inputs, not one batch of images")
    return [_range(side, exported.range_constraints) for side in values[0].shape], values[0].dtype


def _range(side: Any, ranges: Mapping[Any, Any]) -> tuple[int, int]:  # noqa: ANN401  # int or SymInt
    if isinstance(side, int):
        return side, side
    known = ranges.get(side.node.expr)
    if known is None:
        raise ValueError(f"the size {side} of its input follows from others")
    return _bounded(known.lower), _bounded(known.upper)


def _bounded(bound: Any) -> int:  # noqa: ANN401  # a number of sympy, or its infinity
    return int(bound) if math.isfinite(float(bound)) else 2**31


def _declared(
    path: Path, network: nn.Module, shape: list[tuple[int, int]], dtype: torch.dtype, digest: str
) -> Program:
    declared = f"network {path} declares an input of sizes {shape} and type {dtype}"
    if len(shape) != 4 or not (dtype.is_floating_point or dtype == torch.uint8):
        raise InputError(f"{declared}, not a batch of images; {HOW}")
    (fewest, most), (few, many), *sides = shape
    channels = 3 if few <= 3 <= many else 1
    if not few <= channels <= many:
        raise InputError(f"{declared}: it reads neither grey nor RGB images; {HOW}")
    fixed = [low for low, high in sides if low == high]
    size = (fixed[0], fixed[1]) if len(fixed) == 2 else None
    if len(fixed) == 1:
        raise InputError(f"{declared}: fix both height and width, or neither; {HOW}")
    most = min(most, max(MOST, fewest))
    return Program(network, max(1, fewest), most, channels, size, dtype, digest)
