from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.settings import SearchSection, UtilitySection
from evaluation.utility.arms import Arm
from factory.images import ImageSection
from flows.planning import estimate
from flows.planning.estimate import Budget, budget, network_step, training_bytes
from flows.planning.recipe import load_recipe

ARM = Arm("unet", "d", "real", "2", 2, 0)


def test_a_budget_counts_each_kind_of_network_at_its_own_speed(monkeypatch):
    monkeypatch.setattr(
        estimate, "network_step", lambda _, kind: {"unet": 1, "segresnet": 3, "resnet": 5}[kind]
    )
    arms = [ARM, replace(ARM, seed=1), replace(ARM, network="segresnet")]
    section = UtilitySection(steps=10)
    assert budget(arms, section, ImageSection()) == Budget({"segmenter": 3}, 10, 50)
    arms.append(replace(ARM, network="resnet"))
    assert budget(arms, section, ImageSection()) == Budget(
        {"segmenter": 3, "classifier": 1}, 10, 2 * 10 * 1 + 10 * 3 + 10 * 5
    )


def test_what_a_training_leaves_is_counted():
    spec, image = load_recipe("phantom-model").generator, ImageSection(size=64, channels=3)
    # As measured: 168 training pairs and 56 others left 266 MB of work, and 31 MB of checkpoint.
    assert training_bytes(spec, image, 168, 56) == pytest.approx(297e6, rel=0.03)
    more = training_bytes(spec, image, 1168, 56) - training_bytes(spec, image, 168, 56)
    assert more == 1000 * 2 * 4 * 8 * 8 * 4
    assert training_bytes(load_recipe("phantoms").generator, image, 168, 56) == 0
    given = spec.with_checkpoint(Path("any"))
    assert training_bytes(given, image, 168, 56) == 0


def test_a_search_is_in_the_budget(monkeypatch):
    monkeypatch.setattr(estimate, "network_step", lambda image, kind: 1)
    search = SearchSection(ratios=(1.0,), pretrained=False, folds=2, rounds=(0.5,))
    section = UtilitySection(arms=("real", "searched"), steps=10, search=search)
    told = budget([ARM, replace(ARM, kind="searched")], section, ImageSection())
    assert told == Budget({"segmenter": 2}, 10, 40, searches=20)
    assert str(told).startswith("2 segmenters x 10 steps and 20 of searches")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Budget({"segmenter": 15}, 300, 130.0), "15 segmenters x 300 steps, about 3 minutes here"),
        (Budget({"segmenter": 1}, 2, 5.0), "1 segmenter x 2 steps, less than a minute here"),
        (
            Budget({"segmenter": 2, "classifier": 1}, 9, 5.0),
            "2 segmenters and 1 classifier x 9 steps, less than a minute here",
        ),
        (Budget({"classifier": 3}, 9, 5.0), "3 classifiers x 9 steps, less than a minute here"),
        (Budget({}, 300, 0.0), "every model was trained before"),
    ],
)
def test_a_budget_for_people(told, words):
    assert str(told) == words


def test_a_step_takes_time():
    assert network_step(ImageSection(size=32), "segresnet") > 0
    assert network_step(ImageSection(size=32), "resnet") > 0


TRAINED = {"preset": "tiny", "train": {"steps": 60, "augment": {"copies": 1}}}


@pytest.mark.parametrize(
    ("words", "kind", "models"),
    [
        (("headroom", "phantom", "--size", "32", "--seeds", "1"), "phantom", "segmenters"),
        (("folds", "RECIPE", "--folds", "3"), "medsegfactory", "3 generators and their arms"),
        (("compare", "RECIPE"), "medisyn", "4 generators"),
    ],
    ids=["headroom", "folds", "compare"],
)
def test_a_dry_run_tells_what_would_be_trained_and_writes_nothing(
    words, kind, models, medpair, recipe, tmp_path
):
    domains = ["phantom-breast-us", "phantom-colonoscopy"]
    source = {"kind": "phantom", "domains": domains, "train": 9, "val": 6}
    image = {"size": 32, "channels": 3}
    utility = None if kind == "medisyn" else {"real": [2], "seeds": 1, "steps": 2}
    generator = {"kind": kind, **TRAINED}
    path = recipe(source=source, generator=generator, image=image, utility=utility)
    words = [path if word == "RECIPE" else word for word in words]
    said = medpair(*words, "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert models in said.json["models"]
    assert said.json["steps"] > 100
    assert said.json["seconds"] > 0
    assert not (tmp_path / "home").exists()


def test_a_dry_run_refuses_a_comparison_that_cannot_be(medpair, recipe, tmp_path):
    said = medpair("compare", recipe(), "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2
    assert "it needs generator.kind medisyn" in said.lines[0]
