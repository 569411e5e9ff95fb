"""Every fault of a stack is one clear line: what arrived, why it matters, what to do."""

from dataclasses import replace

import numpy as np
import pytest

from factory.images import ImageSection
from factory.sources.volumes.checks import stack_faults
from factory.sources.volumes.phantom import PhantomVolumeSource


@pytest.fixture(scope="module")
def pairs():
    """Two volumes of five slices."""
    return PhantomVolumeSource(train=2, slices=5).build().read("train", ImageSection(size=32))


def wide(pairs):
    return replace(pairs, facets=pairs.facets.assign(slice_mm=120.0))


def mixed(pairs):
    spacing = pairs.spacing_mm.copy()
    spacing[1] *= 1.5
    return replace(pairs, spacing_mm=spacing)


def unnumbered(pairs):
    return replace(pairs, facets=pairs.facets.assign(slice=-1))


FAULTS = {
    "missing": (lambda p: p[[0, 1, 3, 4]], "lacks slice 2, between 1 and 3"),
    "order": (lambda p: p[[0, 2, 1, 3, 4]], "lists slice 1 after slice 2, out of order or twice"),
    "twice": (lambda p: p[[0, 1, 1, 2]], "lists slice 1 after slice 1"),
    "one": (lambda p: p[[3]], "has one slice only, number 3"),
    "mixed": (lambda p: mixed(p)[:5], "has slices of mixed spacing, from 25.6 x 10 x 10"),
    "anisotropic": (lambda p: wide(p)[:5], "is 12 times as coarse from slice to slice"),
    "unnumbered": (lambda p: unnumbered(p)[:5], "has slices without a number"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_the_volume(fault, pairs):
    change, words = FAULTS[fault]
    (line,) = stack_faults(change(pairs))
    assert line.startswith("volume phantom-volume-train-0000 ")
    assert words in line
    assert ";" in line  # what to do


def test_flat_images_are_one_line_together(pairs):
    flat = replace(pairs, facets=pairs.facets.assign(volume=""))
    (line,) = stack_faults(flat)
    assert line.startswith("10 images are of no volume (phantom-volume-train-0000[0], ")


def test_each_volume_has_its_own_line_and_sound_ones_none(pairs):
    assert list(stack_faults(pairs)) == []
    assert len(list(stack_faults(pairs[[0, 2, 5, 7]]))) == 2


def test_unknown_spacing_is_no_fault(pairs):
    unknown = replace(pairs, facets=pairs.facets.assign(slice_mm=np.nan))
    assert list(stack_faults(unknown)) == []
