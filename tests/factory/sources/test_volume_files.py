"""Volumes as scanners and tools store them: headers of image and mask, units, voxel types."""

import re

import nibabel
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

DIAGONAL = np.diag([0.8, 0.8, 3.0, 1.0])


def volume(plane: np.ndarray, scale: int = 16) -> np.ndarray:
    """A slice between two empty ones, 12 bits deep."""
    return np.stack([0 * plane, plane, 0 * plane], axis=-1).astype(np.int16) * scale


def save(path, array, axes="RAS"):
    """The array, given as right, front, head grow, with its axes stored another way."""
    change = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))
    affine = DIAGONAL @ inv_ornt_aff(change, array.shape)
    nibabel.save(nibabel.Nifti1Image(apply_orientation(array, change), affine), path)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "RAI", "ARS"])
def test_07_a_mask_stored_in_another_orientation_lies_where_its_header_says(scene, axes):
    save(scene.folder / "a.nii.gz", volume(scene.image))
    save(scene.folder / "m.nii.gz", volume(scene.mask, 1), axes)
    scene.table(("a.nii.gz", "m.nii.gz"))
    ((classes, inside, outside),) = scene.seen()
    assert classes == {1: 192}
    assert inside > 200
    assert outside < 70


@pytest.mark.parametrize(
    ("axes", "end"), [("LSA", r"the front \(A\)"), ("PSR", r"the right \(R\)"), ("RAS", None)]
)
def test_slices_too_small_to_learn_from_are_told_with_the_axis_they_are_cut_along(scene, axes, end):
    image, mask = (
        volume(each)[:, :12] if end is None else volume(each) for each in (scene.image, scene.mask)
    )
    for name, each in (("a.nii.gz", image), ("m.nii.gz", mask // 16)):
        save(scene.folder / name, each, axes)
    scene.table(("a.nii.gz", "m.nii.gz"))
    (said,) = scene.problems()
    assert "below 16" in said
    assert bool(re.search(f"third axis.*runs to {end}.*as_closest_canonical", said)) == bool(end)


@pytest.mark.parametrize(
    ("unit", "size", "told"),
    [("mm", 0.036, 0.036), ("micron", 36.0, 0.036), ("meter", 36e-6, 0.036), (0, 0.036, 0.036)],
    ids=str,
)
def test_09_spacing_is_in_the_unit_of_the_header(scene, unit, size, told):
    for name, plane in (("a.nii", scene.image), ("m.nii", scene.mask)):
        file = nibabel.Nifti1Image(volume(plane, 1), np.diag([size, size, size, 1]))
        file.header.set_xyzt_units(unit)
        nibabel.save(file, scene.folder / name)
    scene.table(("a.nii", "m.nii"))
    assert scene.read().spacing_mm[0] == pytest.approx([told, told])


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_09_a_spacing_that_is_none_is_unknown(scene, spoilt):
    for name, plane in (("a.nii", scene.image), ("m.nii", scene.mask)):
        file = nibabel.Nifti1Image(volume(plane, 1), None)
        file.header["pixdim"][1] = spoilt
        nibabel.save(file, scene.folder / name)
    scene.table(("a.nii", "m.nii"))
    assert np.isnan(scene.read().spacing_mm[0]).all()


def test_10_a_volume_in_colour_is_read_in_colour(scene):
    colour = np.zeros((40, 48, 1), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for channel in "RGB":
        colour[channel][..., 0] = scene.image
    nibabel.save(nibabel.Nifti1Image(colour, DIAGONAL), scene.folder / "a.nii.gz")
    nibabel.save(nibabel.Nifti1Image(scene.mask[..., None], DIAGONAL), scene.folder / "m.nii.gz")
    scene.table(("a.nii.gz", "m.nii.gz"))
    ((_, inside, outside),) = scene.seen()
    assert inside == pytest.approx(200, abs=1)
    assert outside < 70


def test_10_27_a_complex_volume_is_refused_by_name_beside_other_faults(scene):
    raw = nibabel.Nifti1Image(volume(scene.image).astype(np.complex64), DIAGONAL)
    nibabel.save(raw, scene.folder / "raw.nii.gz")
    for name in ("m.nii.gz", "z.nii.gz"):
        save(scene.folder / name, volume(scene.mask, 1))
    scene.table(("raw.nii.gz", "m.nii.gz"), ("z.nii.gz", "lost.nii.gz"))
    lines = scene.problems()
    assert "raw.nii.gz holds complex numbers (complex64)" in lines[0]
    assert "lost.nii.gz does not exist" in lines[1]
    assert len(lines) == 2
