"""A third task: one small class, and it has every arm, test, gain and equivalent number of images."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from evaluation.errors import InputError
from evaluation.metrics import registry as metrics
from evaluation.metrics.metric import Metric
from evaluation.networks.training_loop import Step
from evaluation.networks.weights import digest_of, read_weights, restore, save_weights
from evaluation.pairs import domain_of, take
from evaluation.settings import ARMS, UtilitySection
from evaluation.utility.arm_search import Mixture
from evaluation.utility.downstream_task import DownstreamTask, task_of
from evaluation.utility.equivalent_images import JointLevels
from evaluation.utility.registry import TASKS, every_arm, utility_of
from evaluation.utility.segmentation import nested_subset
from factory.images import ImageSection
from factory.sources.phantom import PhantomSource
from tasks.downstream import DownstreamExperiment
from tasks.real_data import Reference

TARGETS = ("mean",)


class Gauge(torch.nn.Module):
    """Guesses the brightness of an image: the mean of those it learned from."""

    def __init__(self):
        super().__init__()
        self.register_buffer("value", torch.zeros(1, dtype=torch.float64))

    @property
    def digest(self):
        return digest_of(self, "gauge")


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
                gauge.value.fill_(np.average(means, weights=weights or None))
                yield Step(number, 0.0)

        return gauge, train

    def load(self, kind, folder):
        gauge, path = Gauge(), folder / "gauge.safetensors"
        restore(gauge, read_weights(path, "gauge")[1], path, "gauge")
        return gauge

    def save(self, network, folder):
        save_weights(network, {}, folder / "gauge.safetensors")

    def measured(self, network, block, place, section):
        truth = block.images.mean((1, 2, 3))
        return pd.DataFrame({**place, "score": -np.abs(truth - network.value.item())})

    def case_values(self, cases):
        return pd.Series(cases["score"].to_numpy(), cases["case"])

    def labelled_by(self, network, pairs):
        return take(pairs, np.arange(len(pairs)))

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
        trained_as = Mixture("annealed", 1.0).applied(arm) if arm.kind == "searched" else arm
        network, loop = TASK.start(trained_as, real, made, TARGETS, SECTION.steps)
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
    learnt = {"synthetic", "both", "annealed", "searched", "pretrained"}
    assert set(found.equivalent_images["kind"]) == learnt
    assert {score.metric for score in found.scores if score.headline} == set(scores)


class Unrecorded:
    """A record that keeps nothing."""

    @contextmanager
    def child(self, name, tags=None):
        yield self

    def tags(self, values):
        assert set(values) == {"chosen"}

    def parameters(self, values):
        assert {"domain", "kind", "steps"} <= set(values)

    def metrics(self, values, step=0):
        assert set(values) <= {"score", "auroc", "balanced_accuracy"}

    def curve(self, points):
        assert points


def test_an_experiment_trains_and_tests_it_and_reads_it_back(tmp_path):
    image, names = ImageSection(size=32), ("phantom-breast-us",)
    source = PhantomSource(domains=names, train=6, val=3, test=3).build()
    made = PhantomSource(domains=names, train=4, val=1, test=1, seed=9).build()
    experiment = DownstreamExperiment(
        SECTION, Reference.of(source, image, "test"), made.read("train", image), "S", tmp_path,
        Unrecorded(), tasks=EVERY,
    )  # fmt: skip
    arms = [arm for arm in experiment.arms() if arm.network == "gauge"]
    # Synthetic, and nine kinds at two numbers; one of those is trained as another.
    assert (len(arms), len(experiment.untrained(arms))) == (19, 17)
    cases = experiment.cases(arms)
    assert experiment.untrained(arms) == []
    pd.testing.assert_frame_equal(experiment.cases(arms)["brightness"], cases["brightness"])


def test_what_it_cannot_be_tested_on_is_refused(pairs):
    arm = replace(TASK.arms(SECTION, *pairs)[0], domain="else")
    with pytest.raises(InputError, match="'else' has no pairs at all to test gauges on"):
        TASK.test(arm, Gauge(), pairs[0], TARGETS, SECTION)
