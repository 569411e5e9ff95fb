"""A pair as pictures: the very pixels, shapes on the edges of pixels, numbers beside colours."""

import base64
import io
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flows.studio.drawing import legend, mask_shapes, picture_uri, tiles


def pixels_of(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def two_squares():
    mask = np.zeros((32, 32), np.uint8)
    mask[4:16, 4:16], mask[20:30, 20:30] = 1, 3
    return mask


@given(st.integers(0, 99), st.sampled_from([(), (1,), (3,)]))
def test_a_picture_has_exactly_the_pixels(seed, channels):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 12, *channels), np.uint8)
    assert np.array_equal(pixels_of(picture_uri(pixels)).reshape(pixels.shape), pixels)


def test_each_class_has_its_number_in_the_middle_and_its_own_colour():
    drawn = mask_shapes(two_squares(), ("left", "heart", "right"))
    assert [number for *_, number in re.findall(r"<text (.*?)>(\d)<", drawn)] == ["1", "3"]
    first, second = re.findall(r'stroke="(#\w+)"', drawn)
    assert first != second
    colours = pixels_of(re.search(r'href="(.*?)"', drawn)[1])
    assert f"#{colours[5, 5, :3].tobytes().hex()}" == first
    assert ((colours[..., 3] > 0) == (two_squares() > 0)).all()


def test_a_region_too_small_for_a_number_has_none():
    mask = np.zeros((32, 32), np.uint8)
    mask[4:6, 4:6] = 1
    assert "<text" not in mask_shapes(mask, ("speck",))
    assert "<path" in mask_shapes(mask, ("speck",))


def test_pictures_say_what_they_show_and_names_are_escaped():
    image = np.zeros((32, 32, 1), np.uint8)
    shown = tiles(image, two_squares(), ("a<b", "heart", "right"), "1")
    assert 'aria-label="Mask of pair 1: a&lt;b, right"' in shown
    assert 'alt="Image of pair 1"' in shown
    assert "a<b" not in shown


def test_a_legend_knows_what_masks_show():
    found = legend(("left", "heart", "right"), [two_squares()])
    assert [(each.index, each.name, each.shown) for each in found] == [
        (1, "left", True),
        (2, "heart", False),
        (3, "right", True),
    ]
