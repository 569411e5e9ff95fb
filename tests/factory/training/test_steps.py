"""What training loops share."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import InputError
from factory.training.steps import Trend, learning_rate


@given(step=st.integers(0, 999))
def test_the_rate_rises_then_falls_and_never_leaves_its_bounds(step):
    def rate(step):
        return learning_rate(1e-3, step, 100, np.pi * step / 1000, 0.05)

    assert 0 < rate(step) <= 1e-3
    if step >= 100:
        assert rate(step) <= rate(step - 1) + 1e-9 or step == 100


def followed(*losses):
    trend = Trend()
    for loss in losses:
        trend.follow(loss, 1.5e-3)
    return trend


def test_a_training_that_forgets_all_is_ended_with_its_rate():
    learning = np.linspace(1.3, 0.4, 400)
    with pytest.raises(InputError, match=r"was 0\.5\d and is 1\.0\d now.*it is 0\.0015"):
        followed(*learning, *[1.35] * 200)
    with pytest.raises(InputError, match=r"broke down: its loss is nan.*it is 0\.0015"):
        followed(*learning, math.nan)


@given(seed=st.integers(0, 99))
def test_losses_may_scatter_and_rise(seed):
    rng = np.random.default_rng(seed)
    scatter = rng.gamma(2, 0.5, 600)  # as of single pairs: a deviation of 0.7 about a mean of 1
    assert followed(*(np.linspace(1.3, 0.5, 600) * scatter)).seen == 600
    assert followed(*np.linspace(1.3, 0.4, 400), *np.linspace(0.4, 0.9, 400)).lowest < 0.6
    assert followed(*[1.3] * 600).mean == pytest.approx(1.3)


def test_the_mean_is_plain_at_first():
    assert followed(1, 2, 3).mean == pytest.approx(2)
    assert followed(1, 2, 3).lowest == math.inf
