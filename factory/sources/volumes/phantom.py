"""The source of phantom volumes: no files, and every slice knows its stack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from factory.errors import InputError
from factory.images import ImageSection
from factory.orientation import AXIAL
from factory.pairs import PairBatch
from factory.sources.base import FACETS, LimitedSpec, SourceSpec
from factory.sources.splits import SPLITS, Split, first_units
from factory.sources.volumes.anatomy import (
    ANATOMY_VERSION,
    DOMAIN,
    FIELD_MM,
    LENGTH_MM,
    Volume,
    draw_volume,
)
from factory.vocabulary import Domain

Count = Annotated[int, Field(ge=1, le=10_000)]  # drawn slice by slice, before a run begins


class PhantomVolumeSource(LimitedSpec):
    """Recipe section of phantom volumes.

    Attributes:
        train: training volumes.
        val: validation volumes.
        test: test volumes.
        slices: of each volume; few of them are thick, as all span the same length.
        limit: takes this many training volumes; None takes all.
        limit_seed: which ones; a smaller limit of the same seed takes a part of a larger one's.
        seed: of all volumes; another seed shows other patients.
    """

    kind: Literal["phantom-volumes"] = "phantom-volumes"
    train: Count = 24
    val: Count = 6
    test: Count = 12
    slices: Annotated[int, Field(ge=2, le=128)] = 16
    limit: Count | None = None
    limit_seed: Annotated[int, Field(ge=0)] = 0
    seed: int = 0

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.limit is not None and self.limit > self.train:
            raise InputError(
                f"limit asks for {self.limit} of {self.train} training volumes; lower it or raise "
                "train"
            )
        return self

    def single_domain(self, domain: str) -> SourceSpec:
        """Itself: there is one domain."""
        return self if domain == DOMAIN.name else super().single_domain(domain)

    def build(self) -> PhantomVolumes:
        """The source itself."""
        return PhantomVolumes(self)


@dataclass(frozen=True)
class PhantomVolumes:
    """A Source whose volumes are drawn when they are read, at the size asked for."""

    section: PhantomVolumeSource
    licence: str = "CC0-1.0"

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The one domain of these volumes."""
        return {DOMAIN.name: DOMAIN}

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """None: it is made of no other source."""
        return ()

    @property
    def units(self) -> Mapping[str, str]:
        """None: every volume is a patient of its own."""
        return {}

    @cached_property
    def digest(self) -> str:
        """Digest of what the voxels follow from: anatomy, section and label map."""
        content = {
            "anatomy": ANATOMY_VERSION,
            "section": self.section.model_dump(),
            "domain": DOMAIN.model_dump(),
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def problems(self, image: ImageSection) -> list[str]:
        """None: there are no files."""
        return []

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """Draws one split, volume after volume, each from its lowest slice up."""
        slices = self.section.slices
        names = [f"{DOMAIN.name}-{split}-{n:04d}" for n in range(getattr(self.section, split))]
        if split == "train" and self.section.limit is not None:
            taken = first_units(names, self.section.limit, self.section.limit_seed)
            names = [name for name in names if name in taken]
        drawn = [
            draw_volume(_finding(name), self._seed(name, split), image.size, slices)
            for name in names
        ]
        images = np.concatenate([images for images, _ in drawn])[..., None]
        masks = np.concatenate([masks for _, masks in drawn])
        rows = [
            _facets(name, split, number, mask, LENGTH_MM / slices)
            for name, (_, volume) in zip(names, drawn, strict=True)
            for number, mask in enumerate(volume)
        ]
        return PairBatch(
            np.repeat(images, image.channels, -1),
            masks,
            pd.DataFrame(rows, columns=list(FACETS)),
            np.full((len(rows), 2), FIELD_MM / image.size, np.float32),
            np.ones(len(rows), bool),
        )

    def _seed(self, name: str, split: Split) -> int:
        drawn = hashlib.blake2b(f"{self.section.seed}|{name}".encode(), digest_size=7).digest()
        return int.from_bytes(drawn, "big") * len(SPLITS) + SPLITS.index(split)


def _finding(name: str) -> str:
    """Findings take turns, so they are balanced at any count."""
    return tuple(DOMAIN.findings)[int(name.rpartition("-")[2]) % len(DOMAIN.findings)]


def _facets(
    name: str, split: Split, number: int, mask: Volume, slice_mm: float
) -> dict[str, object]:
    return {
        "name": f"{name}[{number}]",
        "split": split,
        "patient": name,
        "domain": DOMAIN.name,
        "modality": DOMAIN.modality,
        "anatomy": DOMAIN.anatomy,
        "labels": ";".join(DOMAIN.class_names[index] for index in np.unique(mask) if index),
        "finding": _finding(name),
        "text": "",
        "window_low": float("nan"),
        "window_high": float("nan"),
        "volume": name,
        "slice": number,
        "slice_mm": slice_mm,
        "orientation": AXIAL,
    }
