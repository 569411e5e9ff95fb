"""One fact is one line, however many files it holds for."""

import numpy as np
import pytest
from PIL import Image

from factory.sources.files.same_faults import told_once


def save_pairs(scene, count, mask, ending="png"):
    for number in range(count):
        image = np.roll(scene.image, number, axis=1)
        Image.fromarray(image).save(scene.folder / f"a{number}.png")
        Image.fromarray(mask).save(scene.folder / f"m{number}.png")
    scene.table(*((f"a{n}.{ending}", f"m{n}.{ending}") for n in range(count)))


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("named", [1, 255])
def test_black_and_white_masks_of_one_class_are_read(scene, white, named):
    save_pairs(scene, 2, scene.mask * np.uint8(white))
    (scene.folder / "classes.json").write_text(f'{{"{named}": "lesion"}}')
    assert [classes for classes, _, _ in scene.seen()] == [{1: 192}] * 2


def test_a_mask_of_one_class_that_holds_both_1_and_255_is_refused(scene):
    mask = scene.mask * np.uint8(255)
    mask[30:, :] = 1
    save_pairs(scene, 1, mask)
    (line,) = scene.problems()
    assert "m0.png holds the value 255" in line


def test_many_masks_with_a_value_that_no_class_has_are_one_line(scene):
    save_pairs(scene, 30, scene.mask * np.uint8(7))
    (line,) = scene.problems()
    assert line.startswith("m0.png holds the value 7, which is no class")
    assert line.endswith("(likewise 29 others: m1.png, m2.png, ...)")


def test_many_files_of_a_kind_that_cannot_be_read_are_one_line(scene):
    save_pairs(scene, 9, scene.mask)
    for number in range(9):
        for name in (f"a{number}", f"m{number}"):
            (scene.folder / f"{name}.png").rename(scene.folder / f"{name}.mha")
    scene.table(*((f"a{n}.mha", f"m{n}.mha") for n in range(9)))
    (line,) = scene.problems()
    assert "a0.mha: this kind of file cannot be read" in line
    assert "likewise 17 others" in line


def test_masks_that_are_missing_are_one_line(scene):
    save_pairs(scene, 5, scene.mask)
    for number in range(5):
        (scene.folder / f"m{number}.png").unlink()
    (line,) = scene.problems()
    assert line.startswith("a0.png has no mask: m0.png does not exist")
    assert "likewise 4 others: a1.png, a2.png, ..." in line


def test_few_lines_and_lines_about_no_file_stay_as_they_are():
    names = {"a 1.png", "a 2.png", "b.png"}
    lines = ["a 1.png is dark", "a 2.png is dark", "b.png is dark", "patient 1 leaks"]
    assert told_once(lines[:4], names) == lines[:4]


def test_lines_that_name_their_file_at_the_end_are_told_once_too():
    names = {f"a{n}.png" for n in range(60)}
    lines = [f"unknown split 'x' in a{n}.png; known: train, val, test" for n in range(60)]
    (line,) = told_once(lines, names)
    assert line.startswith(f"{lines[0]} (likewise 59 others: a1.png, a2.png")
