"""Images and masks whose bytes are cut, flipped, made to swell, or no file of their kind."""

from __future__ import annotations

import gzip
import os
import random
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import yaml
from PIL import Image

from benchmarks.bad_inputs import hostile
from benchmarks.bad_inputs.case import Case, Place, dry_run
from benchmarks.bad_inputs.ground import RECIPE, SIDE, TABLE, disc
from benchmarks.bad_inputs.recipes import lay_paths

SPOILT = "spoilt"


def bytes_flipped(draw: random.Random, place: Place) -> Case:
    """A whole file of any kind with bytes changed or its end cut."""
    whole = draw.choice(sorted(place.ground.files.glob("a.*")))
    name = SPOILT + whole.name.removeprefix("a")
    content = whole.read_bytes()
    if name.endswith(".gz") and draw.random() < 0.7:
        content = gzip.compress(hostile.flipped(draw, gzip.decompress(content)), 1)
    else:
        content = hostile.flipped(draw, content)
    return _with_file(draw, place, name, lambda path: path.write_bytes(content), f"flipped {name}")


def other_kind(draw: random.Random, place: Place) -> Case:
    """A whole file under the name of another kind."""
    whole = draw.choice(sorted(place.ground.files.iterdir()))
    ending = draw.choice((*ENDINGS, "", ".7", ".gif", ".webp", ".npy", ".json", ".svg"))
    content = whole.read_bytes()
    what = f"{whole.name} called {ending}"
    return _with_file(draw, place, SPOILT + ending, lambda path: path.write_bytes(content), what)


def trapped(draw: random.Random, place: Place) -> Case:
    """A file that is a trap."""
    what = draw.choice(list(TRAPS))
    ending, lay = TRAPS[what]
    case = _with_file(draw, place, SPOILT + ending, lay, what)
    return Case(what, case.words, bomb="bomb" in what)


def nifti(draw: random.Random, place: Place) -> Case:
    """A NIfTI file with a header that nobody meant."""
    grey = disc(0)[0][..., None]
    shape = draw.choice(
        ((40, 40, 1), (40, 40), (40, 40, 1, 1, 1), (40, 40, 2, 2), (0, 40, 1), (1600,))
    )
    kind = draw.choice((np.uint8, np.int16, np.float32, np.float64, np.complex64, RGB))
    pixels = np.zeros(shape, kind) if kind is RGB else np.resize(grey, shape).astype(kind)
    if np.issubdtype(pixels.dtype, np.floating) and draw.random() < 0.5:
        pixels.ravel()[: draw.choice((1, pixels.size))] = draw.choice((np.nan, np.inf, 1e38, -1e38))

    def lay(path: Path) -> None:
        nibabel.save(nibabel.Nifti1Image(pixels, np.eye(4)), path)
        content = bytearray(path.read_bytes())
        for at, packed in draw.sample(HEADER, draw.randrange(3)):
            content[at : at + len(packed)] = packed
        path.write_bytes(content)

    return _with_file(draw, place, f"{SPOILT}.nii", lay, f"NIfTI {shape} {np.dtype(kind)}")


ODD_NUMBERS = (0.0, -1.0, 1e30, float("nan"), float("inf"))
RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
# Offset in the header and what is written there: shape, type, bits, zooms, offset of the voxels,
# slope, units, codes and numbers of the affines, magic.
HEADER = (
    (40, struct.pack("<4h", 3, 32_767, 32_767, 2)),
    (40, struct.pack("<4h", 3, 32_767, 32_767, 32_767)),
    (40, struct.pack("<4h", 3, -1, 40, 1)),
    (40, struct.pack("<8h", 7, 40, 40, 1, 1, 1, 1, 32_000)),
    (40, struct.pack("<h", 9)),
    (70, struct.pack("<h", 0)),
    (70, struct.pack("<h", 1)),
    (70, struct.pack("<h", 1792)),
    (70, struct.pack("<h", 2304)),
    (72, struct.pack("<h", 1)),
    (108, struct.pack("<f", 1e30)),
    (108, struct.pack("<f", float("nan"))),
    (108, struct.pack("<f", -1)),
    *((at, struct.pack("<f", number)) for at in (80, 112, 116) for number in ODD_NUMBERS),
    (123, b"\xff"),
    (252, struct.pack("<2h", 1, 1)),
    (252, struct.pack("<2h", -5, 99)),
    *((at, struct.pack("<4f", *(number,) * 4)) for at in (256, 280) for number in ODD_NUMBERS),
    (344, b"xxx\0"),
    (0, b"\0\0\0\0"),
)


