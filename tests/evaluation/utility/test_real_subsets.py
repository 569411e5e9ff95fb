import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.pairs import units_of
from evaluation.utility.real_subsets import nested_subset, stratified_subset


@settings(max_examples=25, deadline=None)
@given(small=st.integers(0, 12), large=st.integers(0, 12), seed=st.integers(0, 50))
def test_subsets_of_a_seed_are_nested_and_go_by_patient(discs, small, large, seed):
    real = discs(12, size=32)
    real.facets["patient"] = [f"p{n // 3}" for n in range(12)]
    small, large = sorted((small, large))
    less, more = nested_subset(real, small, seed), nested_subset(real, large, seed)
    assert more[:small].tolist() == less.tolist()
    assert len(set(more)) == large
    # At most the last patient is taken in part.
    counts = np.bincount(units_of(real)[more], minlength=4)
    assert sum(0 < count < 3 for count in counts) <= 1


@settings(max_examples=25, deadline=None)
@given(small=st.integers(0, 24), large=st.integers(0, 24), seed=st.integers(0, 50))
def test_subsets_are_nested_and_show_every_finding_where_they_can(discs, small, large, seed):
    real = discs(24, size=16)
    real.facets["patient"] = [f"p{n // 2}" for n in range(24)]
    # Nine patients of one finding, two of another, one of a third.
    real.facets["finding"] = ["a"] * 18 + ["b"] * 4 + ["c"] * 2
    small, large = sorted((small, large))
    less, more = stratified_subset(real, small, seed), stratified_subset(real, large, seed)
    assert more[:small].tolist() == less.tolist()
    assert len(set(more)) == large
    assert real.facets["finding"].iloc[more].nunique() == min(large, 3)
    # Whole patients but for those of the first images, and the last.
    counts = np.bincount(units_of(real)[more], minlength=12)
    assert sum(counts == 1) <= 3 + 1


def test_half_of_the_images_hold_findings_in_proportion(discs):
    real = discs(40, size=16)
    real.facets["finding"] = ["a"] * 30 + ["b"] * 10
    for seed in range(5):
        half = real.facets["finding"].iloc[stratified_subset(real, 20, seed)]
        # 15 and 5, but for the first of the rarer, which comes early.
        assert (half == "b").sum() in (5, 6)
    assert len({tuple(stratified_subset(real, 20, seed)) for seed in range(5)}) == 5


def test_a_patient_of_two_findings_counts_for_one_and_is_taken_once(discs):
    real = discs(4, size=16)
    real.facets["patient"] = ["p", "p", "q", "q"]
    real.facets["finding"] = ["a", "b", "a", "a"]
    for seed in range(4):
        rows = stratified_subset(real, 4, seed).tolist()
        assert sorted(rows) == [0, 1, 2, 3]
        assert 1 in rows[:2]
