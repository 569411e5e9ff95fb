"""Which sets, generators and arms are tried: docs/protocol.md in code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

GeneratorKind = Literal["full", "open", "adapted", "strict"]


@dataclass(frozen=True)
class RealSet:
    """A data set and how segmenters learn from it.

    Attributes:
        recipe: that trains a generator on it; "" for none of its own.
        asked: facet -> its values, of pairs drawn by the checkpoint that ships.
        few: numbers of real images, the smaller first; of volumes, their slices.
        steps: of every segmenter.
        primary: whether pairs are meant to help; a control has no headroom.
    """

    recipe: str
    asked: Mapping[str, Sequence[str]]
    few: tuple[int, ...]
    steps: int
    primary: bool = True


ENDS = ("anterior hippocampus", "posterior hippocampus")
ORGANS = (
    "liver;spleen",
    "liver;right kidney;left kidney",
    "liver",
    "liver;right kidney;left kidney;spleen",
    "right kidney;left kidney",
)
SETS: Mapping[str, RealSet] = MappingProxyType(
    {
        "us_hc18": RealSet("fetal-head", {"classes": ["fetal head"]}, (5, 10), 300),
        "nuclei_dsb2018": RealSet(
            "nuclei", {"finding": ["fluorescence", "stained tissue/colour"]}, (5, 10), 500
        ),
        # Two volumes and five: 27 slices each that show something.
        "mri_hippocampus": RealSet("", {"classes": [*ENDS, ";".join(ENDS)]}, (54, 135), 300),
        # One volume and two.
        "mri_chaos_t2": RealSet("", {"classes": ORGANS}, (28, 55), 300),
        "cxr_montgomery": RealSet(
            "cxr-lungs", {"finding": ["normal", "tuberculosis"]}, (10,), 300, primary=False
        ),
    }
)

OF_ALL = ("real", "synthetic", "annealed", "classical", "selftrained")
OF_FEW = ("real", "annealed", "classical", "searched")
ARMS: Mapping[GeneratorKind, Sequence[str]] = MappingProxyType(
    {"full": OF_ALL, "open": OF_ALL, "adapted": OF_FEW, "strict": OF_FEW}
)
# Generators that have seen every training image -> what the names of their figures end with.
SEES_ALL: Mapping[GeneratorKind, str] = MappingProxyType({"full": "", "open": "_open"})
RIVALS = ("real", "classical", "selftrained")  # the best of them is what pairs must beat

# A generator that learns from k images: what a user's own run would take, some six minutes.
LEARNT_FROM_FEW = (
    "generator.train.steps=600",
    "generator.train.learning_rate=5e-4",
    "generator.train.autoencoder.steps=300",
    "generator.train.autoencoder.learning_rate=5e-4",
    "generator.train.augment.copies=96",
)
PAIRS = {"open": 256, "adapted": 128, "strict": 128}  # asked of a generator; `full` by its recipe

# Folders of the parts of the recipe `open-128`, and those that a generator which is adapted to one
# of them must not have seen.
OPEN_SETS: Mapping[str, str] = MappingProxyType(
    {
        "chest": "cxr_montgomery",
        "breast": "us_busi",
        "head": "us_hc18",
        "nuclei": "nuclei_dsb2018",
        "abdomen": "mri_chaos_t2",
        "hippocampus": "mri_hippocampus",
    }
)
WITHHELD = ("head", "nuclei")
