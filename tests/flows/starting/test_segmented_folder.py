"""Masks for a folder of pictures: in each picture's own size, by its name, whatever lies beside it."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from factory.errors import InputError
from factory.images import ImageSection, fit_mask, unfit_mask
from factory.pairs import PairBatch
from factory.vocabulary import Domain
from flows.starting.segmented_folder import (
    domain_among,
    flat_images,
    segment_files,
    write_masks,
)

DOMAIN = Domain(name="a", title="a", modality="m", anatomy="n", classes=("disc", "ring"))


class Threshold:
    """Says class 1 where a picture is bright: a mask that is known by hand."""

    image = ImageSection(size=32, channels=1)

    def segment(self, prompts, seeds, images):
        masks = (images[..., 0] > 127).astype(np.uint8)
        facets = pd.DataFrame({"domain": [prompt.domain for prompt in prompts]})
        spacing = np.full((len(images), 2), np.nan, np.float32)
        return PairBatch(images, masks, facets, spacing, masks.any((1, 2)))


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    (place / "deeper").mkdir(parents=True)
    picture = np.zeros((40, 64), np.uint8)
    picture[10:30, 16:48] = 255
    Image.fromarray(picture).save(place / "wide.png")
    Image.fromarray(picture.T).save(place / "deeper" / "tall.jpg", quality=100)
    (place / "._wide.png").write_bytes(b"not a picture")
    (place / "notes.txt").write_text("hello")
    return place


def test_masks_come_back_in_each_pictures_own_size_and_place(folder, tmp_path):
    files, out = flat_images(folder), tmp_path / "out"
    drawn = segment_files(Threshold(), DOMAIN, files, seed=0)
    assert sum(len(batch.files) for batch in write_masks(drawn, DOMAIN, folder, out)) == 2
    wide = np.asarray(Image.open(out / "masks" / "wide.png"))
    assert wide.shape == (40, 64)
    assert wide[11:29, 17:47].all()
    assert wide.sum() == 20 * 32
    assert np.asarray(Image.open(out / "masks" / "deeper" / "tall.png")).shape == (64, 40)
    assert json.loads((out / "classes.json").read_text()) == {"1": "disc", "2": "ring"}


def test_a_folder_without_pictures_and_an_unnamed_domain_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no picture"):
        flat_images(tmp_path)
    assert domain_among({"a": DOMAIN}, "") is DOMAIN
    with pytest.raises(InputError, match="knows several domains; choose one by --domain: a, b"):
        domain_among({"a": DOMAIN, "b": DOMAIN}, "")
    with pytest.raises(InputError, match="does not know domain 'c'"):
        domain_among({"a": DOMAIN}, "c")


@given(st.integers(16, 80), st.integers(16, 80), st.integers(0, 99))
def test_the_way_back_keeps_what_is_large_enough_to_survive(height, width, seed):
    section = ImageSection(size=96)
    mask = np.kron(np.random.default_rng(seed).integers(0, 3, (4, 4)), np.ones((20, 20)))
    mask = mask.astype(np.uint8)[:height, :width]
    back = unfit_mask(fit_mask(mask, section), *mask.shape)
    assert back.shape == mask.shape
    assert (back == mask).mean() > 0.9  # enlarged and shrunk again: edges may move by a pixel


def test_masks_are_all_written_or_none(folder, tmp_path, checkpoint, medpair, monkeypatch):
    from flows.starting import segmented_folder

    out, asked = tmp_path / "out", ("segment", folder, tmp_path / "out", "--checkpoint", checkpoint)
    with monkeypatch.context() as patch:

        def broken(*_):
            raise InputError("no sheet")

        patch.setattr(segmented_folder, "contact_sheet", broken)
        assert medpair(*asked).code == 2
    assert not out.exists()
    Image.new("L", (40, 40)).save(folder / "wide.gif")
    (folder / "deeper" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    said = medpair(*asked)
    assert said.code == 2
    assert [line for line in said.lines if "cut.png: cannot be read" in line]
    assert [line for line in said.lines if "wide.gif and wide.png would get one mask" in line]
    assert not out.exists()
    (folder / "wide.gif").unlink()
    (folder / "deeper" / "cut.png").unlink()
    (folder / "scan.nii.gz").touch()
    said = medpair(*asked)
    assert said.code == 0, said.err
    assert {path.name for path in out.iterdir()} == {"classes.json", "masks", "overlays.png"}
    assert "1 files of NIfTI or DICOM are left out: scan.nii.gz" in said.out


def test_volumes_alone_are_told_what_they_must_be_saved_as(tmp_path):
    (tmp_path / "scan.nii.gz").touch()
    (tmp_path / "slice.dcm").touch()
    with pytest.raises(
        InputError, match="of its 2 files of NIfTI or DICOM save the slices as such"
    ):
        flat_images(tmp_path)
