"""pyradiomics is optional: what it measures where it is there, one clear line where it is not."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from evaluation.errors import InputError
from evaluation.features.radiomics import GREY, SHAPE, Measured, Radiomics, decades
from evaluation.features.registry import ExtractorContext, check_usable, extractor_of
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.registry import FAMILIES
from evaluation.scoring.version import config_digest
from evaluation.settings import EvaluateSection

IN_IMAGE, IN_CLASS = 93, 103
present = pytest.mark.skipif(
    not find_spec("radiomics"), reason="needs pyradiomics (docs/scores.md)"
)


def test_without_the_library_there_is_one_line_before_anything_is_computed(discs, monkeypatch):
    monkeypatch.setitem(sys.modules, "radiomics.featureextractor", None)
    pairs = discs(1, size=32)
    with pytest.raises(InputError, match=r"need pyradiomics.*docs/scores\.md"):
        check_usable("radiomics", 32, 1)
    with pytest.raises(InputError, match="need pyradiomics"):
        extractor_of("radiomics", ExtractorContext(pairs, ("disc",))).groups(
            pairs.images, pairs.masks
        )


def test_decades_by_hand():
    raw = np.array([0, 0.001, -0.999, 9.999, np.nan])
    np.testing.assert_allclose(decades(raw), [0, np.log10(2), -3, 4, np.nan])


class Judge:
    classes = ("disc",)


@present
def test_a_region_by_hand():
    # Four rows of four grey levels: every one as often, each a run of four.
    grey = np.repeat([[8.0], [24], [40], [56]], 4, axis=1)
    grey = np.pad(grey, ((2, 3), (3, 2)), constant_values=200)
    inside = grey < 100
    measured = Measured(GREY + SHAPE)
    found = dict(zip(measured.names, measured.of(grey, inside), strict=True))
    assert found["firstorder_Mean"] == 32
    assert found["firstorder_Entropy"] == pytest.approx(2)
    assert found["firstorder_Uniformity"] == pytest.approx(0.25)
    assert found["glszm_ZonePercentage"] == pytest.approx(4 / 16)
    assert found["glszm_LargeAreaEmphasis"] == pytest.approx(16)
    # Down and on both diagonals all neighbours differ by one level, along a row none does.
    assert found["glcm_Contrast"] == pytest.approx(3 / 4)
    assert found["shape2D_PixelSurface"] == 16
    assert found["shape2D_Elongation"] == pytest.approx(1)


@present
def test_an_absent_or_thin_class_is_nan_but_for_its_presence(discs):
    pairs = discs(1, size=32)
    masks = np.zeros((3, 32, 32), np.uint8)
    masks[1, 5, 4:20] = 1
    masks[2, 4:9, 4:9] = 1
    images = np.repeat(pairs.images, 3, axis=0)
    absent, thin, whole = Radiomics(("disc",)).groups(images, masks)["radiomics"]
    assert whole.shape == (IN_IMAGE + IN_CLASS,)
    assert np.isfinite(whole).all()
    for row, shown in ((absent, 0.0), (thin, whole[IN_IMAGE])):
        np.testing.assert_array_equal(row[:IN_IMAGE], whole[:IN_IMAGE])
        assert row[IN_IMAGE] == shown
        assert np.isnan(row[IN_IMAGE + 1 :]).all()


@present
def test_scattered_pixels_and_flat_images_warn_of_nothing():
    masks = np.zeros((1, 32, 32), np.uint8)
    masks[0, 4, 4] = masks[0, 9, 9] = 1
    table = Radiomics(("disc",)).groups(np.full((1, 32, 32, 1), 7, np.uint8), masks)["radiomics"]
    assert np.isfinite(table[:, : IN_IMAGE + 1]).all()
    assert np.isnan(table).any()


@present
def test_distances_of_radiomics_have_floors_and_name_the_library(discs):
    sets = [discs(4, size=32, seed=seed) for seed in range(3)]
    section = EvaluateSection(features=("radiomics",))
    context = ScoringContext(*sets, section, Judge())
    found = {reading.metric: reading for reading in FAMILIES["radiomics"].measure(context)}
    assert set(found) == {
        *("frechet_radiomics", "frechet_radiomics_real"),
        *("mmd_radiomics", "mmd_radiomics_real", "mmd_radiomics_p"),
    }
    assert all(np.isfinite(reading.estimate.value) for reading in found.values())
    about = found["mmd_radiomics"].parameters
    assert about["features"] == f"radiomics@{Radiomics(()).fingerprint}"
    assert about["dimensions"] == IN_IMAGE + IN_CLASS


@present
def test_another_release_of_the_library_has_another_digest(monkeypatch):
    section = EvaluateSection(features=("radiomics",))
    before = config_digest(section)
    monkeypatch.setattr("evaluation.features.radiomics.version", lambda _: "9.9")
    assert Radiomics(()).fingerprint == "1-pyradiomics-9.9"
    assert config_digest(section) != before
