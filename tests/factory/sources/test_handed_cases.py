"""Awkward inputs that users of such tools reported, kept beside the repository."""

import math
import re
from pathlib import Path

import pytest

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.folder import FolderSource
from factory.sources.nnunet import NnunetSource

CASES = Path(__file__).resolve().parents[4] / "shared" / "hand-out"
SECTION = ImageSection(size=48)

# Folder -> pixels of each class and mean grey level inside of the mask, pair by pair.
READ = {
    "01-appledouble/input": [({1: 192}, 241)] * 4,
    "02-grey-png-2bit/input": [({1: 192, 2: 140}, 200)] * 2,
    "03-exif-jpeg/input": [({1: 192}, 200)],
    "03-exif-jpeg/input-quarter": [({1: 192}, 200)],
    "04-tiff-pages/input": [({1: 144}, 200)] * 6,
    "05-tiff-white-is-zero/input": [({1: 192}, 240)] * 2,
    "06-png-16bit-rgb/input": [({1: 192}, 240)] * 2,
    "22-png-16bit-alpha/input": [({1: 192}, 240)] * 2,
    "33-mask-grey-alpha/input": [({1: 192}, 200)] * 2,
    "07-mask-orientation/input": [({1: 192}, 241)] * 4,
    "08-label-rounding/input": [({1: 192, 2: 160}, 236)] * 2,
    "09-nifti-units/input": [({1: 192}, 240)] * 4,
    "12-decimal-comma/input": [({1: 192}, 200)] * 4,
    "17-json-bom/input": [({1: 192}, None)],
}
REFUSED = {
    "10-nifti-rgb24/input": [r"z\.nii\.gz has no mask"],
    "27-nifti-complex/input": [r"raw\.nii\.gz holds complex numbers \(complex64\)"],
    "11-jpeg-mask/input": [r"masks/a\.jpg is a mask compressed with loss"],
    "13-unquoted-comma/input": [r"lines 3, 4: 9 cells under 8 columns"],
    "29-text-cut/input": [r"line 2: 9 cells under 7 columns"],
}
SPACING = {
    "09-nifti-units/input": [(0.036, 0.036)] * 4,
    "12-decimal-comma/input": [(1.25, 1.25)] * 3 + [(1.1, 1.2)],
}


def source(case):
    if not CASES.is_dir():
        pytest.skip("needs the awkward inputs in ../shared/hand-out, which are not distributed")
    kind = NnunetSource if case.startswith("01") else FolderSource
    return kind(path=CASES / case).build()


@pytest.mark.parametrize("case", READ)
def test_what_is_meant_is_read(case):
    built = source(case)
    assert built.problems(SECTION) == []
    pairs = built.read("train", SECTION)
    assert len(pairs) == len(READ[case])
    for image, mask, (classes, inside) in zip(pairs.images, pairs.masks, READ[case], strict=True):
        assert {c: int((mask == c).sum()) for c in classes} == classes
        assert set(mask.ravel().tolist()) == {0, *classes}
        assert inside is None or image[mask > 0].mean() == pytest.approx(inside, abs=3)
    for found, told in zip(pairs.spacing_mm, SPACING.get(case, []), strict=False):
        assert math.dist(found, told) < 1e-6


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_by_name(case):
    try:
        lines = source(case).problems(SECTION)
    except InputError as error:
        lines = str(error).splitlines()
    assert len(lines) == len(REFUSED[case])
    for line, pattern in zip(lines, REFUSED[case], strict=True):
        assert re.search(pattern, line)
