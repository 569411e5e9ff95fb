import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from evaluation.features.handcrafted import Handcrafted
from evaluation.fidelity.frechet import frechet
from evaluation.fidelity.samples import scaled
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.distances import FEWEST_OF_FACET
from evaluation.metrics.registry import FAMILIES, METRICS, Score, headlines
from evaluation.scoring.domain import met
from evaluation.settings import EvaluateSection

SETS = ("handcrafted", "encoder", "network", "inception", "radiomics", "lite0-early")


@dataclass(frozen=True)
class Brightness:
    """Extractor of two features in the place of a trained encoder."""

    name: str = "encoder"
    fingerprint: str = "given"
    scaled: bool = True

    def groups(self, images, masks):
        flat = images.reshape(len(images), -1).astype(float) / 255
        return {self.name: np.stack([flat.mean(1), flat.std(1)], axis=1)}


class Judge:
    classes = ("disc",)


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


def distances(*sets, features, encoder=None):
    section = EvaluateSection(features=features, encoder_steps=2)
    context = ScoringContext(*sets, section, Judge(), encoder)
    return [
        Score.of(reading.metric, reading.estimate, **reading.parameters)
        for kind in SETS
        if FAMILIES[kind].needs <= met(context)
        for reading in FAMILIES[kind].measure(context)
    ]


def three(discs, count=8):
    return [discs(count, size=32, seed=seed) for seed in range(3)]


def test_every_set_has_distances_with_floors_under_its_own_name(discs, program):
    files = [f"{kind}:{program}" for kind in ("network", "inception")]
    scores = distances(*three(discs), features=("encoder", *files))
    names = {score.metric for score in scores}
    for name, far in (
        ("encoder", "frechet_encoder"),
        ("network", "frechet_network"),
        ("inception", "fid"),
    ):
        assert {far, f"{far}_real", f"mmd_{name}", f"mmd_{name}_p"} <= names
        assert METRICS[f"mmd_{name}"].beside == (f"mmd_{name}_real", f"mmd_{name}_p")
    # Three sets of five each: what is measured at equal n is of handcrafted features alone.
    assert len(names) == len(scores) == 15
    content = {s.metric: s.parameters["features"] for s in scores}
    digest = content["frechet_network"].removeprefix("network")
    assert content["fid"].removeprefix("inception") == digest
    assert len(content["fid"]) == len("inception@") + 12


def test_an_fid_is_of_features_as_they_are(discs, program):
    synthetic, train, held_out = three(discs, 12)
    scores = distances(synthetic, train, held_out, features=(f"inception:{program}",))
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
    features = "handcrafted", "encoder"
    scores = distances(*three(discs), features=features, encoder=Brightness())
    content = {s.metric: s.parameters["features"] for s in scores}
    assert content["mmd_encoder"] == "encoder@given"


def test_groups_are_scaled_apart_and_joined_under_the_name(discs):
    triples = scaled(Handcrafted(("disc",)), *three(discs, 6))
    groups = [triples[name].train.features for name in triples if name != "handcrafted"]
    np.testing.assert_array_equal(np.hstack(groups), triples["handcrafted"].train.features)
    assert np.abs(triples["handcrafted"].train.features).max() <= 6


def test_a_finding_with_enough_pairs_has_its_own_distance(discs):
    few = FEWEST_OF_FACET
    synthetic = named(discs(3 * few, size=32), "a", "b", "")
    train = named(discs(2 * few + 2, size=32, seed=1), "a", "b")
    held_out = named(discs(2 * few - 1, size=32, seed=2), "a", "b")
    # Brighter, in one finding alone.
    bright = synthetic.facets["finding"] == "b"
    synthetic.images[bright] = np.minimum(synthetic.images[bright], 205) + 50
    features, encoder = ("handcrafted", "encoder"), Brightness()
    scores = distances(synthetic, train, held_out, features=features, encoder=encoder)
    of_encoder = [s for s in scores if "encoder" in s.metric]
    found = {(s.metric, s.parameters["facet"]): s for s in of_encoder if "facet" in s.parameters}
    # Of finding b one real held-out pair is missing, so it has no floor.
    assert set(found) == {("mmd_encoder", "a"), ("mmd_encoder", "b"), ("mmd_encoder_real", "a")}
    assert found["mmd_encoder", "b"].value > 10 * abs(found["mmd_encoder", "a"].value)
    assert found["mmd_encoder", "a"].n == few
    whole = headlines(scores)["mmd_encoder"]
    assert whole.n == 3 * few
    assert "facet" not in whole.parameters


def test_a_finding_with_too_few_pairs_has_none(discs):
    sets = [named(discs(FEWEST_OF_FACET - 1, size=32, seed=seed), "a") for seed in range(3)]
    scores = distances(*sets, features=("handcrafted",))
    assert not [s for s in scores if "facet" in s.parameters]


def test_one_pair_has_distances_that_are_unknown(discs, program):
    features = "encoder", f"network:{program}"
    scores = distances(*three(discs, 1), features=features, encoder=Brightness())
    assert all(math.isnan(score.value) for score in scores)
    assert {score.n for score in scores} == {1}
