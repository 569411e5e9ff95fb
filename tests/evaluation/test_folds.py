import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import InputError
from evaluation.folds import folds_of
from evaluation.pairs import units_of


@given(patients=st.integers(2, 9), each=st.integers(1, 3), folds=st.integers(2, 5))
def test_a_patient_is_in_one_fold_and_every_fold_has_some(patients, each, folds, discs):
    pairs = discs(patients * each, size=32)
    pairs.facets["patient"] = [f"p{n % patients}" for n in range(len(pairs))]
    if patients < folds:
        with pytest.raises(InputError, match=f"{folds} folds are asked for of {patients} patients"):
            folds_of(pairs, folds)
        return
    fold = folds_of(pairs, folds)
    for unit in np.unique(units_of(pairs)):
        assert len(set(fold[units_of(pairs) == unit])) == 1
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.min() > 0
    assert np.ptp(sizes) <= each


def test_each_domain_is_dealt_by_itself(discs):
    pairs = discs(8, size=32)
    pairs.facets["domain"] = ["a"] * 4 + ["b"] * 4
    fold = folds_of(pairs, 2)
    assert np.bincount(fold[:4]).tolist() == np.bincount(fold[4:]).tolist() == [2, 2]
