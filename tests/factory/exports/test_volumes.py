"""Volumes leave as volumes, and whoever reads them gets the same voxels and millimetres."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from highdicom import get_volume_from_series
from highdicom.seg import segread
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

from factory.exports import EXPORTS
from factory.images import ImageSection
from factory.layouts import recognise
from factory.pairs import PairBatch, volumes_of
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.library import MaskLibrary
from factory.prompts.section import GridSection
from factory.prompts.volume_grid import VolumeGrid
from factory.sources.folder import FolderSource
from factory.sources.image_files import read_stack
from factory.sources.nnunet import NnunetSource
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, make, merge, missing
from factory.store.shards import Layout

DOMAINS = {DOMAIN.name: DOMAIN}
SIZE = ImageSection(size=32)
HIGHDICOM = str.maketrans("SI", "HF")  # head and feet


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return made(tmp_path_factory.mktemp("pairs"), "LPS")


@pytest.fixture(scope="module", params=["PIR", "PIL", "LIP"], ids=str)
def turned(request, tmp_path_factory):
    """Volumes that were not cut from the feet to the head."""
    return request.param, made(tmp_path_factory.mktemp("pairs"), request.param)


def made(place, orientation):
    """Three volumes of six slices; each image shows its mask, so that nothing need be trained."""
    train = PhantomVolumeSource(train=3, slices=6).build().read("train", SIZE)
    train = replace(train, facets=train.facets.assign(orientation=orientation))
    section = GridSection.model_validate({"masks": {}, "unit": "volume", "replicates": 3})
    library = MaskLibrary.of_volumes(train, DOMAINS, section.masks)
    grid = VolumeGrid(PromptGrid(section, DOMAINS).painting(library), 6.0)
    label_maps = {DOMAIN.name: DOMAIN.label_map}
    run = Run("a", grid, Layout(32, 32, 1, 4, 8), "shown", label_maps, {}, {})

    def shown(prompts, seeds):
        masks = grid.mask_library.warped(prompts, seeds)
        images = (60 * masks + np.arange(32, dtype=np.uint8))[..., None].astype(np.uint8)
        facets = pd.DataFrame([prompt.facets() for prompt in prompts])
        spacing = grid.mask_library.spacing_mm(prompts)
        return replace(PairBatch.of(images, masks, facets), spacing_mm=spacing)

    store = Store(str(place), "set").create()
    shards = missing(declare(store, run))
    session = store.writable(run.branch)
    merge(session, (make(shown, session.fork(), shard) for shard in shards))
    store.commit(session, "pairs", {})
    return judge(store, run.branch)


def test_nifti_files_are_whole_volumes_with_affine_and_spacing(snapshot, tmp_path):
    assert sum(EXPORTS["nifti"](snapshot, tmp_path / "copy")) == 18
    pairs = snapshot.read()
    table = pd.read_csv(tmp_path / "copy" / "metadata.csv")
    assert len(table) == 3
    for name, rows in volumes_of(pairs.facets).items():
        image, mask = (
            nibabel.load(tmp_path / "copy" / part / f"{name}.nii.gz")
            for part in ("images", "masks")
        )
        np.testing.assert_array_equal(np.asarray(image.dataobj).T, pairs.images[rows][..., 0])
        np.testing.assert_array_equal(np.asarray(mask.dataobj).T, pairs.masks[rows])
        np.testing.assert_allclose(image.header.get_zooms(), [10, 10, 128 / 6], rtol=1e-4)
        np.testing.assert_allclose(np.diag(image.affine), [-10, -10, 128 / 6, 1], rtol=1e-4)
        assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
        assert image.header["descrip"].item().decode().startswith("Synthetic, snapshot")


def test_the_folder_reads_them_as_the_volumes_they_were(snapshot, tmp_path):
    list(EXPORTS["nifti"](snapshot, tmp_path / "copy"))
    pairs = snapshot.read()
    source = FolderSource(path=tmp_path / "copy", slices="all").build()
    assert source.problems(SIZE) == []
    found = source.read("train", SIZE)
    assert len(found) == 18
    np.testing.assert_allclose(found.facets["slice_mm"], 128 / 6, rtol=1e-4)
    np.testing.assert_allclose(found.spacing_mm, 10)
    by_name = {f"images/{name}.nii.gz": rows for name, rows in volumes_of(pairs.facets).items()}
    for name, rows in volumes_of(found.facets).items():
        indices = [
            list(source.domains[found.facets["domain"][rows[0]]].classes).index(c) + 1
            for c in DOMAIN.classes
        ]
        expected = np.concatenate([[0], indices])[pairs.masks[by_name[name]]]
        np.testing.assert_array_equal(found.masks[rows], expected)


def test_nifti_lies_as_the_training_volume_did(turned, tmp_path):
    orientation, snapshot = turned
    list(EXPORTS["nifti"](snapshot, tmp_path / "copy"))
    pairs = snapshot.read()
    for name, rows in volumes_of(pairs.facets).items():
        path = tmp_path / "copy" / "images" / f"{name}.nii.gz"
        assert nibabel.aff2axcodes(nibabel.load(path).affine) == tuple(orientation)
        stack = read_stack(path, "it")
        np.testing.assert_array_equal(stack.pixels, pairs.images[rows][..., 0])
        assert stack.orientation == orientation


def test_dicom_lies_as_the_training_volume_did(turned, tmp_path):
    orientation, snapshot = turned
    list(EXPORTS["dicom"](snapshot, tmp_path / "copy"))
    pairs = snapshot.read()
    slices_rows_columns = orientation[::-1].translate(HIGHDICOM)
    for name, rows in volumes_of(pairs.facets).items():
        volume = get_volume_from_series(slices_in(tmp_path / "copy" / "images" / name))
        image = volume.to_patient_orientation(slices_rows_columns).array
        np.testing.assert_array_equal(image, pairs.images[rows][..., 0])
        mask = segread(tmp_path / "copy" / "masks" / f"{name}.dcm")
        found = mask.get_volume(combine_segments=True).match_geometry(volume)
        there = found.to_patient_orientation(slices_rows_columns).array
        np.testing.assert_array_equal(there, pairs.masks[rows])


def test_nnunet_gets_cases_of_three_dimensions(snapshot, tmp_path):
    place = tmp_path / "Dataset701_Volumes"
    assert sum(EXPORTS["nnunet"](snapshot, place)) == 18
    told = json.loads((place / "dataset.json").read_text())
    assert (told["numTraining"], told["file_ending"]) == (3, ".nii.gz")
    assert told["labels"] == {"background": 0, "liver": 1, "spleen": 2, "lesion": 3}
    images = sorted(path.name for path in (place / "imagesTr").iterdir())
    labels = sorted(path.name for path in (place / "labelsTr").iterdir())
    assert images == [name.replace(".nii.gz", "_0000.nii.gz") for name in labels]
    for name in labels:
        image = nibabel.load(place / "imagesTr" / name.replace(".nii.gz", "_0000.nii.gz"))
        label = nibabel.load(place / "labelsTr" / name)
        assert image.shape == label.shape == (32, 32, 6)
        np.testing.assert_array_equal(image.affine, label.affine)
        assert set(np.unique(np.asarray(label.dataobj))) <= {0, 1, 2, 3}
    verify_dataset_integrity(str(place), num_processes=1)
    source = NnunetSource(path=place, slices="all").build()
    found = source.read("train", SIZE)
    assert {len(rows) for rows in volumes_of(found.facets).values()} == {6}


def slices_in(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def test_dicom_series_are_the_volumes_as_others_read_them(snapshot, tmp_path):
    assert sum(EXPORTS["dicom"](snapshot, tmp_path / "copy")) == 18
    pairs = snapshot.read()
    for name, rows in volumes_of(pairs.facets).items():
        slices = slices_in(tmp_path / "copy" / "images" / name)
        volume = get_volume_from_series(slices)
        # Slices may be ordered from the head down: the affine says which.
        image = volume.to_patient_orientation("HPL").array
        np.testing.assert_array_equal(image, pairs.images[rows][..., 0])
        np.testing.assert_allclose(volume.spacing, [128 / 6, 10, 10], rtol=1e-5)
        mask = segread(tmp_path / "copy" / "masks" / f"{name}.dcm")
        ids = [each.SOPInstanceUID for each in slices]
        frames = mask.get_pixels_by_source_instance(
            ids, combine_segments=True, assert_missing_frames_are_empty=True
        )
        np.testing.assert_array_equal(frames, pairs.masks[rows])
        assert {mask.StudyInstanceUID} == {each.StudyInstanceUID for each in slices}
        assert mask.FrameOfReferenceUID == slices[0].FrameOfReferenceUID
        referenced = mask.ReferencedSeriesSequence[0]
        assert referenced.SeriesInstanceUID == slices[0].SeriesInstanceUID
        assert slices[0].Modality == "CT"


def test_dicom_series_say_that_they_are_synthetic_and_are_the_same_twice(snapshot, tmp_path):
    for copy in ("a", "b"):
        list(EXPORTS["dicom"](snapshot, tmp_path / copy))
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.dcm"))
    assert len(files) == 18 + 3
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
        told = pydicom.dcmread(tmp_path / "a" / file)
        assert told.PatientID.startswith("SYNTHETIC-")
        assert told.ImageComments.startswith("SYNTHETIC")
        assert told.ImageType[0] == "DERIVED"


def test_dicom_series_are_read_by_init_as_they_were(snapshot, tmp_path):
    list(EXPORTS["dicom"](snapshot, tmp_path / "copy"))
    found, pairs = recognise(tmp_path / "copy"), snapshot.read()
    assert set(found.labels) == set(DOMAIN.classes)
    assert len(found.rows) == 3
    by_name = volumes_of(pairs.facets)
    for row in found.rows:
        rows = by_name[Path(row.image).name]
        stack = read_stack(tmp_path / "copy" / row.image, "it")
        np.testing.assert_array_equal(stack.pixels, pairs.images[rows][..., 0])


@pytest.mark.parametrize("kind", ["folder", "monai", "coco", "webdataset", "huggingface"])
def test_layouts_of_pictures_go_on_to_hold_slices(kind, snapshot, tmp_path):
    assert sum(EXPORTS[kind](snapshot, tmp_path / "copy")) == 18
