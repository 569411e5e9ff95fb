"""Files that are traps or damaged: each is refused in a line, at once."""

import os
import random
import struct
import zlib

import nibabel
import numpy as np
import pytest
from PIL import Image

from factory.errors import InputError
from factory.layouts import recognise
from factory.sources.image_files import read_stack
from factory.sources.label_map import parse_names
from factory.sources.nnunet import NnunetSource


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(path):
    """A header that says 60 000 x 60 000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))


def claiming(path, dtype, *shape):
    """A NIfTI of 2 x 2 x 2 voxels, whose header says that it has another shape."""
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype), np.eye(4)), path)
    content = bytearray(path.read_bytes())
    content[40:48] = struct.pack("<4h", 3, *shape)
    path.write_bytes(content)


def voxel_bomb(path):
    claiming(path, np.uint8, 30_000, 30_000, 30_000)


def postscript(path):
    """What Pillow by itself hands to Ghostscript, a program that runs what the file says."""
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\n")


def voxels_that_are_not_there(path):
    """A header that says 1000 x 1000 x 100 voxels of 8 bytes over a file of a kilobyte."""
    claiming(path, np.float64, 1000, 1000, 100)


def negative_voxels(path):
    claiming(path, np.uint8, -1, 2, 2)


TRAPS = {
    "nifti beyond its file": ("a.nii", voxels_that_are_not_there, "which the file does not hold"),
    "nifti below nothing": ("a.nii", negative_voxels, "not one volume"),
    "postscript": ("a.png", postscript, "of no known kind"),
    "png bomb": ("a.png", png_bomb, "says it has more than"),
    "nifti bomb": ("a.nii", voxel_bomb, "more than 2147483648 voxels"),
    "pipe": ("a.png", os.mkfifo, "is a pipe or device, not a file"),
    "nifti pipe": ("a.nii.gz", os.mkfifo, "is a pipe or device, not a file"),
    "dicom pipe": ("a.dcm", os.mkfifo, "is a pipe or device, not a file"),
    "folder": ("a.png", os.mkdir, "is a folder, not a file"),
    "empty": ("a.png", lambda path: path.write_bytes(b""), "cannot be read as an image"),
    "empty nifti": ("a.nii.gz", lambda path: path.write_bytes(b""), "cannot be read as an image"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_refused_by_name_as_image_and_as_mask(scene, trap):
    name, lay, message = TRAPS[trap]
    lay(scene.folder / name)
    Image.fromarray(scene.image).save(scene.folder / "whole.png")
    Image.fromarray(scene.mask).save(scene.folder / "m.png")
    scene.table((name, "m.png"))
    (line,) = scene.problems()
    assert line.startswith(name)
    assert message in line
    scene.table(("whole.png", name))
    assert scene.problems()[0].startswith((name, "whole.png"))


def whole_files(scene):
    """One file of each kind that is read, whole."""
    grey, colour = scene.image, np.stack([scene.image] * 3, axis=-1)
    Image.fromarray(grey).save(scene.folder / "grey.png")
    Image.fromarray(colour).save(scene.folder / "colour.jpg")
    Image.fromarray(grey).save(scene.folder / "packed.tif", compression="tiff_lzw")
    Image.fromarray(grey.astype(np.uint16) * 16).save(scene.folder / "deep.tif")
    Image.fromarray(colour).save(scene.folder / "colour.bmp")
    nibabel.save(nibabel.Nifti1Image(grey[..., None], np.eye(4)), scene.folder / "v.nii.gz")
    nibabel.save(nibabel.Nifti1Image(grey[..., None], np.eye(4)), scene.folder / "v.nii")
    return sorted(scene.folder.iterdir())


def refusal(path, like):
    """Why a file is not read; its name where it is."""
    try:
        read_stack(path, path.name, like)
    except InputError as error:
        return str(error)
    return path.name


@pytest.mark.filterwarnings("ignore")  # of Pillow and numpy, about what they skip
def test_a_file_cut_anywhere_or_with_bytes_changed_is_read_or_refused_in_a_line(scene):
    for path in whole_files(scene):
        whole, draw = path.read_bytes(), random.Random(0)
        for _ in range(40):
            spoilt = bytearray(whole)
            for _ in range(draw.randint(1, 4)):
                spoilt[draw.randrange(min(len(spoilt), 400))] = draw.randrange(256)
            if draw.random() < 0.4:
                spoilt = spoilt[: draw.randrange(len(spoilt))]
            path.write_bytes(spoilt)
            for like in (None, path):
                said = refusal(path, like)
                assert "\n" not in said
                assert said.startswith(path.name)


def test_more_pages_than_memory_holds_are_refused(scene, monkeypatch):
    monkeypatch.setattr("factory.sources.files.picture.MOST_PIXELS", 10_000)
    page = Image.fromarray(scene.image)
    page.save(scene.folder / "a.tif", save_all=True, append_images=[page] * 5)
    with pytest.raises(InputError, match=r"a\.tif has 6 pages of 48 x 40 pixels, above the limit"):
        read_stack(scene.folder / "a.tif", "a.tif")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["images/a.dcm", "masks/a.dcm"])
def test_a_pipe_is_not_waited_for_when_the_layout_of_a_folder_is_looked_for(tmp_path, name):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / part / "b.png")
    os.mkfifo(tmp_path / name)
    assert [row.image for row in recognise(tmp_path).rows] == ["images/b.png"]


@pytest.mark.timeout(60)
def test_a_pipe_in_place_of_a_description_is_refused(tmp_path):
    os.mkfifo(tmp_path / "dataset.json")
    with pytest.raises(InputError, match="is a pipe or device"):
        NnunetSource(path=tmp_path).build()


@pytest.mark.parametrize("value", ["9" * 5000, "9" * 10])
def test_a_class_whose_value_no_image_holds_is_refused(value):
    with pytest.raises(InputError, match="is not a class"):
        parse_names({value: "liver"}, "classes.json")
