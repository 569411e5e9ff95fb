"""`medpair init` on folders of DICOM, to the recipe that a dry run passes."""

import csv

import numpy as np
import pytest

from tests.dicom_files import PDF, described, image, save, segmentation, series
from tests.flows.starting.test_init import SIDE, disc
from tests.flows.starting.test_init import save as save_png

COUNT = 8


def rows_of(folder):
    with (folder / "metadata.csv").open() as file:
        return list(csv.DictReader(file))


def radiographs(mine, kind="DX", ending=".dcm"):
    """Single images, each of a patient, with their discs."""
    for n in range(COUNT):
        pixels, inside = disc(n)
        told = image(kind, pixels.astype(np.uint16) * 16, f"Doe^{n}", BodyPartExamined="CHEST")
        told.PixelSpacing = [0.5, 0.5]
        yield n, save(told, mine / "images" / f"{n:03d}{ending}"), told, inside


def volumes(mine, count=4):
    """Series of three slices, each of a patient, with their discs."""
    for n in range(count):
        pairs = [disc(100 * n + k) for k in range(3)]
        pixels = np.stack([pixel for pixel, _ in pairs]).astype(np.int16)
        slices = series("CT", pixels, f"Doe^{n}")
        for at, told in enumerate(slices):
            save(told, mine / f"study{n}" / "ct" / f"IM{at}")
        yield n, slices, np.stack([inside for _, inside in pairs])[..., None]


def test_single_images_with_pictures_as_masks(mine, start):
    for n, _, _, inside in radiographs(mine):
        save_png(mine / "masks" / f"{n:03d}.png", inside.astype(np.uint8) * 255)
    said, _ = start()
    assert (said["images"], said["masks"], said["patients"]) == (COUNT, COUNT, COUNT)
    assert (said["modality"], said["anatomy"]) == ("X-ray", "chest")
    assert rows_of(mine)[0]["patient"] == "patient-1"
    assert "Doe" not in (mine / "metadata.csv").read_text()


def test_single_images_with_segmentations(mine, start):
    for n, _, told, inside in radiographs(mine, "US", ending=""):
        seg = segmentation([told], inside[None, ..., None], ("cyst; left",))
        save(seg, mine / "seg" / f"{n}.dcm")
    said, _ = start()
    assert said["layout"] == "DICOM with segmentations (SEG)"
    assert said["classes"] == {"1": "cyst left"}
    assert (said["images"], said["modality"]) == (COUNT, "ultrasound")


def test_series_with_segmentations(mine, start):
    for n, slices, inside in volumes(mine):
        save(segmentation(slices, inside, ("liver",)), mine / f"study{n}" / "seg.dcm")
    said, _ = start()
    assert (said["images"], said["slices"], said["masks"]) == (4, 12, 4)
    assert (said["modality"], said["classes"]) == ("CT", {"1": "liver"})
    assert [row["image"] for row in rows_of(mine)] == [f"study{n}/ct" for n in range(4)]


def test_what_fits_nowhere_is_told_and_left_out(mine, start):
    for n, slices, inside in volumes(mine, 5):
        if n < 4:
            save(segmentation(slices, inside), mine / f"study{n}" / "seg.dcm")
    save(described(PDF, "Doe^0", "report", 0), mine / "report.dcm")
    elsewhere = series("CT", np.zeros((1, SIDE, SIDE), np.int16), "other")
    save(segmentation(elsewhere, inside[:1]), mine / "other.dcm")
    (mine / "broken.dcm").write_bytes(b"nothing")
    twice = series("MR", np.zeros((2, SIDE, SIDE), np.int16), "Doe^0", "cine", gap=0.0)
    for at, told in enumerate(twice):
        save(told, mine / "cine" / f"{at}.dcm")
    said, _ = start()
    notes = "\n".join(said["notes"])
    for fact in (
        "1 DICOM files are no images (Encapsulated PDF Storage) and are left out: report.dcm",
        "several slices at one place, as series over time have",
        "1 segmentations are of images that are not there, of another study perhaps, and left out",
        "have no segmentation (SEG) and are left out: study4/ct",
        "cannot be read as DICOM",
    ):
        assert fact in notes


def test_images_without_any_mask_are_refused_with_all_that_is_wrong(mine, medpair):
    for _ in radiographs(mine):
        pass
    save(described(PDF, "Doe^0", "report", 0), mine / "report.dcm")
    said = medpair("init", mine, "--json")
    assert said.code == 2
    assert "8 of 8 DICOM images have no segmentation (SEG)" in said.err
    assert "Encapsulated PDF" in said.err


def test_one_id_for_all_is_no_patient(mine, start):
    for n, slices, inside in volumes(mine):
        for told in slices:
            told.PatientID = "ANON"
        for at, told in enumerate(slices):
            save(told, mine / f"study{n}" / "ct" / f"IM{at}")
        save(segmentation(slices, inside), mine / f"study{n}" / "seg.dcm")
    start()
    assert {row["patient"] for row in rows_of(mine)} == {f"study-{n}" for n in range(1, 5)}


@pytest.mark.parametrize("word", ["images", "train"])
def test_a_missing_spacing_is_told(mine, start, word):
    for n, path, told, inside in radiographs(mine):
        del told.PixelSpacing
        path.unlink()
        save(told, mine / word / f"{n:03d}.dcm")
        save_png(mine / "masks" / f"{n:03d}.png", inside.astype(np.uint8))
    said, _ = start()
    assert any("do not say their pixel spacing" in note for note in said["notes"])
