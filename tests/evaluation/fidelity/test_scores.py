import math

import numpy as np
import pytest
import torch
from torch import nn

from evaluation.features.random_filters import RandomConvolutions
from evaluation.fidelity.frechet import frechet
from evaluation.fidelity.scores import FEWEST_OF_FACET, fidelity_scores, scaled
from evaluation.metrics.registry import METRICS, headlines
from evaluation.settings import EvaluateSection


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "tiny.pt2"
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)).eval()
    torch.export.save(torch.export.export(network, (torch.zeros(4, 3, 32, 32),)), path)
    return path


def named(pairs, *findings):
    pairs.facets["finding"] = [findings[i % len(findings)] for i in range(len(pairs))]
    return pairs


def scores_of(discs, *features, count=8, **changes):
    sets = [discs(count, size=32, seed=seed) for seed in range(3)]
    section = EvaluateSection(features=features, encoder_steps=2)
    return sets, fidelity_scores(*sets, ("disc",), section, **changes)


def test_every_set_has_distances_with_floors_under_its_own_name(discs, program):
    files = [f"{kind}:{program}" for kind in ("network", "inception")]
    _, scores = scores_of(discs, "randconv", "encoder", *files)
    names = {score.metric for score in scores}
    for name, far in (
        ("randconv", "frechet_randconv"),
        ("encoder", "frechet_encoder"),
        ("network", "frechet_network"),
        ("inception", "fid"),
    ):
        assert {far, f"{far}_real", f"kernel_{name}", f"kernel_{name}_p"} <= names
        assert METRICS[f"kernel_{name}"].beside == (f"kernel_{name}_real", f"kernel_{name}_p")
    # Four sets of five each: neighbours, vendi and equal n are of handcrafted features alone.
    assert len(names) == len(scores) == 20
    told = {s.metric: s.parameters["features"] for s in scores}
    assert told["frechet_randconv"] == "randconv@1"
    assert told["fid"].removeprefix("inception") == told["frechet_network"].removeprefix("network")
    assert len(told["fid"]) == len("inception@") + 12


def test_an_fid_is_of_features_as_they_are(discs, program):
    (synthetic, train, held_out), scores = scores_of(discs, f"inception:{program}", count=12)
    network = torch.export.load(program).module()

    def features(pairs):
        images = np.repeat(np.moveaxis(pairs.images, -1, 1) / 255, 3, axis=1).astype(np.float32)
        return np.concatenate(
            [network(torch.from_numpy(images[at : at + 4])).detach() for at in range(0, 12, 4)]
        ).reshape(12, -1)

    found = headlines(scores)
    real = features(train)
    assert found["fid"].value == pytest.approx(frechet(features(synthetic), real), rel=1e-5)
    assert found["fid_real"].value == pytest.approx(frechet(features(held_out), real), rel=1e-5)
    assert found["fid"].parameters["dimensions"] == 3


def test_a_given_encoder_is_not_trained_again(discs):
    stand_in = RandomConvolutions(("disc",), name="encoder", fingerprint="given")
    _, scores = scores_of(discs, "randconv", "encoder", encoder=stand_in)
    told = {s.metric: s.parameters["features"] for s in scores}
    assert told["kernel_encoder"] == "encoder@given"


def test_groups_are_scaled_apart_and_joined_under_the_name(discs):
    sets = [discs(6, size=32, seed=seed) for seed in range(3)]
    trios = scaled(RandomConvolutions(("disc",)), *sets)
    assert list(trios) == ["randconv"]
    assert trios["randconv"].train.features.shape == (6, 96)
    assert np.abs(trios["randconv"].train.features).max() <= 6


def test_a_finding_with_enough_pairs_has_its_own_distance(discs):
    few = FEWEST_OF_FACET
    synthetic = named(discs(3 * few, size=32), "a", "b", "")
    train = named(discs(2 * few + 2, size=32, seed=1), "a", "b")
    held_out = named(discs(2 * few - 1, size=32, seed=2), "a", "b")
    # Brighter, in one finding alone.
    bright = synthetic.facets["finding"] == "b"
    synthetic.images[bright] = np.minimum(synthetic.images[bright], 205) + 50
    section = EvaluateSection(features=("randconv",))
    scores = fidelity_scores(synthetic, train, held_out, ("disc",), section)
    found = {(s.metric, s.parameters["facet"]): s for s in scores if "facet" in s.parameters}
    # Of finding b one real held-out pair is missing, so it has no floor.
    keys = {("kernel_randconv", "a"), ("kernel_randconv", "b"), ("kernel_randconv_real", "a")}
    assert set(found) == keys
    assert found["kernel_randconv", "b"].value > 10 * abs(found["kernel_randconv", "a"].value)
    assert found["kernel_randconv", "a"].n == few
    whole = headlines(scores)["kernel_randconv"]
    assert whole.n == 3 * few
    assert "facet" not in whole.parameters


def test_a_finding_with_too_few_pairs_has_none(discs):
    sets = [named(discs(FEWEST_OF_FACET - 1, size=32, seed=seed), "a") for seed in range(3)]
    scores = fidelity_scores(*sets, ("disc",), EvaluateSection(features=("randconv",)))
    assert not [s for s in scores if "facet" in s.parameters]


def test_one_pair_has_distances_that_are_unknown(discs, program):
    features = "randconv", f"network:{program}"
    _, scores = scores_of(discs, *features, count=1)
    assert all(math.isnan(score.value) for score in scores)
    assert {score.n for score in scores} == {1}
