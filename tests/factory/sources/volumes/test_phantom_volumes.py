"""Phantom volumes: exact, reproducible, and stacks from one end to the other."""

import numpy as np
import pytest
from pydantic import ValidationError

from factory.images import ImageSection
from factory.sources.volumes.anatomy import DOMAIN, draw_volume
from factory.sources.volumes.checks import stack_faults, volumes_of
from factory.sources.volumes.phantom import PhantomVolumeSource

SMALL = ImageSection(size=32)
SECTION = PhantomVolumeSource(train=4, val=2, test=2, slices=8)


@pytest.fixture(scope="module")
def pairs():
    return SECTION.build().read("train", SMALL)


def test_a_split_is_so_many_whole_volumes(pairs):
    assert pairs.images.shape == (32, 32, 32, 1)
    assert {len(rows) for rows in volumes_of(pairs.facets).values()} == {8}
    assert list(pairs.facets["slice"]) == 4 * list(range(8))
    assert (pairs.facets["volume"] == pairs.facets["patient"]).all()
    assert list(stack_faults(pairs)) == []
    np.testing.assert_allclose(pairs.spacing_mm, 10)  # 320 mm over 32 pixels
    np.testing.assert_allclose(pairs.facets["slice_mm"], 16)  # 128 mm over 8 slices


def test_labels_are_what_the_masks_show_and_findings_take_turns(pairs):
    for labels, mask in zip(pairs.facets["labels"], pairs.masks, strict=True):
        shown = [DOMAIN.class_names[index] for index in np.unique(mask) if index]
        assert labels == ";".join(shown)
    findings = pairs.facets["finding"].to_numpy().reshape(4, 8)
    assert findings[:, 0].tolist() == ["normal", "lesion", "normal", "lesion"]
    lesions = (pairs.masks == 3).reshape(4, -1).any(1)
    assert lesions.tolist() == [False, True, False, True]


def test_equal_seeds_draw_equal_voxels_and_splits_share_none(pairs):
    again = PhantomVolumeSource(train=2, val=2, test=2, slices=8).build().read("train", SMALL)
    np.testing.assert_array_equal(again.images, pairs.images[:16])
    held = SECTION.build().read("val", SMALL)
    assert not set(held.facets["patient"]) & set(pairs.facets["patient"])
    assert not (held.images[:8] == pairs.images[:8]).all()


def test_thinner_slices_show_the_same_patient():
    thick, thin = (draw_volume("normal", 3, 32, slices)[1] for slices in (8, 24))
    # The middle of slice k of 8 is that of slice 3 k + 1 of 24.
    np.testing.assert_array_equal(thick, thin[1::3])


def test_organs_have_the_volume_of_their_ellipsoids():
    masks = draw_volume("lesion", 1, 64, 64)[1]
    millilitres = (masks == 1).sum() * (320 / 64) ** 2 * (128 / 64) / 1000
    assert 300 < millilitres < 1500  # what is shown of a liver cut off at both ends


def test_neighbours_look_more_alike_than_slices_far_apart(pairs):
    volume = pairs.images[:8].reshape(8, -1).astype(float)
    alike = np.corrcoef(volume)
    assert np.diag(alike, 1).mean() > np.diag(alike, 4).mean() + 0.02


def test_a_limit_takes_whole_volumes():
    limited = SECTION.model_copy(update={"limit": 2}).build().read("train", SMALL)
    assert [len(rows) for rows in volumes_of(limited.facets).values()] == [8, 8]
    with pytest.raises(ValidationError, match="limit asks for 5 of 4 training volumes"):
        PhantomVolumeSource(train=4, limit=5)


def test_colour_is_grey_three_times(pairs):
    coloured = SECTION.build().read("train", ImageSection(size=32, channels=3))
    np.testing.assert_array_equal(coloured.images, np.repeat(pairs.images, 3, -1))
