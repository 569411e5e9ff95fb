import numpy as np
import pandas as pd
import pytest

from evaluation.errors import InputError
from evaluation.labels import UNLABELLED, known_indices, label_indices, labels_of


@pytest.fixture
def pairs(discs):
    block = discs(4, size=8)
    block.facets["finding"] = pd.Series(["b", "", None, "a"], dtype=object)
    return block


def test_blank_and_missing_texts_are_no_labels(pairs):
    assert labels_of(pairs, "finding") == ("a", "b")
    assert labels_of(pairs, "modality") == ()
    np.testing.assert_array_equal(label_indices(pairs, "finding", ("a", "b")), [1, -1, -1, 0])


def test_an_unknown_label_is_refused_or_counts_as_none(pairs):
    with pytest.raises(InputError, match=r"'finding' holds \['b'\], but only \['a'\]"):
        label_indices(pairs, "finding", ["a"])
    found = known_indices(pairs, "finding", ["a"])
    np.testing.assert_array_equal(found, [UNLABELLED, UNLABELLED, UNLABELLED, 0])
