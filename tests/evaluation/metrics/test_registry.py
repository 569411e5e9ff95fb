import math

import pytest

from evaluation.features.handcrafted import Handcrafted
from evaluation.features.registry import FEATURES
from evaluation.metrics.fidelity import GROUPS, MEASURED_BY, frechet_name
from evaluation.metrics.registry import METRICS, Score, headlines, over_domains
from evaluation.statistics.bootstrap import NOTHING, Estimate


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
    assert {MEASURED_BY["fid"], MEASURED_BY["kernel_inception_p"]} == {"inception"}


def test_every_metric_of_features_says_which_set_measures_it():
    assert set(MEASURED_BY) <= set(METRICS)
    assert set(MEASURED_BY.values()) == set(FEATURES)
    assert {MEASURED_BY[name] for name in ("kernel_texture", "coverage", "vendi")} == {
        "handcrafted"
    }
    assert MEASURED_BY["frechet_network_real"] == "network"


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
    both = over_domains([a, b])
    assert (both.value, both.low, both.high) == pytest.approx((0.5, 0.475, 0.525))
    assert both.n == 40
    assert both.parameters == {"pairs": 5}
    own = [
        Score.of("fid", NOTHING, features=f"encoder@{d}", dimensions=i, domain=d)
        for i, d in enumerate("ab")
    ]
    assert over_domains(own).parameters == {"features": "encoder@a+encoder@b"}
    unknown = over_domains([a, Score.of("ms_ssim", NOTHING, pairs=5, domain="b")])
    assert math.isnan(unknown.value)
    assert not unknown.known
