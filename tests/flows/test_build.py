"""The whole factory, end to end, on phantoms that draw themselves and on a model of two steps."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from evaluation.lake.lake import Lake
from evaluation.networks.segmenter import load_segmenter
from factory.store.repository import Store

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def path(home, tiny):
    file = home / "tiny.yaml"
    file.write_text(yaml.safe_dump(tiny))
    return file


@pytest.fixture(scope="module")
def first(medpair, path, home):
    said = medpair("run", path, "--home", home, "--json")
    assert said.code == 0, said.err
    return said.json


@pytest.fixture
def store(home, first):
    return Store(str(home / "pairs"), "tiny")


@pytest.fixture
def client(home):
    return MlflowClient(f"sqlite:///{home / 'mlflow.db'}")


def test_a_first_run_is_published_as_v1(first, store):
    assert first["version"] == "v1"
    assert first["pairs"]["accepted"] == 4
    assert store.tags() == {"v1": first["snapshot"]}
    assert store.head("main") == first["snapshot"]
    assert 0 <= first["scores"]["consistency"]["value"] <= 1


def last_factory_run():
    """The state that Prefect saw the newest factory run of the data set end in, and its verdict."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort

    with get_client(sync_client=True) as client:
        flows = FlowFilter(name=FlowFilterName(any_=["factory"]))
        runs = client.read_flow_runs(flow_filter=flows, sort=FlowRunSort.START_TIME_DESC)
        run = next(run for run in runs if run.name == "tiny")
        every = client.read_artifacts(sort=ArtifactSort.CREATED_DESC)
    shown = [each for each in every if each.flow_run_id == run.id and each.key == "verdict-tiny"]
    return run.state, shown[0].data


def test_prefect_shows_the_verdict_of_a_published_run(first):
    state, shown = last_factory_run()
    assert state.name == "Completed"
    assert "tiny v1 is published" in shown
    assert first["report"] in shown


def test_the_report_shows_scores_and_no_real_pixels(first):
    page = Path(first["report"]).read_text()
    assert "Do the masks fit the images?" in page
    assert "Pairs, drawn at random" in page
    assert "Nearest training images" not in page


def test_mlflow_knows_the_run_its_children_and_the_snapshot(first, client):
    experiment = client.get_experiment_by_name("tiny").experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment])}
    parent = runs["tiny v1"].info.run_id
    children = {name.partition(",")[0] for name in runs}
    assert children >= {
        "evaluation",
        "utility",
        "the judge of phantom-breast-us",
        "the encoder of phantom-breast-us",
        "a segmenter of the synthetic pairs of phantom-breast-us",
    }
    assert runs["evaluation"].data.tags["mlflow.parentRunId"] == parent
    assert all(run.info.status == "FINISHED" for run in runs.values())
    found = client.search_runs([experiment], f"dataset.digest = '{first['snapshot']}'")
    assert parent in {run.info.run_id for run in found}
    history = client.get_metric_history(parent, "consistency")
    assert [point.step for point in history] == [1]
    files = {"pairs.png", "extremes.png", "consistency.png", "utility.png", "tiny-v1.html"}
    assert {file.path for file in client.list_artifacts(parent)} >= {*files, "recipe.yaml"}


def test_mlflow_answers_which_recipe_this_was_and_what_came_of_it(first, client):
    experiment = client.get_experiment_by_name("tiny")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    told = runs["tiny v1"].data
    assert told.params["grid.seed"] == "7"
    assert told.params["generator.kind"] == "phantom"
    assert (told.tags["medpair.version"], told.tags["medpair.verdict"]) == ("v1", "published")
    # An artifact of the run, not a path: a home may be moved.
    assert told.tags["medpair.report"] == Path(first["report"]).name == "tiny-v1.html"
    assert "tiny v1 is published" in told.tags["mlflow.note.content"]
    low, high = (told.metrics[f"consistency_{end}"] for end in ("low", "high"))
    assert low <= told.metrics["consistency"] <= high
    assert "utility_gain" in runs["utility"].data.metrics
    arms = [run.data.params for name, run in runs.items() if name.startswith("unet-")]
    assert {arm["kind"] for arm in arms} == {"real", "synthetic", "both"}
    assert all(arm["steps"] and arm["seed"] == "0" for arm in arms)


def test_segmenters_of_the_utility_are_registered_models(first, client):
    here = f"name = 'tiny-unet' and tags.snapshot = '{first['snapshot']}'"
    found = {version.tags["kind"]: version for version in client.search_model_versions(here)}
    assert set(found) == {"real", "synthetic", "both"}
    tags = found["both"].tags
    assert (tags["domain"], tags["real"]) == ("phantom-breast-us", "4")
    run = client.get_run(found["both"].run_id)
    assert run.data.tags["purpose"] == "utility"
    segmenter = load_segmenter(Path(urlsplit(found["both"].source).path))
    assert (segmenter.kind, segmenter.classes) == ("unet", ("lesion",))


