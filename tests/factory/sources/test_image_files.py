from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from factory.errors import InputError
from factory.orientation import directions
from factory.sources.image_files import read_stack


def save_volume(path: Path, array: np.ndarray, axes: str, zooms: tuple[float, ...]) -> Path:
    """A NIfTI file whose three axes grow towards these ends, such as "RAS"."""
    affine = np.zeros((4, 4))
    for axis, (end, zoom) in enumerate(zip(axes, zooms, strict=True)):
        world = next(i for i, ends in enumerate(("LR", "PA", "IS")) if end in ends)
        affine[world, axis] = zoom if end in "RAS" else -zoom
    affine[3, 3] = 1
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


@pytest.mark.parametrize(
    ("axes", "corner"),
    [
        # Where voxel (0, 0, 0) ends up: axial slices have the front up and the right at the left.
        ("RAS", (-1, -1)),
        ("LAS", (-1, 0)),
        ("LPS", (0, 0)),
        ("ALS", (-1, 0)),
        # Sagittal: head up, front at the left. Coronal: head up, right at the left.
        ("PIR", (0, 0)),
        ("ASR", (-1, -1)),
        ("LSA", (-1, 0)),
        ("ILA", (0, 0)),
    ],
    ids=str,
)
def test_slices_of_the_last_axis_are_turned_upright(
    tmp_path: Path, axes: str, corner: tuple[int, int]
) -> None:
    array = np.zeros((3, 4, 5), np.int16)
    array[0, 0, 2] = 7
    stack = read_stack(save_volume(tmp_path / "v.nii", array, axes, (1, 2, 3)), "v.nii")
    assert stack.size[0] == 5
    assert stack.pixels[2][corner] == 7
    # Voxels are 1 mm along the axis of 3 and 2 mm along that of 4, whichever way they lie.
    assert dict(zip(stack.size[1:], stack.spacing_mm, strict=True)) == {3: 1.0, 4: 2.0}
    # What it says of its axes puts every voxel where the file had it, in the patient.
    affine = np.eye(4)
    steps = (stack.spacing_mm[1], stack.spacing_mm[0], stack.slice_mm)
    affine[:3, :3] = directions(stack.orientation).T * steps
    again = nibabel.Nifti1Image(stack.pixels.transpose(2, 1, 0), affine)
    np.testing.assert_array_equal(
        nibabel.as_closest_canonical(again).dataobj,
        nibabel.as_closest_canonical(nibabel.load(tmp_path / "v.nii")).dataobj,
    )


def test_axes_that_a_header_does_not_say_stay_unknown(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), None), tmp_path / "v.nii")
    assert read_stack(tmp_path / "v.nii", "v.nii").orientation == ""


@pytest.mark.parametrize("axes", ["LAS", "RPS", "SRA"])
def test_a_mask_is_brought_into_the_orientation_of_its_image(tmp_path: Path, axes: str) -> None:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = save_volume(tmp_path / "image.nii.gz", array, "LAS", (1, 1, 1))
    told = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("LAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    moved = nibabel.orientations.apply_orientation(array, told)
    mask = save_volume(tmp_path / "mask.nii.gz", moved, axes, (1, 1, 1))
    turned = read_stack(mask, "mask.nii.gz", like=image)
    assert (turned.pixels == read_stack(image, "image.nii.gz").pixels).all()


def test_a_mask_without_an_orientation_lies_voxel_by_voxel_on_its_image(tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = save_volume(tmp_path / "image.nii.gz", array, "LAS", (1, 1, 1))
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "ones.nii")
    nibabel.save(nibabel.Nifti1Image(array, None), tmp_path / "none.nii")
    for name in ("ones.nii", "none.nii"):
        turned = read_stack(tmp_path / name, name, like=image)
        assert (turned.pixels == read_stack(image, "image.nii.gz").pixels).all()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 1, 1)], ids=str)
def test_a_flat_nifti_is_one_slice(tmp_path: Path, shape: tuple[int, ...]) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones(shape, np.uint8), np.eye(4)), tmp_path / "v.nii")
    assert read_stack(tmp_path / "v.nii", "v.nii").size[0] == 1


def test_a_palette_is_a_pictures_colours_and_a_masks_indices(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None).convert("P")
    picture.putdata([0, 1])
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(path)
    assert read_stack(path, "p.png").pixels.tolist() == [[[[255, 0, 0], [0, 255, 0]]]]
    assert read_stack(path, "p.png", like=path).pixels.tolist() == [[[0, 1]]]


def test_sixteen_bit_pictures_keep_their_depth(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 60_000]], np.uint16)).save(tmp_path / "deep.png")
    assert read_stack(tmp_path / "deep.png", "deep.png").pixels.tolist() == [[[0, 60_000]]]


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.nii", "x.nii.gz", "x.tif"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x89PNG\r\n\x1a\n\x00\x00"], ids=repr)
def test_bytes_that_are_no_image_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: cannot be read as an image") as caught:
        read_stack(tmp_path / name, name)
    assert "\n" not in str(caught.value)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    nibabel.save(nibabel.Nifti1Image(noise[..., None], np.eye(4)), tmp_path / "whole.nii.gz")
    for name in ("whole.png", "whole.nii.gz"):
        half = tmp_path / f"half-{name}"
        half.write_bytes((tmp_path / name).read_bytes()[:2000])
        with pytest.raises(InputError, match="cannot be read"):
            read_stack(half, half.name)


def test_other_kinds_of_file_are_refused_by_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.mha").write_bytes(b"")
    with pytest.raises(InputError, match=r"x\.mha: this kind.*\.png"):
        read_stack(tmp_path / "x.mha", "x.mha")


def test_a_volume_over_time_is_refused(tmp_path: Path) -> None:
    nibabel.save(
        nibabel.Nifti1Image(np.zeros((3, 3, 3, 2), np.uint8), np.eye(4)), tmp_path / "t.nii"
    )
    with pytest.raises(InputError, match=r"t\.nii has the shape 3 x 3 x 3 x 2.*not one volume"):
        read_stack(tmp_path / "t.nii", "t.nii")
