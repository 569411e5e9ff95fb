from dataclasses import replace

import pytest

from evaluation.arms import Arm
from factory.images import ImageSection
from flows import estimate
from flows.estimate import Budget, budget, segmenter_step

ARM = Arm("unet", "d", "real", "2", 2, 0)


def test_a_budget_counts_each_kind_of_network_at_its_own_speed(monkeypatch):
    monkeypatch.setattr(
        estimate, "segmenter_step", lambda _, kind: {"unet": 1, "segresnet": 3}[kind]
    )
    arms = [ARM, replace(ARM, seed=1), replace(ARM, segmenter="segresnet")]
    assert budget(arms, 10, ImageSection()) == Budget(3, 10, 2 * 10 * 1 + 10 * 3)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Budget(15, 300, 130.0), "15 segmenters x 300 steps, about 3 minutes here"),
        (Budget(1, 2, 5.0), "1 segmenter x 2 steps, less than a minute here"),
        (Budget(0, 300, 0.0), "every segmenter was trained before"),
    ],
)
def test_a_budget_for_people(told, words):
    assert str(told) == words


def test_a_step_takes_time():
    assert segmenter_step(ImageSection(size=32), "segresnet") > 0