def judged(home, snapshot):
    """What a judge said of a snapshot, with the time at which it was recorded."""
    rows = Lake(str(home / "lake")).read("scores", subject=snapshot)
    return rows[rows["judge"] != ""].reset_index(drop=True)


def test_started_again_it_makes_and_scores_nothing(
    first, medpair, path, home, store, record_property
):
    before, scores = len(store.log()), judged(home, first["snapshot"])
    history = ("datasets", "log", "tiny", "--home", home, "--json")
    known = medpair(*history).json["versions"]
    assert [row["event"] for row in known].count("announced") == 1
    again = medpair("run", path, "--home", home, "--json").json
    later = [row["event"] for row in medpair(*history).json["versions"]].count("announced")
    record_property("announced", later - 1)
    assert medpair(*history).json["versions"] == known
    assert "nothing is new" in last_factory_run()[1]
    assert (again["run"], again["snapshot"]) == (first["run"], first["snapshot"])
    assert again["version"] == "v1"
    assert again["scores"] == first["scores"]
    assert len(store.log()) == before
    assert len(scores)
    assert judged(home, first["snapshot"]).equals(scores)


def test_with_another_judge_it_is_scored_anew(first, medpair, home):
    before = judged(home, first["snapshot"])
    said = medpair("evaluate", "tiny@v1", "--set", "evaluate.seed=1", "--home", home, "--json")
    assert said.code == 0, said.err
    after = judged(home, first["snapshot"])
    assert len(after) == 2 * len(before)
    assert after["judge"].nunique() == 2
    shown = medpair("datasets", "show", "tiny@v1", "--home", home, "--json").json["scores"]
    assert shown == {name: score["value"] for name, score in first["scores"].items()}


def test_the_decision_names_its_evidence_and_its_author(first, home):
    (row,) = (
        Lake(str(home / "lake")).read("decisions", snapshot=first["snapshot"]).to_dict("records")
    )
    assert row["author"].startswith("factory: ")
    assert (row["reference"] != "", row["judge"] != "") == (True, True)
    assert "<dt>decided by</dt>" in Path(first["report"]).read_text()


def test_pairs_are_gated_and_the_champion_is_challenged(first, medpair, path, home, client):
    here = ("--home", home, "--json", "--set", "name=gated", "--set", "utility=null")
    here = (*here, "--set", "champion=mmd_handcrafted")
    free = medpair("run", path, *here)
    assert free.code == 0, free.err
    assert free.json["promotion"]["champion"] == "v1"
    assert "consistency_before_filtering" not in free.json["scores"]

    lake = Lake(str(home / "lake"))
    near = lake.read("pair_scores", metric="nearest_distance")
    snapshot = Store(str(home / "pairs"), "gated").snapshot("v1")
    values = near[near["subject"] == snapshot.pairs_id]["value"]
    bound = f"pair_gates={{nearest_distance: '>= {values.median():.6f}', fold_agreement: '>= 0'}}"
    strict = medpair("run", path, *here, "--set", bound)
    assert strict.code == 0, strict.err
    told = strict.json
    assert (told["run"], told["version"]) == (free.json["run"], "v2")
    assert (told["pairs"]["accepted"], told["pairs"]["rejected"]) == (2, 2)
    assert told["scores"]["consistency_before_filtering"]["n"] >= told["scores"]["consistency"]["n"]
    assert told["promotion"]["champion"] == "v1"
    page = Path(told["report"]).read_text()
    assert "Rejected pairs" in page
    assert "besides rejected ones (2 near copy)." in " ".join(page.split())
    assert "no image: it draws by rule" in page

    again = medpair("run", path, *here, "--set", bound).json
    assert again["snapshot"] == told["snapshot"]
    history = medpair("datasets", "log", "gated", "--home", home, "--json").json["versions"]
    assert {(row["number"], row["event"]) for row in history} >= {
        (1, "promoted"),
        (2, "challenged"),
    }
    experiment = client.get_experiment_by_name("gated").experiment_id
    files = {
        file.path
        for run in client.search_runs([experiment])
        for file in client.list_artifacts(run.info.run_id)
    }
    assert {"pairs.png", "extremes.png", "rejected.png"} <= files
    # The snapshot before the run was put on top of v1 has its own rejections.
    here_only = f"snapshot = '{told['snapshot']}'"
    sql = f"select why from look_at where {here_only} and why like 'rejected%'"
    rows = medpair("scores", sql, "--home", home, "--json").json["rows"]
    assert len(rows) == 2
    assert "nearest_distance = " in rows[0]["why"]


