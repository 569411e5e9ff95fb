"""What training loops share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from factory.training.steps import learning_rate


@given(step=st.integers(0, 999))
def test_the_rate_rises_then_falls_and_never_leaves_its_bounds(step):
    def rate(step):
        return learning_rate(1e-3, step, 100, np.pi * step / 1000, 0.05)

    assert 0 < rate(step) <= 1e-3
    if step >= 100:
        assert rate(step) <= rate(step - 1) + 1e-9 or step == 100
