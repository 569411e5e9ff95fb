import numpy as np
import pytest

from evaluation.statistics.standard_error import standard_error


def test_a_standard_error_counts_patients_and_not_their_images():
    values = np.array([1.0, 3.0, 2.0, 6.0])
    alone = standard_error(values, np.arange(4))
    assert alone == pytest.approx(values.std(ddof=1) / 2)
    # The same four, each of them tested forty times: nothing new is known.
    often = standard_error(np.repeat(values, 40), np.repeat([7, 3, 5, 9], 40))
    assert often == pytest.approx(alone)
    assert np.isnan(standard_error(values, np.zeros(4, int)))
