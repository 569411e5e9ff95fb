import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.nnunet import NnunetSource

SMALL = ImageSection(size=32)
COLOUR = ImageSection(size=32, channels=3)


def volumes(folder: Path, channels: int = 1, cases: int = 3, **description: Any) -> Path:
    """An nnU-Net raw folder of `cases` NIfTI volumes of 20 x 24 x 3 voxels."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    mask = np.zeros((20, 24, 3), np.uint8)
    mask[4:9, 4:9, 1] = 2
    for case in range(cases):
        nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), folder / f"labelsTr/c_{case}.nii.gz")
        for channel in range(channels):
            noise = np.random.default_rng(10 * case + channel).normal(size=mask.shape)
            image = nibabel.Nifti1Image(noise.astype(np.float32), np.eye(4))
            nibabel.save(image, folder / f"imagesTr/c_{case}_{channel:04d}.nii.gz")
    describe(
        folder,
        **{
            "channel_names": {str(c): f"T{c + 1}" for c in range(channels)},
            "labels": {"background": 0, "anterior": 1, "posterior": 2},
            "numTraining": cases,
            "file_ending": ".nii.gz",
        }
        | description,
    )
    return folder


def describe(folder: Path, **description: Any) -> None:
    (folder / "dataset.json").write_text(json.dumps(description))


def test_volumes_become_slices_of_a_domain_named_after_the_folder(tmp_path: Path) -> None:
    source = NnunetSource(path=volumes(tmp_path / "Dataset004_Hippocampus")).build()
    (domain,) = source.domains.values()
    assert (domain.name, domain.title) == ("dataset004-hippocampus", "hippocampus T1")
    pairs = source.read("train", SMALL)
    assert len(pairs) == 1  # of three cases one each for train, val and test
    assert pairs.facets["labels"].tolist() == ["posterior"]
    assert pairs.facets["slice"].tolist() == [1]
    assert source.problems(ImageSection()) == []


def test_three_channels_are_colours_where_the_recipe_asks_for_three(tmp_path: Path) -> None:
    source = NnunetSource(path=volumes(tmp_path / "set", channels=4)).build()
    colour = source.read("train", COLOUR).images[0]
    grey = source.read("train", SMALL).images[0]
    assert (colour[..., :1] == grey).all()
    assert (colour[..., 0] != colour[..., 2]).any()


def test_pictures_in_natural_colours_come_in_one_file(tmp_path: Path) -> None:
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
    image = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "imagesTr/a_0000.png")
    Image.fromarray(np.ones((20, 24), np.uint8)).save(tmp_path / "labelsTr/a.png")
    describe(
        tmp_path,
        channel_names={"0": "R", "1": "G", "2": "B"},
        labels={"background": 0, "road": 1},
        file_ending=".png",
    )
    source = NnunetSource(path=tmp_path).build()
    assert source.problems(ImageSection()) == []
    assert next(iter(source.domains.values())).colour
    assert source.read("train", COLOUR).images.shape == (1, 32, 32, 3)


def test_a_known_domain_may_be_named_and_decides_the_indices(tmp_path: Path) -> None:
    labels = {"posterior hippocampus": 1, "anterior hippocampus": 2}
    source = NnunetSource(path=volumes(tmp_path, labels=labels), domain="hippocampus-mri").build()
    pairs = source.read("train", SMALL)
    assert pairs.facets["labels"].tolist() == ["anterior hippocampus"]
    assert np.unique(pairs.masks).tolist() == [0, 1]


def test_half_a_case_and_a_missing_channel_are_found(tmp_path: Path) -> None:
    volumes(tmp_path, channels=2)
    (tmp_path / "labelsTr/c_0.nii.gz").unlink()
    (tmp_path / "imagesTr/c_1_0000.nii.gz").unlink()
    found = NnunetSource(path=tmp_path).build().problems(ImageSection())
    assert [line.split(":")[0] for line in found] == [
        "c_0 has no mask",
        "imagesTr/c_1_0000.nii.gz",
    ]


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"labels": {"background": 0, "whole": [1, 2]}}, "regions of several classes"),
        ({"labels": None}, "at least one class"),
        ({"channel_names": None}, "no channel_names"),
        ({"file_ending": None}, "no file_ending"),
        ({"file_ending": ".png"}, r"no CASE_0000\.png"),
    ],
    ids=str,
)
def test_a_bad_description_is_refused(
    tmp_path: Path, description: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        NnunetSource(path=volumes(tmp_path, **description)).build()
    assert "\n" not in str(caught.value)


def test_pixels_to_be_ignored_are_refused_where_they_occur(tmp_path: Path) -> None:
    labels = {"background": 0, "anterior": 1, "ignore": 2}
    found = NnunetSource(path=volumes(tmp_path, labels=labels)).build().problems(ImageSection())
    assert len(found) == 3
    assert "holds the value 2" in found[0]


@pytest.mark.parametrize("missing", ["", "dataset.json"])
def test_a_missing_folder_or_description_is_refused(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "set"
    if missing:
        volumes(folder)
        (folder / missing).unlink()
    with pytest.raises(InputError):
        NnunetSource(path=folder).build()


def test_a_class_the_named_domain_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown class 'anterior'.*'anterior hippocampus'"):
        NnunetSource(path=volumes(tmp_path), domain="hippocampus-mri").build()


def test_01_files_that_a_desktop_left_are_no_cases(tmp_path: Path) -> None:
    folder = volumes(tmp_path / "set")
    plain = NnunetSource(path=folder).build()
    for part in ("imagesTr", "labelsTr"):
        (folder / part / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        for path in list((folder / part).glob("c_*")):
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    source = NnunetSource(path=folder).build()
    assert source.problems(SMALL) == []
    assert [case.name for case in source.cases] == ["c_0", "c_1", "c_2"]
    assert source.digest == plain.digest
