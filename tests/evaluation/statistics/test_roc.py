import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from evaluation.statistics.roc import (
    MEASURES,
    accuracy,
    auroc,
    balanced_accuracy,
    binary_auroc,
    discrimination,
    discrimination_gain,
)

QUICK = settings(max_examples=40)


def cases(seed, count, labels, *, ties=False):
    """Random probabilities, somewhat informed, and labels that all occur."""
    rng = np.random.default_rng(seed)
    truth = np.r_[np.arange(labels), rng.integers(0, labels, count - labels)]
    odds = np.exp(rng.normal(size=(count, labels)) + np.eye(labels)[truth])
    table = odds / odds.sum(1, keepdims=True)
    # Eighths are exact, so that what ties in one column ties in its complement as well.
    return (rng.multinomial(8, table) / 8 if ties else table), truth


def two(second):
    second = np.asarray(second, float)
    return np.stack([1 - second, second], axis=1)


def test_auroc_by_hand():
    # Positives 0.8, 0.4; negatives 0.1, 0.4, 0.6. Of 6 couples the positive wins 3 (0.8) + 1
    # (0.4 over 0.1), ties 1 and loses 1: (4 + 1/2) / 6 = 0.75.
    scores, positive = np.array([0.8, 0.1, 0.4, 0.4, 0.6]), np.array([1, 0, 1, 0, 0], bool)
    assert binary_auroc(scores, positive) == 0.75
    assert auroc(two(scores), positive.astype(int)) == 0.75


def test_a_weight_counts_a_case_as_often():
    # The case at 0.6, a negative, twice: (3 + 1 + 1 + 1/2) / 8; the positive 0.4 not at all: 3 / 3.
    scores, positive = np.array([0.8, 0.1, 0.4, 0.4, 0.6]), np.array([1, 0, 1, 0, 0], bool)
    weights = np.array([[1, 1, 1, 1, 2], [1, 1, 0, 1, 1], [0, 1, 0, 1, 1]], float)
    found = binary_auroc(scores, positive, weights)
    np.testing.assert_allclose(found, [5.5 / 8, 1.0, math.nan])


def test_macro_auroc_by_hand():
    # Label 0 against the rest: 0.6 beats 0.3 and 0.5: 1. Label 1: 0.4 against 0.3 and 0.2: 1.
    # Label 2: 0.3 against 0.1 and 0.3: one win, one tie: 0.75. Mean 11/12.
    table = np.array([[0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0.5, 0.2, 0.3]])
    assert auroc(table, np.arange(3))[0] == pytest.approx(11 / 12)


def test_accuracies_by_hand():
    # Label 0: 3 of 4 right; label 1: 1 of 2: balanced 5/8, plain 4/6.
    table = two([0.1, 0.2, 0.3, 0.9, 0.7, 0.4])
    truth = np.array([0, 0, 0, 0, 1, 1])
    assert balanced_accuracy(table, truth)[0] == 5 / 8
    assert accuracy(table, truth)[0] == pytest.approx(4 / 6)


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(6, 40), st.booleans())
def test_they_agree_with_scikit_learn(seed, labels, count, ties):
    table, truth = cases(seed, count, labels, ties=ties)
    theirs = (
        roc_auc_score(truth, table[:, 1])
        if labels == 2
        else roc_auc_score(truth, table, multi_class="ovr", average="macro")
    )
    answers = table.argmax(1)
    assert auroc(table, truth)[0] == pytest.approx(theirs, abs=1e-12)
    expected = balanced_accuracy_score(truth, answers)
    assert balanced_accuracy(table, truth)[0] == pytest.approx(expected, abs=1e-12)
    assert accuracy(table, truth)[0] == pytest.approx(accuracy_score(truth, answers), abs=1e-12)


@QUICK
@given(st.integers(0, 10**6), st.integers(8, 40))
def test_weights_agree_with_scikit_learn(seed, count):
    table, truth = cases(seed, count, 2, ties=True)
    weights = np.random.default_rng(seed).integers(0, 4, count).astype(float)
    assume(all(weights[truth == label].any() for label in (0, 1)))
    row, answers = weights[None], table.argmax(1)
    theirs = roc_auc_score(truth, table[:, 1], sample_weight=weights)
    assert auroc(table, truth, row)[0] == pytest.approx(theirs, abs=1e-12)
    theirs = balanced_accuracy_score(truth, answers, sample_weight=weights)
    assert balanced_accuracy(table, truth, row)[0] == pytest.approx(theirs, abs=1e-12)


@QUICK
@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=30),
    st.data(),
    st.sampled_from([np.exp, np.cbrt, lambda x: 3 * x - 7]),
)
def test_auroc_sees_the_order_alone(scores, data, monotone):
    size = len(scores)
    positive = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    values = np.array(scores, float)
    found = binary_auroc(values, positive)
    np.testing.assert_array_equal(binary_auroc(monotone(values), positive), found)
    # Turned about, a win is a loss.
    np.testing.assert_allclose(binary_auroc(-values, positive), 1 - found)
    np.testing.assert_allclose(binary_auroc(values, ~positive), 1 - found)


@QUICK
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(6, 30), st.booleans())
def test_bounds_and_permutations(seed, labels, count, ties):
    table, truth = cases(seed, count, labels, ties=ties)
    rng = np.random.default_rng(seed)
    names, order = rng.permutation(labels), rng.permutation(count)
    renamed = np.empty_like(table)
    renamed[:, names] = table
    for name, measure in MEASURES.items():
        value = measure(table, truth)[0]
        assert 0 <= value <= 1
        assert measure(table[order], truth[order])[0] == pytest.approx(value, abs=1e-12)
        if name == "auroc" or not ties:  # of equal probabilities the first label is the answer
            assert measure(renamed, names[truth])[0] == pytest.approx(value, abs=1e-12)


