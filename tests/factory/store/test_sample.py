"""Some of the pairs of a version."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.store.repository import Store
from factory.store.sample import Sample, highest
from factory.store.shards import Status


@pytest.fixture(scope="module")
def grown(tmp_path_factory, publish):
    """A data set of 12 pairs that then had 20."""
    store = Store(str(tmp_path_factory.mktemp("pairs")), "chests").create()
    return [publish(store, name, count) for name, count in (("a", 12), ("b", 20))]


def test_few_pairs_are_all_drawn(grown):
    sample = Sample.drawn(grown[1], 20)
    assert sample.whole
    assert sample.accepted.tolist() == grown[1].rows(Status.ACCEPTED).tolist()


def test_of_many_the_asked_number_is_drawn_by_seeds_alone(grown):
    sample = Sample.drawn(grown[1], 8)
    seeds = grown[1].column("seed")
    assert (len(sample.accepted), sample.of, sample.whole) == (8, 20, False)
    assert sorted(seeds[sample.accepted]) == sorted(seeds)[:8]


def test_a_version_that_grows_keeps_of_what_was_drawn_all_that_still_fits(grown):
    before, after = (set(Sample.drawn(each, 8).accepted.tolist()) for each in grown)
    assert {row for row in after if row < 12} <= before


def test_as_large_a_share_of_the_rejected_is_drawn(tmp_path, publish):
    def half_black(prompts, seeds):
        made = GENERATOR.generate(prompts, seeds)
        for image, seed in zip(made.images, seeds, strict=True):
            image[:] *= seed % 2
        return made

    from tests.factory.store.conftest import GENERATOR

    version = publish(Store(str(tmp_path), "chests").create(), "a", 60, generate=half_black)
    accepted, rejected = version.rows(Status.ACCEPTED), version.rejected()
    seeds = version.column("seed")
    sample = Sample.drawn(version, len(accepted) // 2)
    bound = seeds[sample.accepted].max()
    assert len(accepted) // 2 == len(sample.accepted) > 0
    assert sample.rejected.tolist() == rejected[seeds[rejected] <= bound].tolist() != []


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), st.data())
def test_equal_keys_are_drawn_together_and_no_more_than_asked(keys, data):
    most = data.draw(st.integers(1, len(keys) - 1))
    values = np.array(keys, np.uint64)
    bound = highest(values, most)
    count = int((values <= bound).sum())
    assert count <= most or bound == values.min()
    above = values[values > bound]
    assert not len(above) or (values <= above.min()).sum() > most
