"""The benchmark of volumes from its data to its figures, with next to no training."""

import pytest

from benchmarks.figures import verdicts
from benchmarks.volumes import GAINS, Effort, VolumeSet, bars, sets
from factory.sources.volumes.phantom import PhantomVolumeSource

LEAST = Effort(size=32, generator=2, autoencoder=2, judge=2, arms=2, volumes=2, seeds=1)


def few():
    source = PhantomVolumeSource(train=3, val=2, test=2, slices=6)
    return VolumeSet("phantom", source, 2, LEAST)


def test_what_is_learnt_from_is_few_of_the_training_volumes():
    each = few()
    known, train = (set(pairs.facets["volume"]) for pairs in (each.known, each.train))
    assert len(known) == 2
    assert known < train
    assert not train & set(each.held_out.facets["volume"])


def test_phantoms_need_no_data(tmp_path):
    assert [each.name for each in sets(tmp_path, LEAST)] == ["phantom"]


@pytest.mark.slow
def test_every_figure_is_there_and_every_bar_is_of_one(tmp_path):
    each = few()
    figures = dict(each.figures(tmp_path / "generator"))
    for name in ("through_plane", "consistency_closed", *GAINS, "through_plane_image_real"):
        assert f"{name}_phantom" in figures
    assert figures["gain_3d_phantom"].value is not None
    assert len(verdicts(bars([each]), figures)) == 2
