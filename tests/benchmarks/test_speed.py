"""What is timed, what counts as fallen, and the page that shows it."""

import json

import numpy as np
import pytest
import torch

from benchmarks.figures import Figure
from benchmarks.speed import recorded, starting
from benchmarks.speed.contest import Contest, Work, largest, run
from benchmarks.speed.pictures import plain_distances
from benchmarks.speed.recorded import fallen, renewed, table
from benchmarks.speed.scores import counted_means
from evaluation.privacy.image_distance import distances
from evaluation.statistics.bootstrap import resampled_means


def counted(times):
    return lambda: [sum(range(40_000)) for _ in range(times)]


@pytest.fixture(scope="module")
def figures():
    contest = Contest(
        *("sums", "ten times as many"),
        *(counted(2), counted(20)),
        work=Work(1e-3),
        apart=lambda ours, theirs: {"apart": Figure(len(theirs) - len(ours), "1")},
    )
    return dict(run("sums", contest, rounds=3))


def test_ten_times_the_work_takes_about_ten_times_as_long(figures):
    assert 4 < figures["sums_ratio"].value < 25
    assert figures["sums_ours"].low <= figures["sums_ours"].value <= figures["sums_ours"].high
    assert figures["sums_ours"].n == 3


def test_a_floor_and_how_far_results_lie_apart_are_told_where_they_are_known(figures):
    assert figures["sums_apart"].value == 18
    assert 0 < figures["sums_floor"].value < 1e-3  # a million operations
    told = dict(run("bare", Contest("", "", counted(1), counted(1)), rounds=1))
    assert told.keys() == {"bare_ratio", "bare_ours", "bare_theirs"}


def test_times_are_of_one_of_the_things_that_a_pass_makes():
    contest = Contest("", "", counted(40), counted(10), each=4, theirs_each=1)
    told = dict(run("each", contest, rounds=3))
    assert 0.4 < told["each_ratio"].value < 2.5


@pytest.mark.slow
def test_time_of_child_processes_counts():
    _, contest = next(starting.contests())
    told = dict(run("start", Contest("", "", contest.ours, lambda: None), rounds=1))
    assert told["start_ours"].value > 0.1


def test_what_has_fallen_by_more_than_a_third_is_named():
    before = {f"{k}_ratio": Figure(3.0, "1") for k in ("a", "b", "gone")} | {
        "a_ours": Figure(1.0, "s")
    }
    now = {
        "a_ratio": Figure(2.1, "1"),
        "b_ratio": Figure(1.9, "1"),
        "new_ratio": Figure(0.1, "1"),
        "a_ours": Figure(0.1, "s"),
    }
    assert [*fallen(now, before)] == ["b_ratio has fallen to 1.9 from 3"]


def test_recorded_figures_are_replaced_by_name_and_others_stay(tmp_path):
    file = tmp_path / "speed.json"
    recorded.write({"a_ratio": Figure(1.0, "1")}, {"a": "this, against that"}, {"bar": True}, file)
    recorded.write({"b_ratio": Figure(2.0, "1")}, {}, {"bar": False}, file)
    assert {k: f.value for k, f in recorded.read(file).items()} == {"a_ratio": 1.0, "b_ratio": 2.0}
    lines = table(json.loads(file.read_text())).splitlines()
    assert "| this, against that | 1 |" in "\n".join(lines)
    assert "- **missed**: `bar`" in lines
    apart = {"a_apart": Figure(1.11e-16, "1")}
    recorded.write(apart, {}, {}, file)
    assert "| apart 1.11e-16 |" in table(json.loads(file.read_text()))
    assert recorded.read(tmp_path / "none.json") == {}


def test_the_page_shows_what_is_recorded():
    content = json.loads(recorded.FILE.read_text())
    page = recorded.PAGE.read_text()
    assert renewed(page, table(content).splitlines()) == page


def test_a_page_without_a_place_for_the_table_is_refused():
    with pytest.raises(ValueError, match="no <!-- table -->"):
        renewed("# Speed", [])


def test_the_plain_ways_lead_to_the_same_results():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 64, 64, 1), dtype=np.uint8)
    pool = np.concatenate([images[:1, :, ::-1], rng.integers(0, 256, (2, 64, 64, 1), np.uint8)])
    found = distances(images, pool)
    assert largest(found, plain_distances(images, pool))["apart"].value < 1e-3
    values = rng.normal(size=400)
    assert counted_means(values).std() == pytest.approx(
        resampled_means(values, seed=1).std(), rel=0.1
    )


def test_the_rate_of_this_machine_is_a_plausible_one():
    from benchmarks.speed.contest import rate

    assert 1 < rate(torch.float32) < 10_000