def _with_file(
    draw: random.Random, place: Place, name: str, lay: Callable[[Path], object], what: str
) -> Case:
    """The good folder with one file in place of an image or a mask, read by a recipe or by init."""
    folder = place.ground.copy_folder(place.folder / "data")
    lay_paths(place.folder)
    role, number = draw.choice(("image", "mask")), draw.randrange(6)
    if draw.random() < 0.2:
        for each in (TABLE, "classes.json"):
            (folder / each).unlink()
        (folder / f"{role}s" / f"{number}.png").unlink()
        lay(folder / f"{role}s" / name.replace(SPOILT, str(number), 1))
        return Case(f"{what}, as {role}, by init", ("init", "data"))
    lay(folder / name)
    table = (folder / TABLE).read_text().replace(f"{role}s/{number}.png", name)
    (folder / TABLE).write_text(table)
    content = {**RECIPE, "source": {"kind": "folder", "path": "data"}}
    content["grid"] = {"facets": {"classes": ["fetal head"]}, "replicates": 1}
    (place.folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    return Case(f"{what}, as {role}", dry_run())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, data: bytes, *chunks: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", header, *chunks, _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    )


def _grey(side: int) -> bytes:
    return zlib.compress(bytes((side + 1) * side), 9)


def _nii_zeros(path: Path) -> None:
    """Fifty megabytes of zeros in few kilobytes, of which the header speaks the truth."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((1000, 1000, 50))
    header.set_data_dtype(np.uint8)
    header["vox_offset"], header["magic"] = 352, b"n+1\0"
    with gzip.open(path, "wb", 1) as file:
        file.write(header.binaryblock + bytes(4))
        for _ in range(5):
            file.write(bytes(10**7))


def _saved(mode: str, **options: Any) -> Callable[[Path], None]:  # noqa: ANN401  # Pillow's
    def lay(path: Path) -> None:
        image = Image.fromarray(disc(0)[0]).convert("L" if mode == "I;16" else mode)
        if mode == "I;16":
            image = Image.fromarray(disc(0)[0].astype(np.uint16) * 200)
        image.save(path, **options)

    return lay


def _written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _tiff(width: int, height: int, *, pages: int = 1) -> bytes:
    """A TIFF of grey bytes that are not there; the directories stand in a circle if pages are 0."""
    entries = (
        *((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1)),
        *((273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, width * height % 2**32)),
    )
    content = b"II*\0" + struct.pack("<I", 8)
    for page in range(max(1, pages)):
        last = page == max(1, pages) - 1
        after = 0 if last and pages else 8 if last else len(content) + 6 + 12 * len(entries)
        content += struct.pack("<H", len(entries))
        content += b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in entries)
        content += struct.pack("<I", after)
    return content


ENDINGS = (".png", ".jpg", ".bmp", ".tif", ".nii", ".nii.gz", ".dcm")
TRAPS: Mapping[str, tuple[str, Callable[[Path], object]]] = {
    "bomb: PNG of 30 000 squared": (".png", _written(_png(30_000, 30_000, _grey(1000)))),
    "bomb: PNG header of 2^31": (".png", _written(_png(2**31 - 1, 2**31 - 1, b"x"))),
    "whole PNG of 12 000 squared": (".png", _written(_png(12_000, 12_000, _grey(12_000)))),
    "bomb: zTXt": (
        ".png",
        _written(
            _png(40, 40, _grey(40), _chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(10**8), 9)))
        ),
    ),
    "bomb: iCCP": (
        ".png",
        _written(
            _png(40, 40, _grey(40), _chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**8), 9)))
        ),
    ),
    "NIfTI of zeros": (".nii.gz", _nii_zeros),
    "bomb: TIFF of 2^31": (".tif", _written(_tiff(2**31 - 1, 2**31 - 1))),
    "bomb: TIFF of 9 000 squared": (".tif", _written(_tiff(9000, 9000))),
    "bomb: TIFF of 1 000 pages": (".tif", _written(_tiff(4000, 4000, pages=1000))),
    "TIFF in a circle": (".tif", _written(_tiff(40, 40, pages=0))),
    "bomb: BMP header": (
        ".bmp",
        _written(
            b"BM" + struct.pack("<IHHIIiiHHIIiiII", 90, 0, 0, 54, 40, 2**30, 2**30, 1, 8, *(0,) * 6)
        ),
    ),
    "bomb: RLE in BMP": (
        ".bmp",
        _written(
            b"BM"
            + struct.pack("<IHHIIiiHHIIiiII", 2000, 0, 0, 54, 40, 9000, 9000, 1, 8, 1, *(0,) * 5)
            + b"\xff\0" * 400
        ),
    ),
    "a pipe": (".png", os.mkfifo),
    "a pipe as NIfTI": (".nii.gz", os.mkfifo),
    "a pipe as DICOM": (".dcm", os.mkfifo),
    "a pipe without ending": ("", os.mkfifo),
    "a folder": (".png", os.mkdir),
    "a folder as DICOM": (".dcm", os.mkdir),
    "a circle of links": (".png", lambda path: path.symlink_to(path.name)),
    "a link to zeros": (".png", lambda path: path.symlink_to("/dev/zero")),
    "a link to memory": (".nii", lambda path: path.symlink_to("/proc/self/mem")),
    "a file of sysfs": (".png", lambda path: path.symlink_to("/proc/self/environ")),
    "empty": (".png", _written(b"")),
    "empty NIfTI": (".nii.gz", _written(b"")),
    "empty DICOM": (".dcm", _written(b"")),
    "PNG of zero width": (".png", _written(_png(0, 40, b""))),
    "PNG of 1 x 1": (".png", _written(_png(1, 1, zlib.compress(b"\0\0")))),
    "PNG of 100 000 x 1": (".png", _written(_png(100_000, 1, zlib.compress(bytes(100_001))))),
    "PNG, palette": (".png", _saved("P")),
    "PNG, alpha": (".png", _saved("RGBA")),
    "PNG, one bit": (".png", _saved("1")),
    "PNG, 16 bit": (".png", _saved("I;16")),
    "JPEG, CMYK": (".jpg", _saved("CMYK")),
    "TIFF, LAB": (".tif", _saved("LAB")),
    "TIFF, floats": (".tif", _saved("F")),
    "TIFF, JPEG inside": (".tif", _saved("YCbCr", compression="jpeg")),
    "GIF called PNG": (".png", _saved("P", format="GIF")),
    "WebP called PNG": (".png", _saved("RGB", format="WEBP")),
    "JPEG 2000 called PNG": (".png", _saved("L", format="JPEG2000")),
    "PDF called PNG": (".png", _saved("L", format="PDF")),
    "EPS called PNG": (".png", _written(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n")),
    "animated PNG": (
        ".png",
        _saved("L", save_all=True, append_images=[Image.new("L", (SIDE, SIDE))]),
    ),
    "orientation tag": (
        ".jpg",
        _saved("L", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\1\0\0\0\xff\0\0\0\0\0\0\0"),
    ),
    "bomb: DICOM frames": (
        ".dcm",
        _written(bytes(128) + b"DICM" + b"\x28\0\x08\0IS\x0a\x009999999999"),
    ),
    "DICOM that nests": (
        ".dcm",
        _written(
            bytes(128)
            + b"DICM"
            + b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"
            + b"\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" * 5000
        ),
    ),
}
