"""Folds from one command: a generator for each, every patient tested once."""

import json
from pathlib import Path

import pytest

from factory.store.repository import Store

# Its card says what it was trained on: films of the Montgomery set.
CHECKPOINT = Path(__file__).parents[2] / "benchmarks" / "recorded" / "cxr-lungs"
SMALL = {
    "name": "small",
    "source": {
        "kind": "phantom",
        "train": 8,
        "val": 2,
        "test": 2,
        "domains": ["phantom-breast-us"],
    },
    "generator": {
        "kind": "medisyn",
        "preset": "tiny",
        "train": {
            "steps": 1,
            "batch": 2,
            "autoencoder": {"factor": 4, "steps": 1, "batch": 2},
            "text": {"steps": 1},
            "augment": {"copies": 1},
        },
        "sample": {"steps": 1, "batch": 4},
    },
    "grid": {"facets": {"finding": ["normal", "benign", "malignant"]}, "replicates": 2},
    "utility": {
        "segmenters": [],
        "classifiers": ["resnet"],
        "real": [4, "50%"],
        "seeds": 1,
        "steps": 1,
    },
}


@pytest.mark.integration
def test_every_patient_is_tested_once_by_a_generator_that_never_saw_him(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    file = recipe(**SMALL)
    said = medpair("folds", file, "--folds", "2", "--home", home, "--json")
    assert said.code == 0, said.err
    told = said.json
    assert (told["folds"], told["version"]) == (2, "small")
    levels = told["classes"]["levels"]
    assert {row["kind"] for row in levels} == {"real", "synthetic", "both"}
    assert {row["real"] for row in levels} == {"", "4", "50%"}
    # 8 + 2 images of as many patients, each tested once in every arm; half of one fold is 2.
    assert {(row["n"], row["patients"]) for row in levels} == {(10, 10)}
    assert {row["images"] for row in levels if row["real"] == "50%"} == {2}
    assert json.loads(Path(told["file"]).read_text())["classes"] == told["classes"]
    for fold in (1, 2):
        store = Store(str(home / "pairs"), f"small-fold-{fold}-of-2")
        (branch,) = (name for name in store.branches() if name.startswith("run-"))
        source = store.snapshot(branch).attributes["sections"]["source"]
        assert (source["kind"], source["fold"]) == ("fold", fold)
    trained = sorted(path.stat().st_mtime_ns for path in home.glob("models/**/*.safetensors"))
    text = medpair("folds", file, "--folds", "2", "--home", home)
    assert "every patient tested once, in 2 folds with a generator each" in text.out
    again = sorted(path.stat().st_mtime_ns for path in home.glob("models/**/*.safetensors"))
    assert again == trained


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"source": {"kind": "fold", "source": SMALL["source"], "folds": 2, "fold": 1}},
            "the source of small is one fold already",
        ),
        (
            {"generator": {"kind": "phantom"}, "utility": {"folds": 2, "real": [4]}},
            "deals the patients again within each fold",
        ),
        ({"source": SMALL["source"] | {"limit": 4}}, "leave limit out"),
        ({"name": "s" * 60}, "is not a plain name"),
        (
            {
                "generator": {"kind": "medsegfactory", "from": str(CHECKPOINT)},
                "grid": {"facets": {"finding": ["normal"]}},
                "utility": None,
            },
            "has learnt from real images",
        ),
    ],
)
def test_folds_within_folds_are_refused(medpair, recipe, tmp_path, change, line):
    said = medpair("folds", recipe(**SMALL | change), "--home", tmp_path / "home")
    assert said.code == 2
    assert any(line in told for told in said.lines)
