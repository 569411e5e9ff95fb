"""Of all that was ever measured of a version, which scores are its own?"""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from evaluation.gating.version_gates import Decision, decide
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate
from factory.images import ImageSection
from tasks.provenance import decision_on, own_scores
from tasks.real_data import reference_digest
from tasks.reports.export_origin import gate_outcomes

IMAGE = ImageSection(size=32)
OWN = ScoreKey("S", reference_digest("source", IMAGE), "judge", "set")
SNAPSHOT = SimpleNamespace(
    id="S",
    attributes={
        "sections": {"image": {"size": 32, "channels": 1}},
        "digests": {"source": "source"},
    },
)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path))


def scored(lake, about, value, terms="terms"):
    score = Score.of("consistency", Estimate(value, value, value, 9))
    lake.record(about, [score])
    lake.record_scoring(about, terms, "G", [score])


def told(lake):
    return {score.metric: score.value for score in own_scores(lake, SNAPSHOT)}


def test_nothing_was_measured(lake):
    assert told(lake) == {}


def test_newer_scores_against_other_real_pairs_are_not_its_own(lake):
    scored(lake, OWN, 0.8)
    scored(lake, replace(OWN, reference=reference_digest("another", IMAGE)), 0.2)
    scored(lake, replace(OWN, reference=reference_digest("source", IMAGE, "test")), 0.3)
    assert told(lake) == {"consistency": 0.8}


def test_the_judge_is_that_of_the_decision(lake):
    scored(lake, OWN, 0.8)
    scored(lake, replace(OWN, judge="lenient"), 0.99)
    assert told(lake) == {"consistency": 0.99}  # nothing was decided: the newest
    lake.decide(OWN, "run", Decision(()))
    assert told(lake) == {"consistency": 0.8}


def test_a_decision_that_let_a_version_out_stands_when_stricter_gates_keep_it_back(lake):
    told = {"consistency": Score.of("consistency", Estimate(0.8, 0.8, 0.8, 9))}
    for bound in (">= 0.5", ">= 0.7", ">= 0.9"):
        lake.decide(OWN, "run", decide({"consistency": bound}, told))
    assert decision_on(lake, OWN).verdicts[0].bound == ">= 0.7"
    assert decision_on(lake, OWN, kept_back=True).verdicts[0].bound == ">= 0.9"
    outcomes = gate_outcomes(lake, SimpleNamespace(id="S", name="set"))
    assert list(outcomes) == ["consistency >= 0.7"]


def test_what_the_pairs_are_worth_belongs_to_them_on_validation_data_alone(lake):
    gain = Score.of("utility_gain", Estimate(0.1, 0.05, 0.15, 9))
    alone = replace(OWN, judge="")
    lake.record(alone, [gain])
    lake.record(replace(alone, reference="test"), [replace(gain, value=0.06)])
    assert told(lake) == {"utility_gain": 0.1}
    scored(lake, OWN, 0.8)
    assert told(lake) == {"utility_gain": 0.1, "consistency": 0.8}
