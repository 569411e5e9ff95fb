import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.closed_loop.evidence import Belief, FacetEvidence

SHARES = st.lists(st.floats(0, 1), max_size=30)


def facet(error=0.3, trust=0.9, *, spread=0.0, real=4.0, pairs=10, cost=1, accepted=1.0):
    known = Belief(error, spread, 20), Belief(trust, spread, 20)
    return FacetEvidence("a", cost, real, pairs, accepted, *known)


def test_nothing_seen_is_believed_to_be_anywhere_between_0_and_1():
    found = Belief.of([])
    assert (found.mean, found.n) == (0.5, 0)
    assert found.spread == pytest.approx(np.sqrt(1 / 12))


def test_what_is_believed_of_four_cases_by_hand():
    found = Belief.of([0.2, 0.4, 0.2, 0.4])
    assert found.mean == pytest.approx((1.2 + 0.5) / 5)
    assert found.spread == pytest.approx(np.sqrt((0.04 + 1 / 12) / 5 / 5))
    assert found.n == 4


def test_images_of_one_patient_count_once_and_unknown_ones_not_at_all():
    once, unknown = Belief.of([0.2, 0.6]), float("nan")
    assert Belief.of([0.1, 0.3, 0.6, unknown], [7, 7, 2, 5]) == once


@given(SHARES)
def test_more_cases_of_the_same_kind_are_believed_no_less(values):
    few, many = Belief.of(values), Belief.of(values * 4)
    assert many.spread <= few.spread + 1e-12
    assert 0 <= many.mean <= 1


def test_draws_lie_within_bounds_and_around_the_mean():
    rng, belief = np.random.default_rng(0), Belief(0.3, 0.05, 9)
    drawn = [belief.drawn(rng) for _ in range(500)]
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.01)
    assert min(Belief(0.0, 1.0, 0).drawn(rng) for _ in range(50)) == 0


def test_a_pair_is_worth_error_and_trust_over_the_examples_by_hand():
    rng = np.random.default_rng(0)
    assert facet().worth(rng) == pytest.approx(0.3 * 0.9 / (1 + 4 + 0.9 * 10))
    half = facet(accepted=0.5).worth(rng, granted=8)
    assert half == pytest.approx(0.3 * 0.9 * 0.5 / (1 + 4 + 0.9 * (10 + 4)))


@pytest.mark.parametrize(
    "worse",
    [facet(error=0.1), facet(trust=0.4), facet(real=40.0), facet(pairs=90), facet(accepted=0.5)],
    ids=["error", "trust", "real", "pairs", "accepted"],
)
def test_what_is_learnt_already_or_not_trusted_is_worth_less(worse):
    rng = np.random.default_rng(0)
    assert worse.worth(rng) < facet().worth(rng)
