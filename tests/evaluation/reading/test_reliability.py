"""Agreement of readers: the worked examples of the literature, and what must hold of any answers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.reading.reliability import fleiss_kappa, krippendorff_alpha

# Fleiss 1971: ten subjects, fourteen raters, five categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
O = math.nan  # nobody answered
# Krippendorff 2011, section C: four observers, twelve units, answers missing.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, O, O, O],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, O, 3],
        [O, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, O],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, O],
    ]
).T
# Section A: two observers, ten units, two values.
BINARY = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]).T


def test_fleiss_own_example():
    found = fleiss_kappa(FLEISS)
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.n == 10


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_krippendorffs_example_with_missing_answers(level, alpha):
    found = krippendorff_alpha(KRIPPENDORFF, level)
    assert found.value == pytest.approx(alpha, abs=5e-4)
    assert found.n == 11  # the last unit has one answer, which agrees with none


def test_krippendorffs_example_of_two_observers():
    assert krippendorff_alpha(BINARY).value == pytest.approx(0.095, abs=5e-4)


def test_readers_who_always_agree_have_1_and_a_bound_below_it():
    for found in (
        fleiss_kappa([[3, 0], [0, 3]] * 20),
        krippendorff_alpha([[0, 0, 0], [1, 1, 1]] * 20),
    ):
        assert found.value == found.high == 1
        assert 0.7 < found.low < 1


def test_where_all_say_the_same_nothing_is_left_to_chance_and_nothing_known():
    assert math.isnan(fleiss_kappa([[3, 0]] * 20).value)
    assert math.isnan(krippendorff_alpha([[1, 1]] * 20).value)


def test_no_answers_are_no_agreement():
    assert fleiss_kappa(np.zeros((0, 2))).n == 0
    assert krippendorff_alpha([[1, O], [O, 2]]).n == 0


@pytest.mark.parametrize("counts", [[[1, 0]], [[2, 0], [3, 0]]], ids=["one reader", "unequal"])
def test_fleiss_needs_equally_many_readers(counts):
    with pytest.raises(ValueError, match="equally many"):
        fleiss_kappa(counts)


TABLES = st.lists(st.lists(st.integers(1, 5), min_size=3, max_size=3), min_size=5, max_size=30)


@settings(max_examples=30)
@given(TABLES)
def test_neither_order_of_readers_nor_of_images_counts(rows):
    table = np.array(rows, float)
    turned = table[::-1, ::-1]
    for level in ("nominal", "ordinal"):
        ours, theirs = krippendorff_alpha(table, level), krippendorff_alpha(turned, level)
        assert ours.value == pytest.approx(theirs.value, abs=1e-9, nan_ok=True)
        assert ours.low == pytest.approx(theirs.low, abs=1e-6, nan_ok=True)


@settings(max_examples=30)
@given(TABLES)
def test_alpha_is_kappa_but_for_the_size_of_the_sample(rows):
    """1 - alpha = (1 - kappa) (n - 1) / n of n answers, without any missing."""
    table = np.array(rows, float)
    counts = (table[:, :, None] == np.arange(1, 6)).sum(1)
    kappa, alpha = fleiss_kappa(counts).value, krippendorff_alpha(table).value
    assert 1 - alpha == pytest.approx((1 - kappa) * (table.size - 1) / table.size, nan_ok=True)


@settings(max_examples=30)
@given(TABLES)
def test_the_interval_holds_the_value(rows):
    found = krippendorff_alpha(np.array(rows, float), "ordinal")
    if math.isfinite(found.value):
        assert found.low <= found.value <= found.high <= 1


def test_images_of_one_patient_count_as_one():
    draw = np.random.default_rng(0)
    table = draw.integers(0, 2, (40, 3)).astype(float)
    alone = krippendorff_alpha(table)
    fewer = krippendorff_alpha(np.repeat(table, 3, axis=0), units=np.repeat(np.arange(40), 3))
    assert fewer.high - fewer.low == pytest.approx(alone.high - alone.low, rel=0.1)
