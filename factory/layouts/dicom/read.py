"""The DICOM files of a folder: images, series of slices and segmentations."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from factory.errors import InputError
from factory.sources.dicom.header import Header, read_header
from factory.sources.dicom.series import MARK, by_series, in_order, misfits

Facts = Mapping[str, list[str]]


@dataclass(frozen=True)
class Unit:
    """What one row of the table is of: an image, or a series of slices.

    Attributes:
        image: as the table names it.
        headers: of the file, or of the slices in order.
    """

    image: str
    headers: tuple[Header, ...]

    @property
    def uids(self) -> set[str]:
        """Of its instances."""
        return {header.uid for header in self.headers}


@dataclass(frozen=True)
class Read:
    """The DICOM files of a folder.

    Attributes:
        folder: of the data set.
        headers: of the files that are DICOM.
        faults: what is wrong -> files of which it is.
    """

    folder: Path
    headers: tuple[Header, ...]
    faults: Facts

    @cached_property
    def units(self) -> list[Unit]:
        """All images, but for those that make no volume together."""
        return [unit for slices in self._series.values() for unit in self._units(slices)]

    @property
    def masks(self) -> list[Header]:
        """All segmentations."""
        return [header for header in self.headers if header.is_segmentation]

    @cached_property
    def broken(self) -> Facts:
        """Series that are no volume: why -> an image of each."""
        found: dict[str, list[str]] = defaultdict(list)
        for slices in self._series.values():
            for fault in misfits(slices) if _is_volume(slices) else ():
                found[fault].append(self.name(slices[0]))
        return found

    def name(self, header: Header) -> str:
        """The path within the folder."""
        return header.path.relative_to(self.folder).as_posix()

    @cached_property
    def _series(self) -> Mapping[str, list[Header]]:
        return by_series(self.headers)

    def _units(self, slices: Sequence[Header]) -> Iterator[Unit]:
        if not _is_volume(slices):
            yield from (Unit(self.name(each), (each,)) for each in slices)
        elif not any(misfits(slices)):
            yield Unit(self._place(slices), tuple(in_order(slices)))

    def _place(self, slices: Sequence[Header]) -> str:
        """The folder that holds the slices, with their UID unless it holds no other image."""
        folder = Path(os.path.commonpath([each.path.parent for each in slices]))
        within = folder.relative_to(self.folder).as_posix()
        inside = {h.series for h in self.headers if h.is_image and h.path.is_relative_to(folder)}
        return within if len(inside) == 1 and within != "." else f"{within}{MARK}{slices[0].series}"


def _is_volume(slices: Sequence[Header]) -> bool:
    """Whether the images of a series are slices: several, each with its place in the patient."""
    return len(slices) > 1 and all(each.position and each.size[0] == 1 for each in slices)


def read_dicom(folder: Path, paths: Iterable[PurePosixPath]) -> Read:
    """The DICOM files at some paths within a folder."""
    headers, faults = list[Header](), defaultdict[str, list[str]](list)
    for path in paths:
        try:
            headers.append(read_header(folder / path, str(path)))
        except InputError as error:
            faults[str(error).removeprefix(str(path)).lstrip(": ")].append(str(path))
    return Read(folder, tuple(headers), faults)