def test_a_withdrawn_version_is_neither_promoted_nor_recommended_by_a_rerun(
    first, medpair, path, home
):
    here = ("run", path, "--home", home, "--set", "name=gone", "--set", "utility=null")
    here = (*here, "--set", "champion=mmd_handcrafted")
    assert medpair(*here).code == 0
    withdrawal = ("datasets", "withdraw", "gone@v1", "--reason", "masks were shifted")
    assert medpair(*withdrawal, "--home", home).code == 0
    before = Lake(str(home / "lake")).versions("gone")
    said = medpair(*here)
    assert said.code == 0, said.err
    line = "gone@v1 is withdrawn: masks were shifted; no version has followed it"
    assert line in said.out.splitlines()
    assert "next: medpair datasets log gone" in said.out.splitlines()
    assert Lake(str(home / "lake")).versions("gone").equals(before)


def test_utility_that_a_recipe_does_not_ask_for_is_not_measured(first, medpair, path, home):
    from flows.utility import utility_of_published

    here = ("--home", home, "--json", "--set", "name=gated", "--set", "utility=null")
    assert medpair("run", path, *here).code == 0
    state = utility_of_published.fn("gated", home=home)
    assert (state.type.value, state.name) == ("COMPLETED", "NotAsked")
    assert "utility: null" in state.message


def test_a_version_whose_pairs_were_all_rejected_is_refused_in_one_line(first, medpair, path, home):
    said = medpair(
        *("run", path, "--home", home, "--set", "name=gated", "--set", "utility=null"),
        *("--set", "pair_gates={upper_power: '< 0'}"),
    )
    assert said.code == 2
    assert len(said.lines) == 1
    assert "all 4 pairs of data set 'gated' were rejected" in said.lines[0]


def test_other_commands_read_what_was_made(first, medpair, home, tmp_path):
    def told(*words):
        said = medpair(*words, "--home", home, "--json")
        assert said.code == 0, said.err
        return said.json

    assert "tiny" in [each["name"] for each in told("datasets", "list")["datasets"]]
    assert told("datasets", "log", "tiny")["log"][0]["snapshot"] == first["snapshot"]
    assert told("datasets", "show", "tiny@v1")["pairs"]["accepted"] == 4
    assert told("datasets", "diff", "tiny", "v1", "--html", tmp_path / "diff.html")["changes"] == []
    assert "No pair differs." in (tmp_path / "diff.html").read_text()
    assert told("datasets", "verify", "tiny")["problems"] == []
    assert told("datasets", "gc", "tiny")["branches"] == []
    rows = told("scores", "select value from scores where metric = 'consistency'")["rows"]
    assert len(rows) >= 1
    folder = told("datasets", "export", "tiny", str(tmp_path / "copy"))["folder"]
    assert len(list((Path(folder) / "images").iterdir())) == 4
    card = (Path(folder) / "README.md").read_text()
    for words in ("- version: v1", "Diagnosis, or any decision", "tiny@v1"):
        assert words in card
    scored = told("evaluate", folder, "--against", str(home / "tiny.yaml"), "--size", "32")
    assert scored["scores"]["consistency"]["n"] == 4


def test_a_failed_gate_leaves_main_alone_and_says_by_how_much(medpair, path, home, store):
    main = store.head("main")
    said = medpair(
        *("run", path, "--home", home, "--json"),
        *("--set", "gates={consistency: '>= 1.1'}", "--set", "grid.seed=8"),
    )
    assert said.code == 3
    told = said.json
    assert told["version"] is None
    assert "misses >= 1.1 by" in told["gates"]["verdicts"][0]["reason"]
    assert store.head("main") == main
    assert store.head(f"run-{told['run']}") == told["snapshot"]

    refused = medpair("datasets", "log", "tiny", "--home", home, "--json").json["refusals"]
    assert [each["snapshot"] for each in refused] == [told["snapshot"]]
    assert refused[0]["reason"] == told["gates"]["verdicts"][0]["reason"]
    shown = medpair("datasets", "log", "tiny", "--home", home).out
    assert f"run-{told['run']}" in shown
    assert "refused" in shown

    state, shown = last_factory_run()
    assert (state.type.value, state.name) == ("FAILED", "GateFailed")
    assert "misses >= 1.1 by" in state.message
    assert "kept back" in shown
    assert re.search(r"\| consistency \| [0-9.]+ \| >= 1.1 \| no \|", shown)
    assert told["report"] in shown


