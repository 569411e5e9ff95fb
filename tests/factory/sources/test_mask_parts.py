"""Cells of the mask column, and what they are read from."""

import json
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.bad_inputs.hostile import mutated
from factory.errors import InputError
from factory.sources.mask_parts.compose import compose
from factory.sources.mask_parts.part import MaskPart, parse_cell
from factory.sources.mask_parts.run_lengths import decode_runs


def test_a_path_that_is_there_is_taken_as_it_stands(tmp_path):
    (tmp_path / "a;b#2.png").touch()
    assert parse_cell(tmp_path, "a;b#2.png") == (MaskPart(tmp_path / "a;b#2.png"),)


def test_parts_have_keys(tmp_path):
    found = parse_cell(tmp_path, "left.png#1; right.png#2;c.json#17")
    assert [(part.path.name, part.key) for part in found] == [
        *(("left.png", "1"), ("right.png", "2"), ("c.json", "17"))
    ]


def test_later_parts_lie_on_top(tmp_path):
    wide, narrow = np.zeros((2, 20, 20), np.uint8)
    wide[5:15], narrow[8:12] = 255, 255
    for name, array in (("wide", wide), ("narrow", narrow)):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    parts = parse_cell(tmp_path, "wide.png#1;narrow.png#2")
    pixels = compose(parts, {}, str, tmp_path).pixels
    assert [(pixels == value).sum() for value in (1, 2)] == [6 * 20, 4 * 20]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("a.png#first", "whole number"),
        ("a.png;small.png", "differ in size"),
        ("a.json#9", "no image 9"),
        ("broken.json", "neither COCO"),
        ("absent.json#1", "no such file"),
    ],
)
def test_a_bad_part_is_refused(tmp_path, cell, said):
    for name, side in (("a", 20), ("small", 10)):
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / f"{name}.png")
    empty = {"images": [], "annotations": [], "categories": []}
    (tmp_path / "a.json").write_text(json.dumps(empty))
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match=said):
        compose(parse_cell(tmp_path, cell), {}, str, tmp_path)


def test_an_unknown_label_is_refused(tmp_path):
    shape = {"label": "liver", "points": [[1, 1], [5, 1], [5, 5]]}
    content = {"shapes": [shape], "imageHeight": 9, "imageWidth": 9}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="unknown class 'liver'"):
        compose(parse_cell(tmp_path, "a.json"), {"spleen": 1}, str, tmp_path)


def test_compressed_run_lengths():
    # Rows 1 and 2 of every column; the second text has numbers of several characters.
    expected = decode_runs([1, 2, 2, 2, 2, 2, 2, 2, 1], (4, 4))
    assert expected[1:3].all()
    assert not expected[[0, 3]].any()
    assert np.array_equal(decode_runs("12200000O", (4, 4)), expected)
    long = decode_runs("T3X1Tl0KlhP3", (1, 101075))
    assert np.array_equal(long, decode_runs([100, 40, 900, 35, 100000], (1, 101075)))


def test_run_lengths_that_do_not_fill_the_image():
    with pytest.raises(ValueError, match="4 x 4"):
        decode_runs([3, 4], (4, 4))


IMAGE, CATEGORY = {"id": 0, "height": 9, "width": 9}, {"id": 1, "name": "liver"}
ANNOTATION = {"image_id": 0, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}
COCO = {"images": [IMAGE], "annotations": [ANNOTATION], "categories": [CATEGORY]}
SHAPE = {"label": "liver", "points": [[1, 1], [5, 1], [5, 5]]}
LABELME = {"shapes": [SHAPE], "imageHeight": 9, "imageWidth": 9}
BOX = {"name": "rect", "x": 1, "y": 2, "width": 4, "height": 3}
DISC = {"name": "ellipse", "cx": 5, "cy": 5, "rx": 3, "ry": 2, "theta": 0.5}
REGIONS = [
    {"shape_attributes": each, "region_attributes": {"kind": "liver"}} for each in (BOX, DISC)
]
VIA = {"0": {"filename": "a.png", "size": 0, "regions": REGIONS}}


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_annotations_of_any_shape_are_read_or_refused_in_a_line(seed):
    draw = random.Random(seed)
    content = mutated(draw, draw.choice((COCO, LABELME, VIA)), draw.randint(1, 3))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("factory.sources.mask_parts.annotations.MOST_PIXELS", 10**5)  # for speed
        file = Path(name) / "a.json"
        file.write_text(json.dumps(content))
        image = Path(name) / "a.png"
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(image)
        assert "\n" not in refusal([MaskPart(file, "0")], image)


