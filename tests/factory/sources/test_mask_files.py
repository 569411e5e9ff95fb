"""Masks as other tools store them: each kind is read as it was drawn, or refused by name."""

import json
import zlib

import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from factory.sources.files.colours import class_values, colour_value, is_colour, written_value
from factory.sources.folder import FolderSource


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


def coloured(scene, *colours):
    """A mask with the box in a colour and, under it, a second one in the next."""
    pixels = np.zeros((40, 48, 3), np.uint8)
    pixels[scene.mask > 0] = colours[0]
    if len(colours) > 1:
        pixels[30:35, 4:32] = colours[1]
    return Image.fromarray(pixels)


@pytest.mark.parametrize("name", ["m.png", "m.gif", "m.tif", "m.bmp"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 0, 0), (0, 0, 128)], ids=str)
def test_one_colour_beside_black_is_the_one_class(scene, colour, name):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    coloured(scene, colour).save(scene.folder / name)
    scene.table(("a.png", name))
    assert scene.seen()[0] == ({1: 192}, 200, 50)


def test_classes_are_colours_where_the_label_map_says_so(scene):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    coloured(scene, (0, 0, 255), (255, 255, 255)).save(scene.folder / "m.png")
    scene.table(("a.png", "m.png"))
    for names in ({"#0000FF": "liver", "#ffffff": "cyst"}, {"cyst": "#FFFFFF", "liver": "#0000ff"}):
        (scene.folder / "classes.json").write_text(json.dumps(names))
        (domain,) = FolderSource(path=scene.folder).build().domains.values()
        # White is the grey level 255, and comes before all colours.
        assert domain.classes == ("cyst", "liver")
        assert scene.seen()[0][0] == {2: 192, 1: 140}


def test_a_colour_that_no_class_has_is_told_as_one(scene):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    coloured(scene, (0, 255, 0)).save(scene.folder / "m.png")
    scene.table(("a.png", "m.png"))
    (scene.folder / "classes.json").write_text(json.dumps({"#ff0000": "liver"}))
    (line,) = scene.problems()
    assert "m.png holds the colour #00ff00" in line
    assert "#ff0000 liver" in line


def test_a_coloured_mask_of_deep_channels_is_refused(scene):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    deep = np.zeros((40, 48, 3), np.uint16)
    deep[..., 0] = np.uint16(65535) * scene.mask
    tifffile.imwrite(scene.folder / "m.tif", deep, photometric="rgb")
    scene.table(("a.png", "m.tif"))
    (line,) = scene.problems()
    assert "m.tif" in line
    assert "8 bits" in line


def test_a_film_is_no_picture(scene):
    frames = [Image.fromarray(scene.image // n) for n in (1, 2, 3)]
    frames[0].save(scene.folder / "a.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(scene.mask).save(scene.folder / "m.png")
    scene.table(("a.gif", "m.png"))
    assert scene.problems() == ["a.gif is a film of 3 frames; save each as a picture of its own"]


@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_the_value_of_a_colour_is_the_one_of_its_pixels(colour):
    pixels = np.array([[[colour]]], np.uint8)
    (value,) = class_values(pixels, "m").ravel().tolist()
    text = "#" + bytes(colour).hex()
    assert value == colour_value(text)
    assert is_colour(value) == (len(set(colour)) > 1)
    assert written_value(value) == (text if is_colour(value) else str(colour[0]))
