import pytest

from evaluation.closed_loop.evidence import Belief, FacetEvidence
from evaluation.closed_loop.round import Round
from evaluation.lake.lake import Lake
from evaluation.lake.loops import LoopKey, loop_of, record_round
from evaluation.statistics.bootstrap import NOTHING, Estimate

KEY = LoopKey("0123456789ab", "cxr", "thompson")


def facet(name):
    return FacetEvidence(name, 1, 4.0, 8, 1.0, Belief(0.3, 0.1, 5), Belief(0.9, 0.05, 8))


def a_round(number, asked, gain=NOTHING):
    evidence = [facet("normal"), facet("opacity")]
    level = Estimate(0.6 + number / 10, 0.5, 0.8, 12)
    return Round(number, f"s{number}", f"v{number + 1}", asked, evidence, level, gain)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def test_the_whole_history_of_a_loop_is_found_by_any_of_its_versions(lake):
    record_round(lake, KEY, a_round(0, [8, 8]))
    record_round(lake, KEY, a_round(1, [2, 14], Estimate(0.1, 0.02, 0.2, 12)))
    for snapshot in ("s0", "s1"):
        found = loop_of(lake, snapshot)
        assert found["asked"].tolist() == [8, 8, 2, 14]
        assert found["facet"].tolist() == ["normal", "opacity"] * 2
    assert found["gain"].tolist()[2:] == [0.1, 0.1]
    assert found["error"].iloc[0] == 0.3
    assert loop_of(lake, "s7").empty


def test_a_round_that_is_recorded_again_replaces_itself(lake):
    for asked in ([8, 8], [6, 10]):
        record_round(lake, KEY, a_round(0, asked))
    assert loop_of(lake, "s0")["asked"].tolist() == [6, 10]


def test_a_version_of_two_loops_shows_the_later_one(lake):
    record_round(lake, LoopKey("a" * 12, "cxr", "uniform"), a_round(0, [8, 8]))
    record_round(lake, KEY, a_round(0, [8, 8]))
    assert set(loop_of(lake, "s0")["rule"]) == {"thompson"}
