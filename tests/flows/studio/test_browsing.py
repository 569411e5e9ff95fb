"""Versions that are looked through: by verdict, facet and number, with what was said of each pair."""

import numpy as np
import pandas as pd
import pytest

from evaluation.gating.version_gates import Decision, Verdict
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate
from factory.images import ImageSection
from factory.store.repository import Store
from factory.store.runs import declare, judge, make, merge, missing
from flows.context import open_context
from flows.planning.recipe import load_recipe
from flows.studio.browsing import ACCEPTED, REJECTED, VersionPairs, Wanted, tags_of
from tasks.real_data import reference_digest
from tasks.services.settings import load_settings


@pytest.fixture
def version(recipe, tmp_path):
    """Four pairs of two findings, one of them rejected, with a number each and a gate."""
    settings = load_settings(tmp_path / "home")
    path = recipe(grid={"facets": {"finding": ["benign", "malignant"]}, "replicates": 2, "seed": 7})
    with open_context(load_recipe(path), settings) as context:
        store, run = context.store.create(), context.run
        session = store.writable(run.branch) if declare(store, run) else None
        merge(
            session,
            [
                make(context.build_generator().generate, session.fork(), shard)
                for shard in missing(store.snapshot(run.branch))
            ],
        )
        store.commit(session, "pairs", {"kind": "pairs"})
        made = judge(store, run.branch, np.array([0, 0, 0, 64], np.uint32))
        store.tag("v1", made.id)
        reference = reference_digest(run.digests["source"], ImageSection(size=32))
    lake = Lake(settings.lake)
    numbers = pd.DataFrame(
        {"row": range(4), "nearest_distance": [0.4, 0.3, 0.2, 0.1], "nearest": 1.0}
    )
    lake.record_pairs(ScoreKey(made.pairs_id, reference, data_set="tiny"), numbers)
    gate = Verdict("consistency", ">= 0.5", 0.6, 0.1, True, "consistency = 0.6 meets >= 0.5 by 0.1")
    lake.decide(ScoreKey(made.id, reference, data_set="tiny"), run.id, Decision((gate,)))
    return VersionPairs(settings, "tiny", "v1")


def test_scores_are_told_as_answers(version):
    assert version.answers == ()
    reference = reference_digest(
        version.snapshot.attributes["digests"]["source"], ImageSection(size=32)
    )
    about = ScoreKey(version.snapshot.id, reference, data_set="tiny")
    score = Score.of("sharpness", Estimate(0.9, 0.85, 0.95, 20))
    version.lake.record(about, [score])
    version.lake.record_scoring(about, "terms", "G", [score])
    again = VersionPairs(version.settings, "tiny", "v1")
    said = {answer.key: answer.verdict for answer in again.answers}
    assert said["fidelity"] == "good"  # between 0.8 and 1.25
    assert said["consistency"] == "not measured"


def test_versions_are_found_newest_first(version):
    store = Store(version.settings.pairs, "tiny")
    store.tag("v2", store.snapshot("v1").id)
    store.tag("favourite", store.snapshot("v1").id)
    assert tags_of(version.settings) == {"tiny": ["v2", "v1"]}


def test_a_withdrawn_version_says_so(version):
    lake = Lake(version.settings.lake)
    lake.publish("tiny", 1, version.snapshot.id, "run")
    assert version.withdrawal == ""
    lake.withdraw("tiny", 1, "masks were shifted")
    assert version.withdrawal == (
        "tiny@v1 is withdrawn: masks were shifted; no version has followed it"
    )


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (Wanted(), [0, 1, 2]),
        (Wanted(REJECTED), [3]),
        (Wanted(""), [0, 1, 2, 3]),
        (Wanted(facets=(("finding", "malignant"),)), [2]),
        (Wanted(score="nearest_distance"), [2, 1, 0]),
        (Wanted("", score="nearest_distance", high=0.2), [3, 2]),
        (Wanted(score="nearest_distance", low=0.25), [1, 0]),
        (Wanted(facets=(("finding", "none"),)), []),
    ],
    ids=["accepted", "rejected", "both", "facet", "order", "high", "low", "nothing"],
)
def test_pairs_are_chosen_by_verdict_facet_and_number(version, wanted, rows):
    assert version.rows(wanted) == rows


def test_a_pair_has_its_numbers_and_verdict_in_words(version):
    assert version.notes(0) == ["benign", "nearest distance 0.400"]
    assert version.notes(3) == ["malignant", "near copy", "nearest distance 0.100"]
    assert version.verdicts == ["consistency = 0.6 meets >= 0.5 by 0.1"]
    assert version.table["verdict"].tolist() == [ACCEPTED] * 3 + [REJECTED]
    assert version.classes("phantom-breast-us") == ("lesion",)


def test_real_images_are_shown_only_where_the_recipe_lets_them(version):
    assert not version.shows_real
    assert version.nearest(0) == 1
    assert version.real.shape == (8, 32, 32, 1)
