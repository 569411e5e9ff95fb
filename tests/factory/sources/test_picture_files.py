"""Pictures as cameras, scanners and microscopes store them: read as viewers show them."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from factory.sources.image_files import read_stack

BRIGHT = (240, 19)  # inside and outside of the box, as a window leaves them


def save_mask(scene, name="m.png"):
    Image.fromarray(scene.mask).save(scene.folder / name)


@pytest.mark.parametrize(("tag", "turn"), [(3, 2), (6, 1), (8, 3)])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_03_a_picture_is_turned_as_its_orientation_tag_says(scene, tag, turn, name):
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(np.rot90(scene.image, turn)).save(scene.folder / name, exif=exif, quality=95)
    save_mask(scene)
    scene.table((name, "m.png"))
    ((_, inside, outside),) = scene.seen()
    assert inside == pytest.approx(200, abs=3)
    assert outside == pytest.approx(50, abs=3)


def test_03_a_tiff_is_turned_once(scene):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(scene.image)).save(scene.folder / "a.tif", exif=exif)
    assert (read_stack(scene.folder / "a.tif", "a.tif").pixels[0] == scene.image).all()


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_04_pages_of_a_tiff_are_slices(scene, compression):
    for name, pixels in (("a.tif", scene.image), ("m.tif", scene.mask)):
        first, *rest = [Image.fromarray(np.roll(pixels, 2 * k, axis=0)) for k in range(6)]
        first.save(scene.folder / name, save_all=True, append_images=rest, compression=compression)
    scene.table(("a.tif", "m.tif"))
    assert scene.seen() == [({1: 192}, 200, 50)] * 6
    assert scene.read().facets["name"].tolist() == [f"a.tif[{k}]" for k in range(6)]
    assert scene.read().facets["volume"].tolist() == ["a.tif"] * 6


def test_04_a_mask_of_fewer_pages_is_refused(scene):
    tifffile.imwrite(scene.folder / "a.tif", np.stack([scene.image] * 6), photometric="minisblack")
    save_mask(scene)
    scene.table(("a.tif", "m.png"))
    (line,) = scene.problems()
    assert "a.tif has 6 x 40 x 48 slices, rows and columns and its mask 1 x 40 x 48" in line


def test_04_a_smaller_copy_of_a_page_is_no_slice(scene):
    with tifffile.TiffWriter(scene.folder / "a.tif") as file:
        file.write(scene.image)
        file.write(scene.image[::2, ::2], subfiletype=1)
    save_mask(scene)
    scene.table(("a.tif", "m.png"))
    assert scene.seen() == [({1: 192}, 200, 50)]


def test_04_pages_of_different_size_are_refused(scene):
    with tifffile.TiffWriter(scene.folder / "a.tif") as file:
        file.write(scene.image)
        file.write(scene.image[::2, ::2])
    save_mask(scene)
    scene.table(("a.tif", "m.png"))
    (line,) = scene.problems()
    assert "a.tif has 2 pages of different size" in line


@pytest.mark.parametrize("deep", [np.uint8, np.uint16, np.float32], ids=str)
def test_05_an_inverted_tiff_is_read_like_a_plain_one(scene, deep):
    scale = 1 if deep == np.uint8 else 16
    plain = scene.image.astype(deep) * deep(scale)
    inverted = -plain if deep == np.float32 else np.iinfo(deep).max - plain
    tifffile.imwrite(scene.folder / "a.tif", plain, photometric="minisblack")
    tifffile.imwrite(scene.folder / "b.tif", inverted, photometric="miniswhite")
    save_mask(scene)
    scene.table(("a.tif", "m.png"))
    one = scene.seen()
    scene.table(("b.tif", "m.png"))
    assert scene.seen() == one


def deep_picture(scene, channels):
    """12 of 16 bits; channels that differ in their lower halves."""
    grey = scene.image.astype(np.uint16) * 16
    return np.stack([grey + 3 * c for c in range(channels)], axis=-1)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
def test_06_a_deep_tiff_in_colour_keeps_its_depth(scene, compression, order, channels):
    pixels = deep_picture(scene, channels)
    extra = ["unassalpha"] if channels == 4 else []
    tifffile.imwrite(
        scene.folder / "a.tif",
        pixels,
        photometric="rgb",
        compression=compression,
        byteorder=order,
        extrasamples=extra,
    )
    stack = read_stack(scene.folder / "a.tif", "a.tif")
    assert (stack.pixels == pixels[None, ..., :3]).all()


def png(pixels: np.ndarray, colour_type: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    size = b"".join(side.to_bytes(4, "big") for side in (pixels.shape[1], pixels.shape[0]))
    header = size + bytes([16, colour_type, 0, 0, 0])
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("case", "colour_type", "channels"), [("06", 2, 3), ("06", 6, 4), ("22", 4, 2)], ids=str
)
def test_06_22_a_deep_png_of_several_channels_keeps_its_depth(scene, case, colour_type, channels):
    pixels = deep_picture(scene, channels)
    (scene.folder / "a.png").write_bytes(png(pixels, colour_type))
    save_mask(scene)
    scene.table(("a.png", "m.png"))
    stack = read_stack(scene.folder / "a.png", "a.png")
    expected = pixels[..., 0] if channels == 2 else pixels[..., :3]
    assert (stack.pixels[0] == expected).all()
    ((_, inside, outside),) = scene.seen()
    assert inside > 230
    assert outside < 25
