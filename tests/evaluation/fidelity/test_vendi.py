import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.fidelity.mmd import Kernel
from evaluation.fidelity.vendi import vendi

KERNEL = Kernel(1.0)


def test_groups_of_equals_count_once() -> None:
    far_apart = 1e3 * np.eye(3)
    assert vendi(np.repeat(far_apart, 4, axis=0), KERNEL) == pytest.approx(3)
    assert vendi(np.ones((5, 2)), KERNEL) == pytest.approx(1)
    assert vendi(far_apart[:1], KERNEL) == pytest.approx(1)


def test_groups_of_unlike_size_by_hand() -> None:
    features = np.array([[0.0]] * 3 + [[1e3]])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert vendi(features, KERNEL) == pytest.approx(np.exp(entropy))


@given(st.integers(1, 20), st.integers(0, 99))
def test_it_lies_between_one_and_n(n: int, seed: int) -> None:
    features = np.random.default_rng(seed).normal(0, 1, (n, 3))
    assert 1 - 1e-9 <= vendi(features, KERNEL) <= n + 1e-6


def test_degenerate_sets() -> None:
    assert np.isnan(vendi(np.zeros((0, 3)), KERNEL))
    with pytest.raises(ValueError, match="not finite"):
        vendi(np.full((3, 2), np.nan), KERNEL)
