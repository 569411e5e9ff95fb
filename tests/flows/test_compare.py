"""Specialists against generalists, through the command line, at the smallest size."""

import json
from pathlib import Path

import pytest

from benchmarks.medisyn import compared

TRAIN = {
    "steps": 4,
    "batch": 2,
    "autoencoder": {"factor": 4, "steps": 2, "batch": 2},
    "text": {"steps": 2},
    "augment": {"copies": 1},
}
DOMAINS = ["phantom-breast-us", "phantom-colonoscopy"]
TWO = {
    "name": "two",
    "source": {"kind": "phantom", "train": 9, "val": 6, "test": 6, "domains": DOMAINS},
    "generator": {
        "kind": "medisyn",
        "preset": "tiny",
        "train": TRAIN,
        "sample": {"steps": 2, "batch": 4},
    },
    "grid": {"facets": {"finding": ["normal"]}},
    "utility": None,
}


@pytest.mark.integration
def test_a_comparison_trains_draws_and_says_what_each_arm_cost(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    words = ("compare", recipe(**TWO), "--images", 6, "--home", home)
    said = medpair(*words, "--json")
    assert said.code == 0, said.err
    told = said.json
    arms = ["specialists", "generalist", "generalist_short"]
    assert [told["costs"][arm]["models"] for arm in arms] == [2, 1, 1]
    assert [told["costs"][arm]["steps"] for arm in arms] == [4, 4, 2]
    assert {(row["domain"], row["arm"]) for row in told["levels"]} == {
        (domain, arm) for domain in DOMAINS for arm in arms
    }
    assert all(row["n"] == 6 for row in told["levels"])
    assert set(told["figures"]) == {
        f"{arm}_{what}" for arm in arms[1:] for what in ("alignment_loss", "distance_ratio")
    }
    assert told["split"] == "val"
    assert Path(told["chart"]).read_bytes().startswith(b"\x89PNG")
    kept = json.loads(Path(told["file"]).read_text())
    assert kept["figures"] == told["figures"]
    assert set(compared(Path(told["file"]))) == set(told["figures"])
    trained = {path: path.stat().st_mtime for path in (home / "models").glob("two-*/card.json")}
    assert sorted(kept["checkpoints"].values()) == sorted(path.parent.name for path in trained)
    assert len(trained) == 4
    again = medpair(*words, "--final")
    assert again.code == 0, again.err
    assert "generalist_distance_ratio" in again.out
    assert "against the test split" in again.out
    assert {path: path.stat().st_mtime for path in trained} == trained
    asked = "select purpose from test_openings"
    opened = medpair("scores", asked, "--home", home, "--json")
    assert opened.json["rows"] == [{"purpose": "compare"}]


def test_one_domain_alone_is_refused_before_anything_is_trained(medpair, recipe, tmp_path):
    path = recipe(**(TWO | {"source": TWO["source"] | {"domains": DOMAINS[:1]}}))
    said = medpair("compare", path, "--home", tmp_path / "home")
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert "two domains or more" in said.lines[0]
