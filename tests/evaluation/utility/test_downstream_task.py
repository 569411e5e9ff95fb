"""A third task: one small class, and it has every arm, test, gain and equivalent number of images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evaluation.errors import InputError
from evaluation.metrics import registry as metrics
from evaluation.metrics.metric import Metric
from evaluation.networks.training_loop import Step
from evaluation.pairs import domain_of
from evaluation.settings import ARMS, UtilitySection
from evaluation.utility.downstream_task import DownstreamTask
from evaluation.utility.equivalent_images import JointLevels
from evaluation.utility.real_subsets import nested_subset
from evaluation.utility.registry import TASKS, every_arm, task_of, utility_of

TARGETS = ("mean",)


class Gauge:
    """Guesses the brightness of an image: the mean of those it learned from."""

    digest = ""
    value = 0.0


class BrightnessTask(DownstreamTask[Gauge]):
    """How bright an image is: the error of a guess, negative, so that higher is better."""

    name = "brightness"
    network = "gauge"
    metric = "toy"
    kinds = frozenset({"gauge"})

    def named(self, section):
        return ("gauge",)

    def targets(self, known, domain, classes):
        return TARGETS

    def rows(self, pairs, domain, targets):
        return domain_of(pairs) == domain

    def needed(self, targets):
        return "at all"

    def available(self, train, domain):
        return int(self.rows(train, domain, TARGETS).sum())

    def subset(self, real, images, seed):
        return nested_subset(real, images, seed)

    def can_choose(self, validation):
        return False

    def new(self, kind, channels, targets, *, seed, work):
        gauge = Gauge()

        def train(parts, *, steps, seed, weights=(), **_):
            means = [float(part.images.mean()) for part in parts]
            for number in range(1, steps + 1):
                gauge.value = float(np.average(means, weights=weights or None))
                yield Step(number, 0.0)

        return gauge, train

    def load(self, folder):
        raise NotImplementedError

    def save(self, network, folder):
        raise NotImplementedError

    def measured(self, network, block, place, section):
        truth = block.images.mean((1, 2, 3))
        return pd.DataFrame({**place, "score": -np.abs(truth - network.value)})

    def numbers(self, cases):
        return {"score": float(cases["score"].mean())}

    def level(self, cases):
        return {"score": float(cases["score"].mean()), "seeds": cases["seed"].nunique()}

    def difference(self, base, other):
        gain = float(other["score"].mean() - base["score"].mean())
        return {"gain": gain, "low": gain, "high": gain, "p": 0.5, "n": len(other), "seeds": 1}

    def joint_levels(self, arms):
        return JointLevels(np.array([part["score"].mean() for part in arms]), None, len(arms[0]), 1)


TASK = BrightnessTask()
EVERY = (*TASKS, TASK)
SECTION = UtilitySection(segmenters=(), classifiers=("resnet",), real=(2, "all"), seeds=1,
                         steps=2, arms=tuple(ARMS))  # fmt: skip


@pytest.fixture
def pairs(discs):
    """Real pairs whose brightness grows with their number, and synthetic ones that are as bright."""
    real, made = discs(6, size=16), discs(4, size=16, seed=1)
    real.facets["finding"] = ["a", "b"] * 3
    made.facets["finding"] = ["a", "b"] * 2
    return real, made


@pytest.fixture
def scores(monkeypatch):
    """The toy's two scores, registered as any metric is."""
    named = {f"toy_{name}": Metric("grey", True, 1, name) for name in ("gain", "equivalent_images")}
    monkeypatch.setattr(metrics, "METRICS", {**metrics.METRICS, **named})
    return named


def test_its_arms_stand_beside_those_of_the_other_tasks(pairs):
    arms = every_arm(SECTION, *pairs, tasks=EVERY)
    assert {task_of(arm, EVERY).name for arm in arms} == {"classification", "brightness"}
    ours = [arm for arm in arms if task_of(arm, EVERY) is TASK]
    assert {(arm.network, arm.kind) for arm in ours} == {("gauge", kind) for kind in ARMS}
    assert len({arm.name for arm in arms}) == len(arms)


def test_every_arm_is_trained_tested_and_compared(pairs, scores):
    real, made = pairs
    cases = []
    for arm in TASK.arms(SECTION, real, made):
        network, loop = TASK.start(arm, real, made, TARGETS, SECTION.steps)
        assert [step.number for step in loop] == [1, 2]
        tested_on = made if arm.kind == "reversed" else real
        cases.append(TASK.test(arm, network, tested_on, TARGETS, SECTION))
    table = pd.concat(cases, ignore_index=True).assign(provenance="full", weights="last")
    found = utility_of({"brightness": table}, EVERY).by_task["brightness"]
    assert set(found.levels["kind"]) == set(ARMS)
    assert found.levels.columns[0] == "gauge"
    assert {"both - real", "synthetic - real", "pretrained - augmented"} <= set(
        found.gains["comparison"]
    )
    assert (found.gains["p_holm"] >= found.gains["p"]).all()
    assert set(found.equivalent_images["kind"]) == {"synthetic", "both", "pretrained"}
    assert {score.metric for score in found.scores if score.headline} == set(scores)


def test_what_it_cannot_be_tested_on_is_refused(pairs):
    arm = replace(TASK.arms(SECTION, *pairs)[0], domain="else")
    with pytest.raises(InputError, match="'else' has no pairs at all to test gauges on"):
        TASK.test(arm, Gauge(), pairs[0], TARGETS, SECTION)
