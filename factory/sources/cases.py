"""Image and mask files read as pairs: what the file-based sources share."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.errors import InputError
from factory.images import (
    SMALLEST_SIDE,
    ImageSection,
    apply_window,
    fit_image,
    fit_mask,
    fit_scale,
    robust_window,
)
from factory.pairs import PairBatch
from factory.sources.base import FACETS
from factory.sources.duplicates import difference_hash, near_duplicates
from factory.sources.image_files import Stack, read_stack
from factory.sources.splits import Split, assign, first_units, together
from factory.vocabulary import Domain

READER = 1
"""Raised when the same files would be read as other pairs, so that their digest changes."""

log = logging.getLogger(__name__)

Codes = Mapping[int, int]  # value in the file -> class index of the domain
Slices = Literal["labelled", "all"]


@dataclass(frozen=True)
class Case:
    """One image with its mask, flat or a volume, not read yet.

    Attributes:
        name: unique, and what errors call it: the path of the image within the data set.
        images: one file, or one per channel.
        mask: None where none is needed; the root of the data set where one is missing.
        split: "train", "val", "test", or "" to be assigned.
        patient: "" where unknown.
        spacing_mm: (row, column), NaN to take what the file says.
        volume: the volume a flat image was cut from, "" where it was not.
        slice: its number there, -1 where it was not.
    """

    name: str
    images: tuple[Path, ...]
    mask: Path | None
    domain: str
    split: str = ""
    patient: str = ""
    finding: str = ""
    text: str = ""
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    volume: str = ""
    slice: int = -1

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the case."""
        return (*self.images, *((self.mask,) if self.mask is not None else ()))

    @property
    def unit(self) -> str:
        """What must stay in one split: the patient, else the volume, else the image itself."""
        return self.patient or self.volume or self.name


@dataclass(frozen=True)
class Choice:
    """What is taken of the cases, and how it is split."""

    limit: int | None
    limit_seed: int
    split_seed: int
    slices: Slices


