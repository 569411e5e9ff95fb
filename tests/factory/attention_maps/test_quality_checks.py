"""Reasons against masks drawn by hand."""

import numpy as np
import pytest

from factory.attention_maps.quality_checks import absences, disagreements, prior_violations
from factory.attention_maps.settings import StructureSection

CLASSES = {"lung": 1, "heart": 2}


def mask():
    """Lung in 8 of 32 pixels and two pieces, heart in 4."""
    drawn = np.zeros((4, 8), np.uint8)
    drawn[:2, :2] = drawn[:2, 6:] = 1
    drawn[2:, 3:5] = 2
    return drawn


def violations(**changes):
    priors = {"lung": StructureSection(**changes), "heart": StructureSection()}
    return list(prior_violations(mask(), CLASSES, priors))


def test_a_class_without_a_pixel_is_not_found():
    assert list(absences(mask(), {**CLASSES, "opacity": 3})) == ["opacity has no pixel"]


def test_what_the_priors_allow_is_no_reason():
    assert violations(area=(0.25, 0.3), components=2) == []


def test_area_outside_the_prior():
    assert violations(area=(0.3, 0.5)) == [
        "lung covers 25.0% of the image, expected 30.0% to 50.0%"
    ]
    assert len(violations(area=(0.01, 0.2))) == 1


def test_too_many_pieces():
    assert violations(components=1) == ["lung is in 2 pieces, expected at most 1"]


def test_steps_that_disagree():
    other = mask()
    other[2:, 3:5] = 0
    other[2:, 4:6] = 2  # two of four pixels shared: Dice 0.5
    found = disagreements({"attention": mask(), "crf": mask(), "affinity": other}, CLASSES, 0.6)
    assert list(found) == [
        "heart: attention and affinity agree by Dice 0.50, less than 0.60",
        "heart: crf and affinity agree by Dice 0.50, less than 0.60",
    ]
    assert list(disagreements({"attention": mask()}, CLASSES, 1)) == []


@pytest.mark.parametrize("area", [(0.5, 0.1), (-0.1, 0.5), (0.2, 1.2), (0.3, 0.3)])
def test_an_area_that_is_no_range_is_refused(area):
    with pytest.raises(ValueError, match="is no range"):
        StructureSection(area=area)
