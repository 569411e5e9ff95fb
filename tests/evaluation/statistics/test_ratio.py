import math

import numpy as np
import pytest

from evaluation.statistics.ratio import mean_ratio


def test_a_ratio_of_means_is_not_a_mean_of_ratios():
    found = mean_ratio(np.array([1.0, 5.0]), np.array([1.0, 3.0]), seed=0)
    assert found.value == 1.5
    assert found.low <= 1.5 <= found.high
    assert found.n == 2


def test_images_of_one_patient_are_no_sample():
    values = np.array([1.0, 2.0, 3.0])
    one, apart = np.zeros(3, int), np.arange(3)
    for units in ((one, apart), (apart, one), (one, None), (None, one)):
        found = mean_ratio(values, values, *units, seed=0)
        assert found.value == 1
        assert math.isnan(found.low)


@pytest.mark.parametrize("sets", [([], [1.0]), ([1.0], []), ([1.0, 2.0], [0.0, 0.0])])
def test_over_nothing_there_is_no_ratio(sets):
    assert not mean_ratio(*map(np.array, sets), seed=0).known
