"""The search uses pairs where they help on held-out images of its own, and leaves them where not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evaluation.networks.training_loop import Step
from evaluation.settings import SearchSection, UtilitySection
from evaluation.utility.arm_search import (
    REAL,
    Choice,
    Mixture,
    arm_steps,
    mixtures,
    search_steps,
    searched,
)
from evaluation.utility.arms import Arm
from evaluation.utility.segmentation import SegmentationTask

SECTION = UtilitySection(arms=("real", "searched"), steps=8, real=(6,))
ARM = Arm("unet", "discs", "searched", "6", 6, 0)


class Preset(SegmentationTask):
    """Does as well as it is told with every mixture; trains nothing."""

    def __init__(self, levels, noise=0.01):
        self.levels, self.noise, self.seen = levels, noise, []

    def start(self, arm, train, *rest):
        self.seen.append((arm.kind, arm.ratio, len(train), rest[2]))
        return arm, iter([Step(number + 1, 0.0) for number in range(rest[2])])

    def measured(self, network, block, place, section):
        level = self.levels.get((network.kind, network.ratio), 0.5)
        spread = self.noise * (-1.0) ** place["case"]
        mixed = network.kind != "real"
        return pd.DataFrame({**place, "dice": level + spread * mixed})

    def case_values(self, cases):
        return pd.Series(cases["dice"].to_numpy(), cases["case"])


def run(task, discs, section=SECTION, images=6):
    search = searched(task, ARM, discs(images), discs(8, seed=1), ("disc",), section)
    steps = []
    while True:
        try:
            steps.append(next(search))
        except StopIteration as end:
            return end.value, steps


def test_the_better_half_goes_on_and_the_best_is_chosen(discs):
    task = Preset({("annealed", 1.0): 0.8, ("annealed", 3.0): 0.7})
    choice, steps = run(task, discs)
    assert choice.mixture == Mixture("annealed", 1.0)
    assert choice.gain == pytest.approx(0.3)
    assert choice.images == 6
    rounds = [seen for seen in task.seen if seen[3] == 4]
    assert {seen[:2] for seen in rounds} == {("real", 0.0), ("annealed", 1.0), ("annealed", 3.0)}
    assert all(seen[2] == 4 for seen in task.seen)  # of six images two are held out
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert len(steps) == search_steps(SECTION.search, SECTION.steps) == 5 * 3 * 2 + 3 * 3 * 4


def test_a_gain_within_its_standard_error_leaves_pairs_out(discs):
    choice, _ = run(Preset({("annealed", 1.0): 0.52}, noise=0.1), discs)
    assert choice.mixture == REAL
    assert choice.gain == pytest.approx(0.02)
    assert choice.error > choice.gain
    assert str(choice.mixture) == "no pairs"
    assert Choice.read(choice.card) == choice


def test_a_single_patient_cannot_be_held_out_and_uses_no_pairs(discs):
    choice, steps = run(Preset({}), discs, images=1)
    assert (choice.mixture, steps) == (REAL, [])


def test_what_is_tried_and_what_it_costs():
    section = SearchSection(ratios=(0.5,), pretrained=False, folds=2, rounds=(0.5,))
    assert mixtures(section) == [REAL, Mixture("annealed", 0.5)]
    assert search_steps(section, 10) == 2 * 2 * 5
    utility = SECTION.model_copy(update={"search": section, "steps": 10})
    assert arm_steps(ARM, utility) == 30
    assert arm_steps(replace(ARM, kind="real"), utility) == 10
    assert str(Mixture("annealed", 0.5)) == "annealed 0.5 to 1"


def test_a_real_segmenter_is_searched_for(discs):
    section = SECTION.model_copy(update={"steps": 4})
    choice, steps = run(SegmentationTask(), lambda n, seed=0: discs(n, size=32, seed=seed), section)
    assert np.isfinite(choice.gain)
    assert len(steps) == search_steps(section.search, 4)
