"""Folds from one command: a generator for each, every patient tried once."""

import pytest

from factory.store import Store

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
def test_every_patient_is_tried_once_by_a_generator_that_never_saw_him(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    file = recipe(**SMALL)
    said = medpair("folds", file, "--folds", "2", "--home", home, "--json")
    assert said.code == 0, said.err
    told = said.json
    assert (told["folds"], told["version"]) == (2, "small")
    levels = told["classes"]["levels"]
    assert {row["kind"] for row in levels} == {"real", "synthetic", "both"}
    assert {row["real"] for row in levels} == {"", "4", "50%"}
    # 8 + 2 + 2 images, each tried once in every arm; half of the others of 2 folds is 3.
    assert {row["n"] for row in levels} == {12}
    assert {row["images"] for row in levels if row["real"] == "50%"} == {3}
    for fold in (1, 2):
        store = Store(str(home / "pairs"), f"small-fold-{fold}-of-2")
        (branch,) = (name for name in store.branches() if name.startswith("run-"))
        source = store.snapshot(branch).attributes["sections"]["source"]
        assert (source["kind"], source["fold"]) == ("fold", fold)
    trained = sorted(path.stat().st_mtime_ns for path in home.glob("models/**/*.safetensors"))
    text = medpair("folds", file, "--folds", "2", "--home", home)
    assert "every patient tried once, in 2 folds with a generator each" in text.out
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
    ],
)
def test_folds_within_folds_are_refused(medpair, recipe, tmp_path, change, line):
    said = medpair("folds", recipe(**SMALL | change), "--home", tmp_path / "home")
    assert said.code == 2
    assert len(said.lines) == 1
    assert line in said.lines[0]