def refusal(parts, like):
    """Why parts are no mask; "" where they are."""
    try:
        compose(parts, {"liver": 1}, lambda path: path.name, like)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([10**15], "run lengths of 1000000000000000 pixels"),
        ([-9, 90], "run lengths"),
        ("o" * 10**5, "more than 60 bits"),
    ],
)
def test_run_lengths_beyond_the_image_are_not_laid_out(runs, said):
    with pytest.raises(ValueError, match=said):
        decode_runs(runs, (9, 9))


def test_an_image_of_annotations_beyond_memory_is_refused(tmp_path):
    content = COCO | {"images": [IMAGE | {"height": 10**6, "width": 10**6}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="1000000 x 1000000 pixels"):
        compose([MaskPart(tmp_path / "a.json", "0")], {"liver": 1}, str, tmp_path)


def via_mask(folder, regions, key="0", values=None, size=(40, 60)):
    """What is read of an image's regions, each a shape with its attributes; (H, W)."""
    told = [{"shape_attributes": a, "region_attributes": b} for a, b in regions]
    content = {"0": {"filename": "a.png", "size": 0, "regions": told}}
    (folder / "via.json").write_text(json.dumps(content))
    Image.fromarray(np.zeros(size, np.uint8)).save(folder / "a.png")
    parts = [MaskPart(folder / "via.json", key)]
    return compose(parts, values or {"liver": 1}, lambda path: path.name, folder / "a.png").pixels[
        0
    ]


LIVER = {"kind": "liver"}


def test_regions_of_via_cover_their_pixels(tmp_path):
    box = {"name": "rect", "x": 10, "y": 5, "width": 4, "height": 3}
    expected = np.zeros((40, 60), bool)
    expected[5:8, 10:14] = True
    assert np.array_equal(via_mask(tmp_path, [(box, LIVER)]), expected)


@given(st.floats(0, np.pi), st.floats(3, 9), st.floats(3, 9))
@settings(max_examples=20)
def test_an_ellipse_of_via_holds_the_centres_within_it(turned, wide, high):
    shape = {"name": "ellipse", "cx": 30, "cy": 20, "rx": wide, "ry": high, "theta": turned}
    with tempfile.TemporaryDirectory() as name:
        inside = via_mask(Path(name), [(shape, LIVER)])
    y, x = np.mgrid[:40, :60] + 0.5 - np.array([20, 30])[:, None, None]
    along, across = x * np.cos(turned) + y * np.sin(turned), y * np.cos(turned) - x * np.sin(turned)
    reach = (along / wide) ** 2 + (across / high) ** 2
    unclear = np.abs(reach - 1) < 1e-3
    assert np.array_equal(inside[~unclear], (reach < 1)[~unclear])


def test_a_circle_of_via_is_an_ellipse_and_a_line_is_nothing(tmp_path):
    shapes = [
        {"name": "circle", "cx": 30, "cy": 20, "r": 6},
        {"name": "ellipse", "cx": 30, "cy": 20, "rx": 6, "ry": 6},
    ]
    circle, ellipse = (via_mask(tmp_path, [(shape, LIVER)]) for shape in shapes)
    assert np.array_equal(circle, ellipse)
    assert circle.sum() == pytest.approx(np.pi * 36, rel=0.05)
    line = {"name": "polyline", "all_points_x": [1, 30], "all_points_y": [1, 30]}
    assert not via_mask(
        tmp_path, [(line, LIVER), ({"name": "point", "cx": 1, "cy": 1}, LIVER)]
    ).any()


def test_classes_of_via_are_the_attribute_that_most_regions_fill(tmp_path):
    told = [{"seen by": "a", "kind": {"liver": True, "cyst": False}}, {"kind": "cyst"}]
    regions = [(BOX, told[0]), (DISC | {"cx": 30, "cy": 20}, told[1])]
    mask = via_mask(tmp_path, regions, values={"background": 0, "liver": 1, "cyst": 2})
    assert mask[3, 2] == 1
    assert mask[20, 30] == 2


@pytest.mark.parametrize(
    ("shape", "attributes", "key", "said"),
    [
        ({"name": "star"}, LIVER, "0", "a shape of the type star"),
        (BOX, {"kind": {"liver": True, "cyst": True}}, "0", "several classes: liver, cyst"),
        (BOX, LIVER, "9", "knows no image 9"),
        ({"name": "rect", "x": 1}, LIVER, "0", "cannot be read"),
        (BOX, {"kind": "spleen"}, "0", "unknown class 'spleen'"),
    ],
)
def test_a_bad_region_of_via_is_refused(tmp_path, shape, attributes, key, said):
    with pytest.raises(InputError, match=said):
        via_mask(tmp_path, [(shape, attributes)], key)


def test_a_region_without_a_name_is_of_the_only_class(tmp_path):
    assert via_mask(tmp_path, [(BOX, {})]).any()
    with pytest.raises(InputError, match="a region has no label, and there are several"):
        via_mask(tmp_path, [(BOX, {})], values={"liver": 1, "cyst": 2})
