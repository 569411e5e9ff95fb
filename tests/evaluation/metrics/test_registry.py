import math

import pytest

from evaluation.features.handcrafted import Handcrafted
from evaluation.features.names import GROUPS, SETS
from evaluation.gating.version_gates import decide
from evaluation.metrics.distances import frechet_name
from evaluation.metrics.former_names import FIRST_NAMES, NAMES_NOW, RETIRED, name_now
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.metrics.registry import (
    FAMILIES,
    METRICS,
    Score,
    features_of,
    headlines,
    over_domains,
)
from evaluation.report.report import Report, render
from evaluation.scoring.version import config_digest, score_version
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import NOTHING, Estimate, bca_mean
from tests.test_docs import unexplained


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.description.endswith(".")
    assert metric.unit in {"1", "Dice", "share", "mm", "pairs", "images", "tests", "AUROC", "IoU"}
    assert metric.version >= 1
    assert set(metric.beside) <= set(METRICS)
    assert name not in metric.beside


def test_every_group_of_features_has_its_distance(discs):
    pairs = discs(1)
    assert set(Handcrafted(("disc",)).groups(pairs.images, pairs.masks)) == set(GROUPS)
    for group in GROUPS:
        assert METRICS[f"frechet_{group}"].beside == (f"frechet_{group}_real",)


def test_only_the_distance_over_inception_claims_to_be_an_fid():
    assert [name for name in METRICS if "fid" in name.lower()] == ["fid", "fid_real"]
    assert frechet_name("inception") == "fid"
    assert {features_of("fid"), features_of("mmd_inception_p.low")} == {"inception"}


def test_every_metric_of_features_says_which_set_measures_it():
    assert {features_of(name) for name in METRICS} == {*SETS, None}
    for name in ("mmd_texture", "coverage", "vendi"):
        assert features_of(name) == "handcrafted"
    assert features_of("frechet_network_real") == "network"
    assert features_of("nonsense") is None


def test_a_score_takes_unit_and_direction_from_its_metric():
    score = Score.of("consistency", Estimate(0.9, 0.8, 0.95, 12), seed=0)
    assert (score.unit, score.higher_is_better, score.n) == ("Dice", True, 12)
    with pytest.raises(KeyError):
        Score.of("nonsense", NOTHING)


def test_headlines_are_neither_of_a_domain_nor_of_a_class():
    e = Estimate(0.9, 0.8, 0.95, 12)
    whole = Score.of("consistency", e, seed=0)
    part = Score.of("consistency", e, seed=0, domain="a")
    inner = Score.of("consistency", e, seed=0, **{"class": "lungs"})
    finding = Score.of("consistency", e, seed=0, facet="normal")
    assert headlines([part, inner, whole, finding]) == {"consistency": whole}
    assert [s.whole for s in (part, inner, whole, finding)] == [True, False, True, False]


def test_the_mean_over_domains_drops_the_domain_and_sums_n():
    a = Score.of("ms_ssim", Estimate(0.4, 0.37, 0.43, 10), pairs=5, domain="a")
    b = Score.of("ms_ssim", Estimate(0.6, 0.56, 0.64, 30), pairs=5, domain="b")
    both = over_domains([a, b], "ab")
    assert (both.value, both.low, both.high) == pytest.approx((0.5, 0.475, 0.525))
    assert both.n == 40
    assert both.parameters == {"pairs": 5}
    own = [
        Score.of("fid", NOTHING, features=f"encoder@{d}", dimensions=i, domain=d)
        for i, d in enumerate("ab")
    ]
    assert over_domains(own, "ab").parameters == {"features": "encoder@a+encoder@b"}
    unknown = over_domains([a, Score.of("ms_ssim", NOTHING, pairs=5, domain="b")], "ab")
    assert math.isnan(unknown.value)
    assert not unknown.known


def test_a_domain_without_a_score_leaves_the_mean_unknown_and_its_gate_shut():
    found = over_domains([Score.of("ms_ssim", Estimate(0.4, 0.37, 0.43, 10), domain="a")], "ab")
    assert (found.known, found.n, math.isnan(found.low)) == (False, 10, True)
    assert not decide({"ms_ssim": "<= 1"}, {"ms_ssim": found}).passed


def test_former_names_lead_to_scores_that_there_are():
    assert set(NAMES_NOW.values()) <= set(METRICS)
    assert not (set(NAMES_NOW) | set(RETIRED)) & set(METRICS)
    assert len(FIRST_NAMES) == len(NAMES_NOW)
    assert (name_now("shift_interface_p"), name_now("recall")) == (
        "two_sample_boundary_p",
        "recall",
    )


# The one file ...
def brightness(context):
    values = context.synthetic.images.mean((1, 2, 3))
    yield Reading("brightness", bca_mean(values, seed=context.seed), {"seed": context.seed})


TOY = Family(
    {"brightness": Metric("1", None, 1, "Mean grey level of the images.", section="fidelity")},
    brightness,
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(FAMILIES, "toy", TOY)  # ... and the one line.


def test_a_metric_is_one_file_and_one_line(toy, discs):
    made, train, held_out = discs(6, seed=2), discs(8), discs(6, seed=1)
    made.has_mask[:] = False
    scores = score_version(made, train, held_out, {}, EvaluateSection(ms_ssim_pairs=10)).scores
    found = headlines(scores)
    assert found["brightness"].value == pytest.approx(made.images.mean())
    assert found["brightness"].n == 6
    decision = decide({"brightness.low": "> 10"}, found)
    assert decision.passed
    page = render(Report("toys", "v1", 6, decision, scores, {}))
    fidelity = page.split('<div id="fidelity">')[1].split('<div id="')[0]
    assert "Mean grey level of the images." in fidelity
    assert unexplained() == {"brightness"}


def test_its_version_is_part_of_what_scores_depend_on(monkeypatch):
    section = EvaluateSection()
    before = config_digest(section)
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    assert config_digest(section) != before


def test_where_the_file_of_features_lies_is_no_part_of_it(tmp_path):
    digests = []
    for folder, content in (("a", b"one"), ("b", b"one"), ("c", b"other")):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "dino.pt2"
        file.write_bytes(content)
        digests.append(config_digest(EvaluateSection(features=("handcrafted", f"network:{file}"))))
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]
