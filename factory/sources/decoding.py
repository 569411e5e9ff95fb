"""One image with its mask, decoded once: what is wrong with it, its hash, its pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
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
from factory.sources.duplicates import difference_hash
from factory.sources.files.colours import class_values, is_colour, written_value
from factory.sources.files.stack import Stack
from factory.sources.image_files import files_of, read_stack
from factory.sources.label_map import meanings
from factory.sources.mask_parts.compose import compose
from factory.sources.mask_parts.part import MaskPart
from factory.vocabulary import Domain

Codes = Mapping[int, int]  # value in the file -> class index of the domain
Slices = Literal["labelled", "all"]


@dataclass(frozen=True)
class Case:
    """One image with its mask, flat or a volume, not read yet.

    Attributes:
        name: unique, and what errors call it: the path of the image within the data set.
        images: one file, or one per channel; a folder of DICOM slices, see `image_files`.
        mask: None where none is needed; the root of the data set where one is missing; the first
            of `parts` where there are any.
        split: "train", "val", "test", or "" to be assigned.
        patient: "" where unknown.
        spacing_mm: (row, column), NaN to take what the file says.
        volume: the volume a flat image was cut from, "" where it was not.
        slice: its number there, -1 where it was not.
        parts: what the mask is made of, where that is more than the values of one image file.
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
    parts: tuple[MaskPart, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the case."""
        images = (file for image in self.images for file in files_of(image))
        if self.parts:
            return (*images, *(part.path for part in self.parts))
        return (*images, *((self.mask,) if self.mask is not None else ()))

    @property
    def unit(self) -> str:
        """What must stay in one split: the patient, else the volume, else the image itself."""
        return self.patient or self.volume or self.name


@dataclass(frozen=True, eq=False)
class DecodedCase:
    """A case while its files are read, each of them once; drop it to free their pixels.

    Attributes:
        case: which one.
        domain: of its pairs.
        codes: what the values in its mask mean.
        root: of the data set, for messages.
        slices: of a volume, those that are taken.
        tiles: whether a flat image is cut instead of shrunk.
    """

    case: Case
    domain: Domain
    codes: Codes
    root: Path
    slices: Slices
    tiles: bool = False
    _stacks: dict[Path, Stack] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """Everything that keeps it from being a pair."""
        found: list[str] = []
        image = mask = None
        try:
            image = self._image(channels=3)[0]
        except InputError as error:
            found.append(str(error))
        if self.case.mask is not None:
            try:
                mask = self._mask(self.case.mask)[0]
            except InputError as error:
                found.append(str(error))
        if image is not None and mask is not None:
            found.extend(_misfits(self.case, image, mask))
        if image is not None:
            found.extend(self._uncut(image))
        return found

    def hash(self) -> NDArray[np.uint64]:
        """What near-duplicates have nearly in common; raises InputError where nothing is seen."""
        image = self._image(channels=1)[0].pixels
        return difference_hash(image[len(image) // 2])

    def pairs(self, section: ImageSection) -> Iterator[tuple[Any, ...]]:
        """Image (S, S, C), mask (S, S), facets, spacing in mm and whether a mask is there.

        A row for each slice of a volume, and for each tile of a flat image that is cut; the facet
        `split` is left to whoever assigns it.

        Raises:
            InputError: naming the first fault.
        """
        case, domain = self.case, self.domain
        image, window = self._image(section.channels)
        if case.mask is None:
            mask, volume = np.zeros(image.size, np.uint8), image.volume
        else:
            mask, volume = self._mask(case.mask)
        for fault in (*_misfits(case, image, mask), *self._uncut(image)):
            raise InputError(fault)
        spacing = np.where(np.isnan(case.spacing_mm), image.spacing_mm, case.spacing_mm)
        whole = {
            "patient": case.patient,
            "domain": domain.name,
            "modality": domain.modality,
            "anatomy": domain.anatomy,
            "finding": case.finding,
            "text": case.text,
            "window_low": window[0],
            "window_high": window[1],
            "slice_mm": image.slice_mm,
            "orientation": image.orientation,
        }
        for pixels, classes, part in self._parts(image, mask, volume, section.size):
            fitted = fit_mask(classes, section)
            labels = ";".join(domain.class_names[i] for i in np.unique(fitted) if i)
            scale = fit_scale(classes.shape[0], classes.shape[1], section)
            row = {**whole, "labels": labels, **part}
            yield fit_image(pixels, section), fitted, row, spacing / scale, case.mask is not None

    def _uncut(self, image: Stack) -> Iterator[str]:
        """Why an image cannot be cut into tiles, where it is to be."""
        if self.tiles and image.volume:
            yield (
                f"{self.case.name} is a volume, and tiles of it would be no slices; set "
                "source.tiles to false"
            )

    def _parts(
        self, image: Stack, mask: NDArray[np.uint8], volume: bool, side: int
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, Any]]]:
        """Pixels and classes of each slice or tile, and what a row says of it alone."""
        case = self.case
        flat = {"name": case.name, "volume": case.volume, "slice": case.slice}
        for number, (pixels, classes) in enumerate(zip(image.pixels, mask, strict=True)):
            if volume:
                if not case.mask or self.slices == "all" or classes.any():
                    name = f"{case.name}[{number}]"
                    yield pixels, classes, {"name": name, "volume": case.name, "slice": number}
            elif self.tiles:
                for top, left in corners(classes.shape, side):
                    there = slice(top, top + side), slice(left, left + side)
                    # Those of one image are of one patient, whether or not the table names any.
                    named = {"name": f"{case.name}@{top},{left}", "patient": case.unit}
                    yield pixels[there], classes[there], flat | named
            else:
                yield pixels, classes, flat

    def _image(self, channels: int) -> tuple[Stack, tuple[float, float]]:
        """The image as 8 bit, and the window that made it so; NaN where it was 8 bit before."""
        case = self.case
        paths = case.images if channels == 3 and len(case.images) >= 3 else case.images[:1]
        stacks = [self._read(path) for path in paths[:3]]
        fixed = self.domain.window
        windows = [(np.nan, np.nan)] * len(stacks)
        for i, stack in enumerate(stacks):
            if stack.measured:
                if not np.isfinite(stack.pixels).any():
                    raise InputError(
                        f"{self._name(paths[i])} holds no finite value, so there is nothing to see "
                        "in it; replace it"
                    )
                windows[i] = fixed or stack.window or robust_window(stack.pixels)
                pixels = apply_window(stack.pixels, windows[i])
                stacks[i] = replace(stack, pixels=pixels, measured=False, window=None)
        if len(stacks) > 1:
            if {stack.pixels.shape for stack in stacks} != {stacks[0].size}:
                raise InputError(
                    f"{case.name}: its channels differ in size or are coloured; a channel file "
                    "must be grey and all must lie on one grid"
                )
            merged = np.stack([stack.pixels for stack in stacks], axis=-1)
            return replace(stacks[0], pixels=merged), windows[0]
        return stacks[0], windows[0]

    def _mask(self, path: Path) -> tuple[NDArray[np.uint8], bool]:
        """Class indices (K, H, W), and whether they are a volume's slices."""
        case, name = self.case, self._name(path)
        if case.parts:
            coded = {self.domain.class_names[index]: value for value, index in self.codes.items()}
            composed = compose(case.parts, coded, self._name, case.images[0])
            return self._decode(composed.pixels, name), composed.volume
        if not path.is_file():
            why = f"{name} does not exist" if path != self.root else "the table names none"
            raise InputError(
                f"{case.name} has no mask: {why}; add the mask, drop the image, or leave the "
                "column empty and say masks: optional"
            )
        stack = self._read(path, like=case.images[0])
        return self._decode(class_values(stack.pixels, name), name), stack.volume

    def _decode(self, values: NDArray[Any], name: str) -> NDArray[np.uint8]:
        domain = self.domain
        if values.dtype == np.uint8:
            present = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
        else:
            present = np.unique(values)
        codes = meanings(self.codes, present.tolist())
        unknown = [value for value in present.tolist() if value not in codes]
        if unknown:
            pairs = sorted(codes.items())
            known = ", ".join(f"{written_value(v)} {domain.class_names[i]}" for v, i in pairs)
            kind = "colour" if is_colour(unknown[0]) else "value"
            raise InputError(
                f"{name} holds the {kind} {written_value(unknown[0])}, which is no class of {domain.name} "
                f"(known: {known}); correct the mask, or name the {kind} in classes.json"
            )
        if all(codes[value] == value for value in present.tolist()):
            return values.astype(np.uint8)
        decoded = np.zeros(values.shape, np.uint8)
        for value in present:
            decoded[values == value] = codes[value.item()]
        return decoded

    def _read(self, path: Path, like: Path | None = None) -> Stack:
        if path not in self._stacks:
            self._stacks[path] = read_stack(path, self._name(path), like)
        return self._stacks[path]

    def _name(self, path: Path) -> str:
        return name_in(self.root, path)


def corners(size: tuple[int, ...], side: int) -> Iterator[tuple[int, int]]:
    """Row and column of the first pixel of each tile of an image.

    As few as cover it, evenly spaced, so that they overlap where its sides are no multiples of
    theirs; an image that is no larger is one.

    Args:
        size: (H, W) of the image.
        side: of the tiles, in pixels.
    """
    starts = (
        np.linspace(0, max(0, length - side), -(-length // side)).round().astype(int).tolist()
        for length in size
    )
    yield from product(*starts)


def name_in(root: Path, path: Path) -> str:
    """What a file of a data set is called in messages."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


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
            f"{case.name} has {columns} x {rows} pixels, and below {SMALLEST_SIDE} there is no "
            f"anatomy to learn; leave it out or export it larger{image.unusual_cut}"
        )
