"""Masks in DICOM-SEG: binary ones, fractional ones above a half, and label maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.sources.dicom.header import Header, class_name
from factory.sources.dicom.library import refused
from factory.sources.dicom.reading import headers_of
from factory.sources.mask_parts.part import MaskPart
from factory.sources.mask_parts.shapes import Shapes

if TYPE_CHECKING:
    from highdicom.seg import Segmentation

Region = NDArray[np.bool_]  # (K, H, W)
HALF = 0.5  # of a fractional segmentation: where it is more likely inside than not


def read_segmentation(part: MaskPart, name: str, like: Path) -> Shapes:
    """The segments over one image, or over the slices of one series; empty where none has a frame.

    Raises:
        InputError: if the file is damaged, or lies on another grid than the image.
    """
    headers = headers_of(like, like.name)
    with refused(name):
        segments = _open(part.path)
    frames, rows, columns = headers[0].size
    if frames > 1:
        raise InputError(
            f"{like.name} is a film of {frames} frames, and segmentations of films are not read; "
            "export its frames as images of their own"
        )
    if (segments.Rows, segments.Columns) != (rows, columns):
        raise InputError(
            f"{name} has {segments.Columns} x {segments.Rows} pixels and its image "
            f"{columns} x {rows}: they must lie on one grid; export both at one size"
        )
    count = len(headers)
    return Shapes((count, rows, columns), _regions(segments, headers, name), volume=count > 1)


def _regions(
    segments: Segmentation, headers: Sequence[Header], name: str
) -> Iterator[tuple[str, Region]]:
    """One segment at a time, in the order of their numbers: all of many would not fit in memory."""
    for number in segments.segment_numbers:
        with refused(name):
            told = segments.get_segment_description(number)
            inside = _inside(segments, int(number), headers)
        if inside.any():
            yield class_name(str(told.segment_label)), inside


def _inside(segments: Segmentation, number: int, headers: Sequence[Header]) -> Region:
    known = {uid for _, _, uid in segments.get_source_image_uids()}
    if known.isdisjoint(header.uid for header in headers):
        return _by_place(segments, number, headers)
    frames = segments.get_pixels_by_source_instance(
        [header.uid for header in headers],
        segment_numbers=[number],
        assert_missing_frames_are_empty=True,
        ignore_spatial_locations=True,
    )
    return _marked(frames)


def _by_place(segments: Segmentation, number: int, headers: Sequence[Header]) -> Region:
    """By where the frames lie in the patient, where they do not say which instance they are of."""
    from highdicom import VolumeGeometry

    # highdicom counts slices against the normal of the first two axes, from the last one.
    first, last = headers[0], headers[-1]
    height = float(np.linalg.norm(np.subtract(last.position, first.position)))
    grid = VolumeGeometry.from_attributes(
        image_position=last.position,
        image_orientation=first.orientation,
        rows=first.size[1],
        columns=first.size[2],
        pixel_spacing=first.spacing_mm,
        spacing_between_slices=height / max(1, len(headers) - 1) or 1.0,
        number_of_frames=len(headers),
        coordinate_system="PATIENT",
    )
    volume = segments.get_volume(segment_numbers=[number])
    return _marked(volume.match_geometry(grid).array)[::-1]


def _marked(frames: NDArray[Any]) -> Region:
    """(K, H, W) of frames (K, H, W, 1)."""
    return frames[..., 0] >= HALF if frames.dtype.kind == "f" else frames[..., 0] > 0


def _open(path: Path) -> Segmentation:
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)  # one file may hold the masks of many images
def _read(path: Path, changed: int, size: int) -> Segmentation:
    from highdicom.seg import Segmentation
    from pydicom import dcmread

    told = dcmread(path)
    for group in told.get("SharedFunctionalGroupsSequence") or ():
        for measures in group.get("PixelMeasuresSequence") or ():
            # Of flat images highdicom writes no thickness, and then refuses to read it.
            if "SliceThickness" not in measures:
                measures.SliceThickness = 1
    return Segmentation.from_dataset(told, copy=False)