def test_stricter_gates_leave_a_version_its_report_and_its_decision(
    first, medpair, path, home, client
):
    page, lake = Path(first["report"]), Lake(str(home / "lake"))
    before = lake.read("decisions", snapshot=first["snapshot"])
    written = page.read_text()
    here = ("--home", home, "--json", "--set", "gates={consistency: '>= 1.1'}")
    told = medpair("run", path, *here).json
    assert (told["version"], told["out_as"], told["snapshot"]) == (None, "v1", first["snapshot"])
    assert page.read_text() == written
    assert Path(told["report"]).name == f"tiny-{told['run']}.html"
    assert "1 of 1 gates missed" in Path(told["report"]).read_text()

    after = lake.read("decisions", snapshot=first["snapshot"]).sort_values("recorded_at")
    assert after[:1].to_dict("records") == before.to_dict("records")
    assert after["passed"].tolist() == [True, False]
    anew = medpair("report", "tiny@v1", "--home", home, "--json").json["report"]
    assert Path(anew) == page
    assert "not published" not in page.read_text()
    (run,) = client.search_runs(
        [client.get_experiment_by_name("tiny").experiment_id],
        f"tags.`medpair.run` = '{told['run']}' and tags.`medpair.verdict` = 'published'",
    )
    assert run.data.tags["medpair.version"] == "v1"


def test_a_larger_grid_keeps_what_is_there_and_becomes_v2(first, medpair, path, home, store):
    grown = medpair("run", path, "--home", home, "--json", "--set", "grid.replicates=6").json
    assert grown["version"] == "v2"
    assert grown["pairs"]["accepted"] == 6
    old, new = store.snapshot("v1").read(), store.snapshot("v2").read()
    np.testing.assert_array_equal(new.images[:4], old.images)


def test_a_run_that_was_overtaken_is_put_on_top_and_scored_again(first, medpair, path, home, store):
    # Its branch began at v1, in the test of the failed gate; v2 came out since.
    late = medpair("run", path, "--home", home, "--json", "--set", "grid.seed=8").json
    assert late["version"] == "v3"
    assert store.head("main") == late["snapshot"]
    assert late["pairs"]["accepted"] == 4
    assert late["pairs"]["outside"] == 6
    assert store.snapshot("v3").attributes["base"] == store.tags()["v2"]


def test_the_test_split_is_opened_only_when_asked_and_counted(first, medpair, home):
    lake = Lake(str(home / "lake"))
    assert not len(lake.read("test_openings"))
    said = medpair("utility", "tiny@v1", "--final", "--home", home, "--json")
    assert said.code == 0, said.err
    assert said.json["split"] == "test"
    assert said.json["against"] == ""
    assert "utility: 3 segmenters x 2 steps, less than a minute here" in said.err
    levels = [row for row in said.json["levels"] if row["class"] == "macro"]
    assert {row["kind"]: row["provenance"] for row in levels} == {
        "real": "",
        "synthetic": "phantom",
        "both": "phantom",
    }
    assert {row["weights"] for row in levels} == {"validated"}
    assert all(row["hd95"] is not None for row in levels)
    assert len(lake.read("test_openings")) == 1


def test_a_report_is_written_anew(first, medpair, home):
    Path(first["report"]).unlink()
    said = medpair("report", "tiny@v1", "--home", home, "--json")
    assert said.json["report"] == first["report"]
    assert Path(first["report"]).is_file()


def test_real_files_train_a_model_that_makes_pairs(medpair, recipe, heads, tmp_path):
    train = {"steps": 2, "batch": 2, "autoencoder": {"steps": 2, "batch": 2}, "text": {"steps": 2}}
    path = recipe(
        name="heads",
        source={"kind": "folder", "path": str(heads)},
        generator={
            "kind": "medsegfactory",
            "preset": "tiny",
            "train": train | {"augment": {"copies": 1}},
            "sample": {"steps": 2, "batch": 2},
        },
        grid={"facets": {"classes": ["fetal head"]}, "replicates": 3},
        utility=None,
    )
    home = tmp_path / "home"
    trained = medpair("train", path, "--home", home, "--json")
    assert trained.code == 0, trained.err
    made = medpair("generate", path, "--home", home, "--json")
    assert made.code == 0, made.err
    assert sum(made.json["pairs"].values()) == 3
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    version = client.get_model_version_by_alias("heads-generator", "candidate")
    assert version.source == Path(trained.json["checkpoint"]).as_uri()
    assert (Path(trained.json["checkpoint"]) / "losses.csv").is_file()
