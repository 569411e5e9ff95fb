"""Masks as other tools store them: each kind is read as it was drawn, or refused by name."""

import zlib

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image


def grey_png(levels: np.ndarray, bits: int) -> bytes:
    """A grey PNG of 2 or 4 bits a pixel, as optimisers write."""
    per_byte = 8 // bits
    packed = sum(levels[:, i::per_byte] << (8 - bits * (i + 1)) for i in range(per_byte))
    lines = b"".join(b"\0" + row.tobytes() for row in packed.astype(np.uint8))

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    rows, columns = levels.shape
    header = columns.to_bytes(4, "big") + rows.to_bytes(4, "big") + bytes([bits, 0, 0, 0, 0])
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [2, 4])
def test_02_indices_of_few_bits_are_not_stretched(scene, bits):
    mask = scene.mask
    mask[30:35, 4:32] = 2
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    (scene.folder / "m.png").write_bytes(grey_png(mask.astype(np.uint8), bits))
    scene.table(("a.png", "m.png"), classes=("cartilage", "meniscus"))
    assert scene.seen()[0][0] == {1: 192, 2: 140}


def scaled_mask(scene, array, slope):
    """A volume of one slice and a mask that an 8-bit file with a scale factor holds."""
    nibabel.save(nibabel.Nifti1Image(scene.image[..., None], np.eye(4)), scene.folder / "a.nii")
    stored = np.round(array / slope).astype(np.uint8)
    file = nibabel.Nifti1Image(stored[..., None], np.eye(4))
    file.header.set_slope_inter(slope, 0)
    nibabel.save(file, scene.folder / "m.nii")
    scene.table(("a.nii", "m.nii"), classes=("cord", "lesion"))


def test_08_labels_that_a_scale_rounded_are_whole(scene):
    mask = scene.mask.astype(float)
    mask[30:35, 4:32] = 2
    scaled_mask(scene, mask, slope=2 / 255)
    assert scene.seen()[0][0] == {1: 192, 2: 140}


def test_08_a_value_between_two_labels_stays_refused(scene):
    scaled_mask(scene, scene.mask * 0.5, slope=2 / 255)
    (line,) = scene.problems()
    assert "m.nii holds the value 0.50" in line


def test_08_a_quarter_in_a_mask_of_fractions_stays_refused(scene):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    Image.fromarray(scene.mask * np.float32(0.25)).save(scene.folder / "m.tif")
    scene.table(("a.png", "m.tif"))
    (line,) = scene.problems()
    assert "m.tif holds the value 0.25" in line


@pytest.mark.parametrize("name", ["m.jpg", "m.png", "m.tif"])
def test_11_a_mask_compressed_with_loss_is_refused(scene, name):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    options = {"compression": "jpeg"} if name == "m.tif" else {"format": "JPEG"}
    Image.fromarray(scene.mask * 2).save(scene.folder / name, **options)
    scene.table(("a.png", name), classes=("one", "two", "three"))
    (line,) = scene.problems()
    assert f"{name} is a mask compressed with loss" in line


@pytest.mark.parametrize("mode", ["LA", "RGBA", "RGB", "1"])
def test_33_a_mask_is_read_whatever_the_mode_of_the_picture(scene, mode):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    drawn = Image.fromarray(scene.mask * (255 if mode == "1" else 1)).convert(mode)
    drawn.save(scene.folder / "m.png")
    scene.table(("a.png", "m.png"))
    assert scene.seen()[0][0] == {1: 192}


def test_33_a_mask_drawn_in_transparency_is_refused(scene):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    drawn = np.zeros((40, 48, 4), np.uint8)
    drawn[..., 3] = 255 * scene.mask
    Image.fromarray(drawn).save(scene.folder / "m.png")
    scene.table(("a.png", "m.png"))
    (line,) = scene.problems()
    assert "m.png is a mask of one value whose transparency varies" in line


def test_05_a_mask_stored_inverted_is_refused(scene):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    tifffile.imwrite(scene.folder / "m.tif", scene.mask, photometric="miniswhite")
    scene.table(("a.png", "m.tif"))
    (line,) = scene.problems()
    assert "m.tif is a mask stored with white as zero" in line