@dataclass(frozen=True, eq=False)
class Cases:
    """A Source of files.

    Attributes:
        root: folder that the cases' files lie in.
        codes: what the values in the mask files mean, for each domain.
        complaints: what was already found wrong in the table of cases.
    """

    root: Path
    cases: Sequence[Case]
    domains: Mapping[str, Domain]
    codes: Mapping[str, Codes]
    choice: Choice
    licence: str
    complaints: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the table, the label maps, the options and the bytes of every file.

        Where the folder lies does not matter.

        Raises:
            InputError: if a file is missing.
        """
        # repr of each case, but files by content: a moved folder is the same data.
        content = hashlib.sha256(repr((READER, self.choice)).encode())
        for domain in self.domains.values():
            content.update(domain.model_dump_json().encode())
        content.update(json.dumps({k: sorted(v.items()) for k, v in self.codes.items()}).encode())
        for case in self.cases:
            content.update(repr((case.name, *_described(case))).encode())
            for path in case.files:
                content.update(_file_digest(path, self._name(path)))
        return content.hexdigest()

    def problems(self) -> list[str]:
        """One line for each bad row and file, all of them; every file is decoded once."""
        found = [*self.complaints]
        for case in self.cases:
            found.extend(self._faults(case))
        if not found and self.choice.limit is not None:
            try:
                self._chosen("train")
            except InputError as error:
                found.append(str(error))
        return found

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """The pairs of one split, in the order of the table; volumes become slices.

        Returns:
            The batch; empty where the source has no such split.

        Raises:
            InputError: at the first bad row or file.
        """
        if self.complaints:
            raise InputError(self.complaints[0])
        pairs = [pair for case in self._chosen(split) for pair in self._pairs(case, split, image)]
        parts = zip(*pairs, strict=True) if pairs else ((),) * 5
        images, masks, rows, spacing, has_mask = parts
        shape = (len(pairs), image.size, image.size)
        return PairBatch(
            np.array(images, np.uint8).reshape(*shape, image.channels),
            np.array(masks, np.uint8).reshape(shape),
            pd.DataFrame(list(rows), columns=list(FACETS)),
            np.array(spacing, np.float32).reshape(len(pairs), 2),
            np.array(has_mask, bool),
        )

    @cached_property
    def alike(self) -> list[tuple[int, int]]:
        """Pairs of cases whose images are near-duplicates."""
        hashes = np.stack([self._hash(case) for case in self.cases])
        return [(int(i), int(j)) for i, j in near_duplicates(hashes)]

    @cached_property
    def units(self) -> dict[str, str]:
        """Name of each case -> that of its unit; those of near-duplicates are one."""
        groups = together([case.unit for case in self.cases], self.alike)
        return {case.name: group for case, group in zip(self.cases, groups, strict=True)}

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The split of each case, given or assigned by patient."""
        given, alike = [case.split for case in self.cases], self.alike
        units = [case.unit for case in self.cases]
        found = assign(units, given, self.choice.split_seed, alike)
        torn = [(i, j) for i, j in alike if found[i] != found[j]]
        if len(alike) > len(torn):
            kept = len(alike) - len(torn)
            log.warning("%d near-duplicate pairs of images are kept in one split each", kept)
        if torn:
            names = (f"{self.cases[i].name} and {self.cases[j].name}" for i, j in torn[:3])
            log.warning(
                "%d near-duplicate pairs of images lie in different splits (%s): held-out scores "
                "flatter by as much; give both images of a pair one split",
                len(torn),
                ", ".join(names),
            )
        return tuple(found)

    def _chosen(self, split: Split) -> list[Case]:
        rows = zip(self.cases, self.splits, strict=True)
        cases = [case for case, assigned in rows if assigned == split]
        if split != "train" or self.choice.limit is None:
            return cases
        units = (case.unit for case in cases)
        chosen = first_units(units, self.choice.limit, self.choice.limit_seed)
        return [case for case in cases if case.unit in chosen]

    def _pairs(self, case: Case, split: str, section: ImageSection) -> Iterator[tuple[Any, ...]]:
        image, window = self._image(case, section.channels)
        if case.mask is None:
            mask, volume = np.zeros(image.size, np.uint8), image.volume
        else:
            mask, volume = self._mask(case, case.mask)
        for fault in _misfits(case, image, mask):
            raise InputError(fault)
        domain = self.domains[case.domain]
        spacing = np.where(np.isnan(case.spacing_mm), image.spacing_mm, case.spacing_mm)
        for number, (pixels, classes) in enumerate(zip(image.pixels, mask, strict=True)):
            if volume and case.mask and self.choice.slices == "labelled" and not classes.any():
                continue
            fitted = fit_mask(classes, section)
            row = {
                "name": f"{case.name}[{number}]" if volume else case.name,
                "split": split,
                "patient": case.patient,
                "domain": domain.name,
                "modality": domain.modality,
                "anatomy": domain.anatomy,
                "labels": ";".join(domain.class_names[i] for i in np.unique(fitted) if i),
                "finding": case.finding,
                "text": case.text,
                "window_low": window[0],
                "window_high": window[1],
                "volume": case.name if volume else case.volume,
                "slice": number if volume else case.slice,
            }
            scale = fit_scale(classes.shape[0], classes.shape[1], section)
            yield fit_image(pixels, section), fitted, row, spacing / scale, case.mask is not None

    def _image(self, case: Case, channels: int) -> tuple[Stack, tuple[float, float]]:
        """The image as 8 bit, and the window that made it so; NaN where it was 8 bit before."""
        paths = case.images if channels == 3 and len(case.images) >= 3 else case.images[:1]
        stacks = [read_stack(path, self._name(path)) for path in paths[:3]]
        fixed = self.domains[case.domain].window
        windows = [(np.nan, np.nan)] * len(stacks)
        for i, stack in enumerate(stacks):
            # A volume's 8 bits are as arbitrary as its 16; a picture's are meant to be seen.
            if stack.volume or stack.pixels.dtype != np.uint8:
                if not np.isfinite(stack.pixels).any():
                    raise InputError(
                        f"{self._name(paths[i])} holds no finite value, so there is nothing to see "
                        "in it; replace it"
                    )
                windows[i] = fixed or robust_window(stack.pixels)
                pixels = apply_window(stack.pixels, windows[i])
                stacks[i] = Stack(pixels, stack.spacing_mm, stack.volume)
        if len(stacks) > 1:
            if {stack.pixels.shape for stack in stacks} != {stacks[0].size}:
                raise InputError(
                    f"{case.name}: its channels differ in size or are coloured; a channel file "
                    "must be grey and all must lie on one grid"
                )
            merged = np.stack([stack.pixels for stack in stacks], axis=-1)
            return Stack(merged, stacks[0].spacing_mm, stacks[0].volume), windows[0]
        return stacks[0], windows[0]

    def _mask(self, case: Case, path: Path) -> tuple[NDArray[np.uint8], bool]:
        """Class indices (K, H, W), and whether they are a volume's slices."""
        name = self._name(path)
        if not path.is_file():
            why = f"{name} does not exist" if path != self.root else "the table names none"
            raise InputError(
                f"{case.name} has no mask: {why}; add the mask, drop the image, or leave the "
                "column empty and say masks: optional"
            )
        stack = read_stack(path, name, like=case.images[0])
        values = stack.pixels
        if values.ndim == 4:
            if not (values == values[..., :1]).all():
                raise InputError(f"{name} is a coloured mask; write class indices in one channel")
            values = values[..., 0]
        return self._decode(values, case, name), stack.volume

    def _decode(self, values: NDArray[Any], case: Case, name: str) -> NDArray[np.uint8]:
        codes = self.codes[case.domain]
        if values.dtype == np.uint8:
            present = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
        else:
            present = np.unique(values)
        unknown = [value.item() for value in present if value.item() not in codes]
        if unknown:
            domain = self.domains[case.domain]
            known = ", ".join(f"{v} {domain.class_names[i]}" for v, i in sorted(codes.items()))
            raise InputError(
                f"{name} holds the value {unknown[0]:g}, which is no class of {domain.name} "
                f"(known: {known}); correct the mask, or name the value in classes.json"
            )
        if all(codes[value.item()] == value for value in present):
            return values.astype(np.uint8)
        decoded = np.zeros(values.shape, np.uint8)
        for value in present:
            decoded[values == value] = codes[value.item()]
        return decoded

    def _faults(self, case: Case) -> list[str]:
        found: list[str] = []
        image = mask = None
        try:
            image = self._image(case, channels=3)[0]
        except InputError as error:
            found.append(str(error))
        if case.mask is not None:
            try:
                mask = self._mask(case, case.mask)[0]
            except InputError as error:
                found.append(str(error))
        if image is not None and mask is not None:
            found.extend(_misfits(case, image, mask))
        return found

    def _hash(self, case: Case) -> NDArray[np.uint64]:
        image = self._image(case, channels=1)[0].pixels
        return difference_hash(image[len(image) // 2])

    def _name(self, path: Path) -> str:
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )


def _misfits(case: Case, image: Stack, mask: NDArray[np.uint8]) -> Iterator[str]:
    _, rows, columns = image.size
    if mask.shape != image.size:
        sizes = [" x ".join(map(str, size)) for size in (image.size, mask.shape)]
        yield (
            f"{case.name} has {sizes[0]} slices, rows and columns and its mask {sizes[1]}: they "
            "must lie on one grid; export both at one size"
        )
    elif min(rows, columns) < SMALLEST_SIDE:
        yield (
            f"{case.name} has {rows} x {columns} pixels, and below {SMALLEST_SIDE} there is no "
            "anatomy to learn; leave it out or export it larger"
        )


def _described(case: Case) -> tuple[object, ...]:
    return (
        *(case.domain, case.split, case.patient, case.finding, case.text),
        *(case.spacing_mm, case.volume, case.slice, len(case.images)),
    )


def _file_digest(path: Path, name: str) -> bytes:
    if not path.is_file():
        raise InputError(f"{name}: there is no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
