"""Flat images larger than the size asked for are cut into tiles, pixel by pixel, instead of shrunk."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evaluation.pairs import units_of
from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.decoding import corners
from factory.sources.folder import FolderSource

SIZE = ImageSection(size=32)


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ((32, 32), [(0, 0)]),
        ((20, 30), [(0, 0)]),
        ((64, 32), [(0, 0), (32, 0)]),
        ((32, 40), [(0, 0), (0, 8)]),
        ((32, 80), [(0, 0), (0, 24), (0, 48)]),
    ],
)
def test_as_few_as_cover_an_image(size, found):
    assert list(corners(size, 32)) == found


@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(1, 40))
def test_every_pixel_lies_in_a_tile_and_every_tile_in_the_image(size, side):
    covered = np.zeros(size, bool)
    for top, left in corners(size, side):
        tile = covered[top : top + side, left : left + side]
        assert tile.shape == (min(side, size[0]), min(side, size[1]))
        tile[:] = True
    assert covered.all()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of 40 x 70 pixels, and one of 24 x 30, with masks of one class."""
    rng, rows = np.random.default_rng(0), ["image,mask,modality,anatomy,split,spacing"]
    for name, shape in (("a", (40, 70)), ("b", (40, 70)), ("c", (24, 30))):
        pixels = rng.integers(0, 256, shape)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{name}.png")
        Image.fromarray((pixels > 200).astype(np.uint8)).save(tmp_path / f"{name}_mask.png")
        rows.append(f"{name}.png,{name}_mask.png,microscopy,tissue,train,0.5")
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    (tmp_path / "classes.json").write_text(json.dumps({"0": "background", "1": "nucleus"}))
    return tmp_path


def read(folder, **options):
    return FolderSource(path=folder, **options).build().read("train", SIZE)


def test_tiles_are_the_pixels_of_the_file(folder):
    pairs = read(folder, tiles=True)
    names = pairs.facets["name"].tolist()
    places = [(top, left) for top in (0, 8) for left in (0, 19, 38)]
    assert names[:6] == [f"a.png@{top},{left}" for top, left in places]
    assert len(names) == 6 + 6 + 1
    whole = np.asarray(Image.open(folder / "b.png"))
    for tile, (top, left) in zip(pairs.images[6:12, ..., 0], places, strict=True):
        np.testing.assert_array_equal(tile, whole[top : top + 32, left : left + 32])
    np.testing.assert_array_equal(pairs.masks[:12], pairs.images[:12, ..., 0] > 200)
    np.testing.assert_allclose(pairs.spacing_mm[:12], 0.5)


def test_an_image_that_is_no_larger_is_fitted_as_ever(folder):
    tiled, whole = read(folder, tiles=True), read(folder)
    np.testing.assert_array_equal(tiled.images[-1], whole.images[-1])
    np.testing.assert_allclose(tiled.spacing_mm[-1], whole.spacing_mm[-1])


def test_tiles_of_an_image_are_of_one_patient(folder):
    assert units_of(read(folder, tiles=True)).tolist() == [0] * 6 + [1] * 6 + [2]


def test_cut_and_shrunk_are_other_data_and_without_tiles_nothing_changed(folder):
    shrunk, cut = FolderSource(path=folder), FolderSource(path=folder, tiles=True)
    assert shrunk.build().digest != cut.build().digest
    assert "tiles" not in shrunk.model_dump()
    assert cut.model_dump()["tiles"] is True


def test_a_volume_is_not_cut(folder):
    voxels = np.zeros((40, 70, 3), np.uint8)
    for name in ("a.nii.gz", "a_mask.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / name)
    table = folder / "metadata.csv"
    table.write_text(table.read_text().replace("a.png,a_mask.png", "a.nii.gz,a_mask.nii.gz"))
    source = FolderSource(path=folder, tiles=True).build()
    (line,) = source.problems(SIZE)
    assert "a.nii.gz is a volume" in line
    with pytest.raises(InputError, match=r"set source\.tiles to false"):
        source.read("train", SIZE)
