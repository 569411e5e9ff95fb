"""Slices of one volume, each a file: found by their series and put in order."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.orientation import orientation_of
from factory.sources.dicom.header import Header, is_dicom, read_header
from factory.visible_files import is_hidden

MARK = "#"  # between a folder and the UID of one of its series
PARALLEL = 1e-3  # how far the directions of two slices may differ
TOUCHING = 1e-3  # mm; nearer slices are one slice twice
TO_RIGHT_AND_FRONT = np.array([-1.0, -1.0, 1.0])  # DICOM counts to the left and the back

Listed = tuple[tuple[str, int, int], ...]  # path, time of the last change and size of each file


def is_series(path: Path) -> bool:
    """Whether a path names a series: a folder, or "FOLDER#UID" where the folder has several."""
    return not path.is_file() and _parted(path)[0].is_dir()


def series_of(path: Path, name: str) -> list[Header]:
    """The slices of a series in order, along the normal of the first.

    Args:
        path: "FOLDER" or "FOLDER#UID"; the files may lie in folders below it.
        name: what to call it in an error.

    Raises:
        InputError: if there is no such series, or its slices make no volume.
    """
    folder, uid = _parted(path)
    known = _by_series(_listed(folder))
    if uid and uid not in known:
        raise InputError(f"{name}: no file of this DICOM series is there; correct the table")
    if not known:
        raise InputError(f"{name} is a folder, not a file; name the file itself")
    if not uid and len(known) > 1:
        raise InputError(
            f"{name} is a folder with {len(known)} DICOM series, so which one is meant stays "
            f"unclear; write FOLDER{MARK}SeriesInstanceUID, or name a file"
        )
    slices = known[uid] if uid else next(iter(known.values()))
    for fault in misfits(slices):
        raise InputError(f"{name} {fault}")
    return in_order(slices)


def by_series(headers: Iterable[Header]) -> Mapping[str, list[Header]]:
    """The images of each series."""
    found: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        if header.is_image:
            found[header.series].append(header)
    return found


def in_order(slices: Sequence[Header]) -> list[Header]:
    """Along their normal, or by their numbers where they have no place."""
    if not all(each.position and each.orientation for each in slices):
        return sorted(slices, key=lambda each: each.number)
    heights = _heights(slices)
    return [slices[at] for at in np.argsort(heights, kind="stable")]


def misfits(slices: Sequence[Header]) -> Iterator[str]:
    """What keeps slices from being one volume, as the end of a sentence about the series."""
    if len({each.size for each in slices}) > 1:
        yield "has slices of different size, which are no volume; export them as series of their own"
    if not all(each.position and each.orientation for each in slices):
        return
    directions = np.array([each.orientation for each in slices])
    if np.ptp(directions, axis=0).max() > PARALLEL:
        yield "has slices that are not parallel, as localizers have; leave it out"
    elif (_gaps(slices) < TOUCHING).any():
        yield (
            "has several slices at one place, as series over time have; export each time as a "
            "series of its own"
        )


def has_holes(slices: Sequence[Header]) -> bool:
    """Whether slices seem to be missing: a gap is half as wide again as the others."""
    if len(slices) < 3 or not all(each.position and each.orientation for each in slices):
        return False
    gaps = _gaps(slices)
    return bool(gaps.max() > 1.5 * np.median(gaps))


def gap_mm(slices: Sequence[Header]) -> float:
    """From one slice to the next: the median of a series; NaN for one, or where none has a place."""
    if len(slices) < 2 or not all(each.position and each.orientation for each in slices):
        return float("nan")
    return float(np.median(_gaps(slices)))


def orientation(slices: Sequence[Header]) -> str:
    """Which way columns, rows and slices in order run; "" where the slices do not say."""
    if not all(each.position and each.orientation for each in slices):
        return ""
    along, down = (TO_RIGHT_AND_FRONT * part for part in np.reshape(slices[0].orientation, (2, 3)))
    return orientation_of(along, down, np.cross(along, down))


def _gaps(slices: Sequence[Header]) -> NDArray[np.float64]:
    return np.diff(np.sort(_heights(slices)))


def _heights(slices: Sequence[Header]) -> NDArray[np.float64]:
    """(K,) mm along the normal of the first slice."""
    directions = np.array(slices[0].orientation)
    normal = np.cross(directions[:3], directions[3:])
    return np.array([each.position for each in slices]) @ normal


def _parted(path: Path) -> tuple[Path, str]:
    if path.exists() or MARK not in path.name:
        return path, ""
    folder, _, uid = str(path).rpartition(MARK)
    return Path(folder), uid


def _listed(folder: Path) -> Listed:
    return tuple(sorted(_files(folder)))


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            if not is_hidden(name):
                path = os.path.join(place, name)  # noqa: PTH118  # thousands of slices
                with suppress(OSError):  # a link to nothing, or in a circle
                    status = os.stat(path)  # noqa: PTH116
                    yield path, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=32)  # every pair of a volume, and its mask, ask for the same
def _by_series(listed: Listed) -> Mapping[str, list[Header]]:
    paths = [Path(path) for path, _, _ in listed]
    return by_series(read_header(path, path.name) for path in paths if is_dicom(path))