def test_without_knowledge_auroc_is_a_half():
    truth = np.array([0, 1, 2, 2, 1])
    assert auroc(np.full((5, 3), 1 / 3), truth)[0] == 0.5


def test_no_case_and_one_label_are_unknown():
    none = discrimination(np.zeros((0, 2)), np.zeros(0, int), seed=0)
    assert [e.n for e in vars(none).values()] == [0, 0, 0]
    assert not any(e.known for e in vars(none).values())
    one = discrimination(two([0.2, 0.7, 0.4]), np.zeros(3, int), seed=0)
    assert (one.auroc.n, one.balanced_accuracy.n) == (3, 3)
    assert not one.auroc.known
    assert not one.balanced_accuracy.known
    assert one.accuracy.value == pytest.approx(2 / 3)
    assert one.accuracy.low <= 2 / 3 <= one.accuracy.high


def test_a_label_of_one_patient_leaves_the_interval_unknown():
    table, truth = two([0.2, 0.3, 0.4, 0.1, 0.8, 0.7]), np.array([0, 0, 0, 0, 1, 1])
    units = np.array(["a", "b", "c", "d", "e", "e"])
    found = discrimination(table, truth, units, seed=0)
    assert found.auroc.value == found.balanced_accuracy.value == 1
    assert math.isnan(found.auroc.low)
    assert math.isnan(found.balanced_accuracy.high)
    assert found.accuracy.low == 1


def test_a_label_that_no_case_shows_is_left_out():
    table, truth = cases(0, 20, 3)
    kept = truth < 2
    truth, table = truth[kept], table[kept]
    expected = np.mean([roc_auc_score(truth == k, table[:, k]) for k in (0, 1)])
    assert auroc(table, truth)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("table", "truth", "message"),
    [
        (two([0.1, 0.2]), np.zeros(3, int), "do not fit"),
        (two([0.1, math.nan]), np.array([0, 1]), "2 probabilities are not finite"),
        (two([0.1, 0.2]), np.array([0, 2]), "labels 0 to 2 are not among 2"),
        (np.zeros(2), np.array([0, 1]), "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(table, truth, message):
    with pytest.raises(ValueError, match=message):
        discrimination(table, truth, seed=0)


def test_intervals_resample_patients():
    table, truth = cases(1, 40, 2)
    alone = discrimination(table, truth, seed=0)
    # Every case four times, as images of one patient: no more is known, while n says 160.
    again = [np.repeat(each, 4, axis=0) for each in (table, truth, np.arange(40))]
    grouped, naive = discrimination(*again, seed=0), discrimination(*again[:2], seed=0)
    for name, e in vars(alone).items():
        same, narrow = getattr(grouped, name), getattr(naive, name)
        assert (same.value, same.low, same.high) == pytest.approx((e.value, e.low, e.high))
        assert (e.n, same.n) == (40, 160)
        assert e.low < e.value < e.high
        assert narrow.high - narrow.low < 0.7 * (e.high - e.low)


def test_the_interval_is_about_as_wide_as_theory_says():
    # DeLong's variance, from the placement of each case among those of the other label.
    table, truth = cases(2, 200, 2)
    score = table[:, 1]
    wins = (score[truth == 1][:, None] > score[truth == 0]).astype(float)
    variance = sum(wins.mean(axis).var(ddof=1) / wins.shape[1 - axis] for axis in (0, 1))
    e = discrimination(table, truth, seed=0).auroc
    assert e.value == pytest.approx(wins.mean())
    assert (e.high - e.low) / (2 * 1.96) == pytest.approx(np.sqrt(variance), rel=0.1)


def test_a_classifier_gains_nothing_on_itself():
    table, truth = cases(3, 30, 3)
    gain = discrimination_gain(table, table, truth, seed=0)
    assert all((e.value, e.low, e.high, e.n) == (0, 0, 0, 30) for e in vars(gain).values())


def test_a_gain_is_paired_and_changes_its_sign():
    table, truth = cases(4, 60, 2)
    better = table + 0.3 * np.eye(2)[truth]
    gain = discrimination_gain(better, table, truth, seed=0)
    loss = discrimination_gain(table, better, truth, seed=0)
    one, other = discrimination(better, truth, seed=0), discrimination(table, truth, seed=0)
    for name, e in vars(gain).items():
        a, b, back = getattr(one, name), getattr(other, name), getattr(loss, name)
        assert e.value == pytest.approx(a.value - b.value)
        assert (back.value, back.low, back.high) == pytest.approx((-e.value, -e.high, -e.low))
        assert e.low > 0
        # Cases that are hard for both do not widen it.
        assert e.high - e.low < np.hypot(a.high - a.low, b.high - b.low)
    with pytest.raises(ValueError, match="not of the same cases"):
        discrimination_gain(np.stack([table, table]), table, truth, seed=0)


def test_seeds_are_averaged_and_resampled():
    table, truth = cases(5, 40, 2)
    flat = np.full_like(table, 0.5)
    single = discrimination(table, truth, seed=0).auroc
    twice = discrimination(np.stack([table, table]), truth, seed=0).auroc
    assert (twice.value, twice.low, twice.high) == (single.value, single.low, single.high)
    mixed = discrimination(np.stack([table, flat]), truth, seed=0).auroc
    assert mixed.value == pytest.approx((single.value + 0.5) / 2)
    # One resample in four draws the useless seed twice.
    assert mixed.low == 0.5
    assert mixed.high > single.value - 0.05
