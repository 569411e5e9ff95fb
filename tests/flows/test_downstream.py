"""Unseen classes and another hospital, through the whole runner at its smallest."""

import pandas as pd
import pytest

from evaluation.lake.lake import Lake

CHEST = {"kind": "phantom", "domains": ["phantom-chest-xray"], "train": 9, "val": 6}
NAMES = {f"utility_{p}_{n}" for p in ("seen", "unseen", "harmonic") for n in ("dice", "iou")}


@pytest.mark.integration
def test_an_unseen_class_is_tested_on_another_hospital(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    grid = {"facets": {"finding": ["normal", "pneumonia"]}, "replicates": 3}
    evaluate = {"judge_steps": 2, "finding_classifier_steps": 0, "tstr": False}
    path = recipe(name="chest", source=CHEST, grid=grid, evaluate=evaluate, utility=None)
    assert medpair("run", path, "--home", home).code == 0
    changes = ("utility.unseen=[opacity]", "utility.real=['50%']", "utility.steps=2")
    asked = [word for change in (*changes, "utility.seeds=1") for word in ("--set", change)]
    words = ("utility", "chest@v1", "--home", home, "--against", "phantom", *asked)
    cost = medpair(*words, "--dry-run", "--json")
    assert (cost.json["models"], cost.json["steps"]) == ("3 segmenters", 6)
    said = medpair(*words, "--json")
    assert said.code == 0, said.err
    told = said.json
    assert told["against"] == "phantom"
    assert [row["kind"] for row in told["unseen"]] == ["synthetic", "real", "both"]
    assert {score["metric"] for score in told["scores"]} == NAMES
    assert all(row["real"].isdigit() for row in told["levels"] if row["real"])
    (file,) = told["cases"]
    cases = pd.read_csv(file, keep_default_na=False).query("`class` == 'macro'")
    means = cases.groupby("kind", sort=False)["dice"].mean()
    assert means.to_dict() == pytest.approx(
        {row["kind"]: row["dice"] for row in told["levels"] if row["class"] == "macro"}
    )
    kept = Lake(str(home / "lake")).read("scores")
    assert set(kept["metric"]) >= NAMES
    assert "utility_gain" not in set(kept["metric"])
    # Nothing is trained again; people read of both tables.
    again = medpair(*words)
    assert "every model was trained before" in again.err
    assert "tested on the val split of phantom" in again.out
    assert "unseen: opacity" in again.out


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [("opaciti", "nearest known: 'opacity'"), ("heart", "all 9 show heart")],
)
def test_a_dry_run_refuses_what_cannot_stay_unseen(unseen, expected, medpair, recipe, tmp_path):
    path = recipe(source=CHEST, grid={"replicates": 2}, utility={"real": [2], "unseen": [unseen]})
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert expected in said.lines[0]
