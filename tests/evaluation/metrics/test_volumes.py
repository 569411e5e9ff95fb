"""Scores of volumes: real ones lie in the real range, and torn ones do not."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.volumes import VOLUMES
from evaluation.pairs import take
from evaluation.settings import EvaluateSection
from factory.images import ImageSection
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource


class Judge:
    """What a context asks of a judge here: the names of the classes."""

    classes = DOMAIN.classes


@pytest.fixture(scope="module")
def sets():
    source = PhantomVolumeSource(train=20, val=10, test=20, slices=12).build()
    return [source.read(split, ImageSection(size=32)) for split in ("test", "train", "val")]


def measured(made, train, held_out):
    context = ScoringContext(made, train, held_out, EvaluateSection(), judge=Judge())
    return {reading.metric: reading.estimate for reading in VOLUMES.measure(context)}


def whole(pairs):
    return take(pairs, np.arange(len(pairs)))


def test_real_volumes_lie_in_the_real_range(sets):
    found = measured(*sets)
    assert set(found) == set(VOLUMES.metrics)
    for name in ("through_plane_image", "through_plane_mask"):
        assert found[name].value > 0.85
        assert found[f"{name}_real"].value > 0.85
    assert found["structure_volume"].value > 0.7
    assert found["through_plane_image"].n == 20 * 11


def test_slices_of_other_patients_between_are_seen(sets):
    made, train, held_out = sets
    torn = whole(made)
    order = np.arange(len(made)).reshape(20, 12)
    order[:, ::2] = np.roll(order[:, ::2], 1, axis=0)
    images, masks = torn.images[order.ravel()], torn.masks[order.ravel()]
    found = measured(replace(torn, images=images, masks=masks), train, held_out)
    assert found["through_plane_image"].value < 0.2
    assert found["through_plane_mask"].value < 0.85


def test_repeated_slices_are_too_much_alike(sets):
    made, train, held_out = sets
    still = whole(made)
    at = np.arange(len(made)) // 12 * 12 + 5
    found = measured(
        replace(still, images=still.images[at], masks=still.masks[at]), train, held_out
    )
    assert found["through_plane_image"].value == 0
    assert found["through_plane_mask"].value == 0


def test_swollen_structures_leave_their_range(sets):
    made, train, held_out = sets
    swollen = whole(made)
    facets = swollen.facets.assign(slice_mm=4 * swollen.facets["slice_mm"])
    assert (
        measured(replace(swollen, facets=facets), train, held_out)["structure_volume"].value < 0.1
    )


def test_pairs_of_no_volume_are_not_measured(sets):
    flat = [replace(whole(pairs), facets=pairs.facets.assign(volume="")) for pairs in sets]
    assert measured(*flat) == {}
