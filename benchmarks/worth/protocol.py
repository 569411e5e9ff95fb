"""Which sets, generators and arms are tried: docs/protocol.md in code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from benchmarks.xrays import RECORDED

GeneratorKind = Literal["full", "adapted", "strict"]


@dataclass(frozen=True)
class RealSet:
    """A data set and how segmenters learn from it.

    Attributes:
        recipe: that makes its pairs.
        kinds: how many combinations of facets its grid asks for.
        few: numbers of real images, the smaller first.
        steps: of every segmenter.
        primary: whether pairs are meant to help; a control has no headroom.
        recorded: a checkpoint of the recipe that lies in the repository; None: it is trained.
    """

    recipe: str
    kinds: int
    few: tuple[int, ...]
    steps: int
    primary: bool = True
    recorded: Path | None = None


SETS: Mapping[str, RealSet] = MappingProxyType(
    {
        "us_hc18": RealSet("fetal-head", 1, (5, 10), 300),
        "nuclei_dsb2018": RealSet("nuclei", 2, (5, 10), 500),
        "cxr_montgomery": RealSet("cxr-lungs", 2, (10,), 300, primary=False, recorded=RECORDED),
    }
)

OF_FEW = ("real", "annealed", "classical", "searched")
ARMS: Mapping[GeneratorKind, Sequence[str]] = MappingProxyType(
    {
        "full": ("real", "synthetic", "annealed", "classical", "selftrained"),
        "adapted": OF_FEW,
        "strict": OF_FEW,
    }
)
RIVALS = ("real", "classical", "selftrained")  # the best of them is what pairs must beat

# A generator that learns from k images: what a user's own run would take, some six minutes.
LEARNT_FROM_FEW = (
    "generator.train.steps=600",
    "generator.train.learning_rate=5e-4",
    "generator.train.autoencoder.steps=300",
    "generator.train.autoencoder.learning_rate=5e-4",
    "generator.train.augment.copies=96",
)
PAIRS = 128  # asked of a generator that learnt from few

# Parts of the recipe `open-128` that a generator which is adapted to one of them must not have seen.
WITHHELD = ("head", "nuclei")
