"""What the command line does before anything runs: help, refusals, plans."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import zarr
from icechunk import Repository, local_filesystem_storage
from PIL import Image

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate
from factory.store.repository import Store
from flows.console.cli import app, datasets, recipes
from flows.console.session import data_sets_from, recipes_from
from flows.planning.recipe import load_recipe, shipped_recipes

ROOT = Path(__file__).resolve().parents[3]


def folder_recipe(recipe, path, **changes):
    return recipe(
        **{
            "source": {"kind": "folder", "path": str(path)},
            "generator": {"kind": "medsegfactory", "preset": "tiny", "train": {"steps": 1}},
            "grid": {"facets": {"classes": ["fetal head"]}, "replicates": 2},
            **changes,
        }
    )


def without_a_mask(folder):
    (folder / "masks" / "03.png").unlink()


def with_an_unknown_class(folder):
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(folder / "masks" / "03.png")


def with_a_corrupt_image(folder):
    (folder / "images" / "03.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")


def with_a_tiny_image(folder):
    for part in ("images", "masks"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / part / "03.png")


SPOILED = {
    "an image without a mask": (without_a_mask, "03.png"),
    "a mask with an unknown class": (with_an_unknown_class, "03.png"),
    "a corrupt PNG": (with_a_corrupt_image, "03.png"),
    "an image smaller than the model allows": (with_a_tiny_image, "03.png"),
}
WRONG = {
    "an unknown key": (["grid.replicats=3"], "nearest known: 'replicates'"),
    "an empty facet": (["grid.facets.finding=[]"], "facet 'finding' is empty"),
    "a duplicate value": (["grid.facets.finding=[benign, benign]"], "repeats 'benign'"),
    "an unknown finding": (["grid.facets.finding=[benine]"], "nearest known: 'benign'"),
    "a name that is a path": (["name=../elsewhere"], "not a plain name"),
    "a missing path": (["source={kind: folder, path: nowhere}"], "there is no such folder"),
    "a generator without weights": (["generator={kind: medsegfactory}"], "no trained weights"),
    "a missing checkpoint": (
        ["generator={kind: medsegfactory, from: nowhere}"],
        "there is no checkpoint folder",
    ),
    "a missing network": (["evaluate.features=['network:no.pt2']"], "no.pt2 does not exist"),
    "more real images than there are": (["utility.real=[400]"], "asks for 400 real images"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("dry", [True, False], ids=["dry", "run"])
def test_a_wrong_recipe_is_one_line_and_leaves_no_trace(case, dry, medpair, recipe, tmp_path):
    overrides, expected = WRONG[case]
    home = tmp_path / "home"
    sets = [word for override in overrides for word in ("--set", override)]
    said = medpair("run", recipe(), *sets, "--home", home, *(["--dry-run"] if dry else []))
    assert said.code == 2
    assert len(said.lines) == 1
    assert expected in said.lines[0]
    assert said.out == ""
    assert not home.exists()


def test_a_value_that_nobody_reads_is_cut(medpair, recipe, tmp_path):
    said = medpair("run", recipe(name="9" * 5000), "--home", tmp_path / "home", "--dry-run")
    assert said.code == 2
    (line,) = said.lines
    assert len(line) < 700
    assert "999 […] 999" in line


def test_a_missing_library_is_one_line_and_leaves_no_trace(medpair, recipe, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "radiomics.featureextractor", None)
    home = tmp_path / "home"
    said = medpair("run", recipe(), "--set", "evaluate.features=[radiomics]", "--home", home)
    assert said.code == 2
    assert len(said.lines) == 1
    assert "need pyradiomics" in said.lines[0]
    assert not home.exists()


@pytest.mark.parametrize("case", SPOILED)
def test_a_bad_file_is_named_and_nothing_is_written(case, medpair, recipe, heads, tmp_path):
    spoil, expected = SPOILED[case]
    spoil(heads)
    home = tmp_path / "home"
    said = medpair("run", folder_recipe(recipe, heads), "--home", home)
    assert said.code == 2
    assert len(said.lines) == 1
    assert expected in said.lines[0]
    assert not home.exists()


def test_a_dry_run_lists_every_bad_file_at_once(medpair, recipe, heads, tmp_path):
    without_a_mask(heads)
    (heads / "images" / "05.png").write_bytes(b"no picture")
    said = medpair("run", folder_recipe(recipe, heads), "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2
    assert len(said.lines) == 2


def test_every_mistake_of_a_recipe_is_one_line_of_json(medpair, recipe, tmp_path):
    path = recipe(name="a/b", image={"sise": 64})
    said = medpair("run", path, "--json", "--home", tmp_path / "home")
    assert said.code == said.json["exit_code"] == 2
    assert len(said.json["problems"]) == 2


def test_a_store_of_a_newer_format_is_left_alone(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    Store(str(home / "pairs"), "tiny").create()
    storage = local_filesystem_storage(str(home / "pairs" / "tiny"))
    session = Repository.open(storage).writable_session("main")
    zarr.open_group(session.store, mode="a").attrs["format"] = 99
    session.commit("from the future")
    said = medpair("run", recipe(), "--home", home)
    assert said.code == 2
    assert len(said.lines) == 1
    assert "store format 99" in said.lines[0]
    assert sorted(path.name for path in home.iterdir()) == ["pairs"]


def test_a_home_that_is_a_file(medpair, recipe, tmp_path):
    (tmp_path / "home").write_text("")
    said = medpair("run", recipe(), "--home", tmp_path / "home")
    assert said.code == 2
    assert "is a file" in said.lines[0]


@pytest.mark.slow
def test_a_dry_run_estimates_time_and_bytes(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    said = medpair("run", recipe(), "--dry-run", "--json", "--home", home)
    assert said.code == 0, said.err
    plan = said.json
    assert plan["pairs"] == 4
    assert plan["domains"] == ["phantom-breast-us"]
    assert plan["real"] == {"train": 8, "val": 6}
    assert plan["bytes"] == 4 * 32 * 32 * 2
    assert plan["training_bytes"] == 0
    # Judge and tstr_segmenter; encoder; classifier of findings; synthetic, real and both.
    assert plan["network_steps"] == 2 * 3 + 2 + 2 + 3 * 2
    assert plan["seconds"] > 0
    assert not home.exists()


@pytest.mark.slow
def test_a_dry_run_of_a_training(medpair, recipe, heads, tmp_path):
    said = medpair(
        "run", folder_recipe(recipe, heads), "--dry-run", "--json", "--home", tmp_path / "home"
    )
    assert said.code == 0, said.err
    assert said.json["training_steps"] > 1
    assert said.json["real"] == {"train": 6, "val": 3}


WITHOUT_HOME = {"init"}  # writes nothing there
COMMANDS = [[c.callback.__name__.rstrip("_")] for c in app.registered_commands] + [
    [group, c.name or c.callback.__name__]
    for group, commands in (("datasets", datasets), ("recipes", recipes))
    for c in commands.registered_commands
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_home_and_json(words, medpair):
    said = medpair(*words, "--help")
    assert said.code == 0
    assert ("--home" in said.out) != (words[0] in WITHOUT_HOME)
    assert "--json" in said.out


@pytest.mark.parametrize("words", [["nonsense"], ["run"], ["run", "demo", "--nonsense"]])
def test_a_command_that_is_none(words, medpair):
    said = medpair(*words)
    assert said.code == 2
    assert len(said.lines) == 1


def test_an_empty_home_is_looked_at_and_not_made(medpair, tmp_path):
    home = tmp_path / "home"
    assert medpair("datasets", "list", "--json", "--home", home).json == {"datasets": []}
    assert medpair("status", "--json", "--home", home).json["datasets"] == []
    said = medpair("scores", "select count(*) as n from scores", "--json", "--home", home)
    assert said.json == {"rows": [{"n": 0}]}
    assert not home.exists()


def test_the_lake_is_asked_as_it_was(medpair, tmp_path):
    before = datetime.now(UTC)
    score = Score.of("consistency", Estimate(0.8, 0.7, 0.9, 9))
    Lake(str(tmp_path / "lake")).record(ScoreKey("S"), [score])

    def said(*at):
        words = ("scores", "select value from scores", *at)
        return medpair(*words, "--home", tmp_path, "--json")

    assert said().json["rows"] == [{"value": 0.8}]
    assert said("--at", before.isoformat()).json["rows"] == []
    for moment, reason in (("yesterday", "no moment"), ("2026-01-31T12:00", "no time zone")):
        refused = said("--at", moment)
        assert refused.code == 2
        assert len(refused.lines) == 1
        assert reason in refused.lines[0]


@pytest.mark.parametrize(
    "words",
    [
        ["datasets", "show", "none"],
        ["datasets", "log", "../none"],
        ["utility", "none"],
        ["report", "none@v3"],
        ["evaluate", "none"],
        ["evaluate", "./none"],
        ["evaluate", "./none", "--against", "phantom"],
        ["scores", "drop table scores"],
    ],
    ids=" ".join,
)
def test_a_data_set_that_is_not_there(words, medpair, tmp_path):
    home = tmp_path / "home"
    said = medpair(*words, "--home", home)
    assert said.code == 2
    assert len(said.lines) == 1
    assert not home.exists()


@pytest.mark.slow
def test_the_installed_command():
    command = Path(sys.executable).with_name("medpair")
    run = subprocess.run(
        [command, "doctor", "--json"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    checks = {check["name"]: check for check in json.loads(run.stdout)["checks"]}
    assert checks["python"]["well"]
    assert checks["dependencies"]["well"], checks["dependencies"]
    assert checks["recipes"]["well"], checks["recipes"]


@pytest.mark.parametrize("command", ["withdraw", "rollback"])
def test_help_asks_for_a_version_where_a_data_set_is_refused(command, medpair):
    said = " ".join(medpair("datasets", command, "--help").out.split())
    assert "DATASET@VERSION" in said
    assert "A data set" not in said
    assert ("for good" in said) == (command == "withdraw")


def test_a_version_is_withdrawn_with_a_reason(medpair, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    lake.publish("set", lake.allot("set", "S1", "r1"), "S1", "r1")
    said = medpair("datasets", "withdraw", "set@v1", "--reason", "shifted", "--home", tmp_path)
    assert said.code == 0
    last = lake.versions("set").iloc[-1]
    assert (last["number"], last["event"], last["reason"]) == (1, "withdrawn", "shifted")


@pytest.mark.parametrize(
    ("dataset", "reason", "why"),
    [
        ("set", "shifted", "only versions are withdrawn"),
        ("set@run-0123456789ab", "shifted", "only versions are withdrawn"),
        ("set@v7", "shifted", "it was never published"),
        ("set@v7", " ", "no reason was given"),
    ],
)
def test_what_is_no_version_is_not_withdrawn(dataset, reason, why, medpair, tmp_path):
    home = tmp_path / "home"
    said = medpair("datasets", "withdraw", dataset, "--reason", reason, "--home", home)
    assert (said.code, len(said.lines)) == (2, 1)
    assert why in said.lines[0]
    assert not home.exists()


def test_the_release_is_told(medpair):
    said = medpair("--version")
    assert said.code == 0
    assert said.out.startswith("medpair 0.")


def test_a_shell_can_be_taught_to_complete(medpair):
    # Which shell this is, typer asks the process above.
    assert "--show-completion" in medpair("--help").out


def test_a_shell_offers_recipes_and_data_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDPAIR_HOME", str(tmp_path / "home"))
    (tmp_path / "demanding.yaml").touch()
    assert recipes_from("dem") == ["demo", "demanding.yaml"]
    assert data_sets_from("") == []
    (tmp_path / "home" / "pairs" / "demo").mkdir(parents=True)
    (tmp_path / "home" / "pairs" / ".locks").mkdir()
    assert data_sets_from("") == ["demo"]
    assert data_sets_from("[d") == []


def test_recipes_that_ship_are_listed_shown_and_copied(medpair, tmp_path):
    told = medpair("recipes", "list", "--json").json["recipes"]
    assert [each["name"] for each in told] == shipped_recipes()
    assert all(each["about"].endswith(".") and len(each["about"]) > 20 for each in told)
    assert medpair("recipes", "show", "demo", "--json").json["name"] == "demo"
    shown = medpair("recipes", "show", "demo").out
    copy = tmp_path / "mine.yaml"
    assert medpair("recipes", "copy", "demo", copy).code == 0
    assert copy.read_text() == shown
    assert load_recipe(copy) == load_recipe("demo")
    again = medpair("recipes", "copy", "demo", copy)
    assert (again.code, len(again.lines)) == (2, 1)
    assert "exists" in again.lines[0]


def test_a_recipe_that_does_not_ship_is_not_shown(medpair):
    said = medpair("recipes", "show", "dmo")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "one of" in said.lines[0]


LONG = "a" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("run", LONG, "--dry-run"),
        ("recipes", "show", LONG),
        ("init", LONG),
        ("evaluate", f"{LONG}/x", "--against", "phantom"),
        ("headroom", LONG),
    ],
    ids=lambda words: words[0],
)
def test_a_name_that_no_file_can_have_is_one_line(medpair, tmp_path, words):
    said = medpair(*words, "--home", tmp_path / "home")
    assert (said.code, len(said.lines)) == (2, 1), said.err
    assert "Traceback" not in said.err


def test_a_recipe_that_cannot_be_read_is_one_line(medpair, tmp_path):
    said = medpair("run", "/proc/self/mem", "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2
    assert said.lines == ["medpair: /proc/self/mem cannot be read (Input/output error)"]
