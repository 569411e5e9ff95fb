"""Recall and coverage as shares of what real pairs reach."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.fidelity.closed_reach import closed_reach
from evaluation.fidelity.prdc import prdc
from evaluation.fidelity.samples import Sample, SampleTriple
from evaluation.gating.version_gates import decide
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.registry import FAMILIES, Score, headlines
from evaluation.settings import EvaluateSection


def sample(features, units=None):
    count = len(features)
    return Sample(
        np.asarray(features, float),
        np.arange(count) if units is None else np.asarray(units),
        np.full(count, "", object),
    )


def normal(count, seed, shift=0.0, dimensions=4):
    return sample(np.random.default_rng(seed).normal(shift, 1, (count, dimensions)))


def test_by_hand():
    """Training at 0 … 9: the fifth neighbour of both ends is 5 away, of the next 4, of others 3.

    Held-out ones at 0 … 6 come nearer than that to all ten. Of those at -1 … -0.4 the nearest is
    0.4, 1.4, 2.4 and 3.4 from 0, 1, 2 and 3: it lies in the neighbourhoods of the first three.
    """
    train = np.arange(10.0)[:, None]
    held_out = sample(np.arange(0.0, 7.0)[:, None] + 0.001)
    made = sample(np.arange(7.0)[:, None] / 10 - 1)
    expected = prdc(made.features, train).coverage / prdc(held_out.features, train).coverage
    found = closed_reach(SampleTriple(made, sample(train), held_out), seed=0)["coverage"]
    assert found.value == expected == pytest.approx(0.3)
    assert found.n == 7


class Judge:
    classes = ("disc",)


def test_it_is_the_ratio_of_the_two_scores_that_stand_beside_it(discs):
    sets = [discs(count, seed=seed) for seed, count in enumerate((20, 16, 12))]
    context = ScoringContext(*sets, EvaluateSection(), Judge())
    scores = headlines(
        [
            Score.of(reading.metric, reading.estimate, **reading.parameters)
            for family in ("neighbourhoods", "closed_reach")
            for reading in FAMILIES[family].measure(context)
        ]
    )
    for name in ("recall", "coverage"):
        expected = scores[name].value / scores[f"{name}_real"].value
        assert scores[f"{name}_closed"].value == pytest.approx(expected)
        assert scores[f"{name}_closed"].n == 12
    bound = scores["coverage_closed"].value - 0.01
    assert decide({"coverage_closed": f">= {bound}"}, scores).passed
    assert not decide({"coverage_closed": f">= {bound + 0.02}"}, scores).passed


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(8, 30), st.integers(8, 30))
def test_held_out_pairs_themselves_are_as_real(seed, held_out, train):
    real, known = normal(held_out, seed), normal(train, seed + 1)
    for found in closed_reach(SampleTriple(real, known, real), seed=seed).values():
        assert found.value == pytest.approx(1) or not found.known
        assert not found.low > found.value > found.high


def test_intervals_hold_the_truth_and_are_no_wider_than_twice_the_spread():
    """Both kinds are drawn alike, so that 1 is true; as in 30 repeats with other numbers."""
    found = [
        closed_reach(
            SampleTriple(normal(80, seed), normal(100, seed + 100), normal(40, seed + 200)), seed=0
        )["coverage"]
        for seed in range(30)
    ]
    assert np.mean([e.low <= 1 <= e.high for e in found]) >= 0.9
    spread = np.std([e.value for e in found])
    assert np.mean([(e.high - e.low) / 2 / 1.96 for e in found]) < 2 * spread


def test_what_lies_elsewhere_covers_nothing():
    found = closed_reach(SampleTriple(normal(30, 0, 50.0), normal(30, 1), normal(20, 2)), seed=0)
    assert (found["coverage"].value, found["coverage"].low) == (0, 0)
    assert found["recall"].value == 0


def test_patients_are_left_out_whole():
    """Of ten slices each, patients say less than so many patients would."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 4)).repeat(10, 0) + rng.normal(size=(80, 4)) / 20
    of_patients = sample(centres, np.arange(80) // 10)
    alone = sample(centres)
    wide, narrow = (
        closed_reach(SampleTriple(normal(80, 3), normal(60, 4), held_out), seed=0)["coverage"]
        for held_out in (of_patients, alone)
    )
    assert wide.high - wide.low > narrow.high - narrow.low


def test_slices_of_synthetic_volumes_are_left_out_whole():
    """Of eight volumes two lie where real pairs are: all that is covered hangs on these."""
    centres = np.repeat([0.0, 1.0, *[30.0] * 6], 10)[:, None]
    slices = centres + np.random.default_rng(0).normal(size=(80, 2)) / 10
    others = normal(400, 4, dimensions=2), normal(400, 3, dimensions=2)
    wide, narrow = (
        closed_reach(SampleTriple(sample(slices, units), *others), seed=0)["coverage"]
        for units in (np.arange(80) // 10, None)
    )
    assert wide.value == narrow.value
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


@pytest.mark.parametrize("counts", [(5, 20, 20), (20, 5, 20), (20, 20, 5)])
def test_too_few_pairs_are_unknown(counts):
    sets = [normal(count, seed) for seed, count in enumerate(counts)]
    found = closed_reach(SampleTriple(*sets), seed=0)
    assert not any(e.known for e in found.values())


def test_where_a_block_less_would_be_too_few_there_are_no_bounds():
    sets = [normal(count, seed) for seed, count in enumerate((20, 20, 6))]
    for found in closed_reach(SampleTriple(*sets), seed=0).values():
        assert found.known
        assert math.isnan(found.low)
        assert math.isnan(found.high)


def test_where_real_pairs_reach_nothing_a_ratio_is_unknown():
    sets = normal(20, 0), normal(20, 1), normal(20, 2, 50.0)
    assert not closed_reach(SampleTriple(*sets), seed=0)["coverage"].known
