"""The whole factory on masks that are read from attention, at its smallest."""

import pandas as pd
import pytest

from factory.store.checks import Reason
from factory.store.repository import Store
from flows.planning.plan import checked
from flows.planning.recipe import load_recipe
from tasks.services.settings import load_settings

GENERATOR = {
    "kind": "diffmask",
    "preset": "tiny",
    "train": {
        "steps": 2,
        "batch": 2,
        "autoencoder": {"factor": 4, "steps": 2, "batch": 2},
        "text": {"steps": 2},
        "augment": {"copies": 1},
        "affinity_images": 4,
        "affinity_label_steps": [
            "attention",
            "crf",
        ],  # to a network of two steps words change nothing
        "views": [{"box": [0, 0, 0.25, 0.25], "absent": ["lesion"], "text": "upper left corner"}],
    },
    "sample": {"steps": 2, "batch": 4},
    # Untrained attention is nearly flat, and in many pieces: what is tested here is the way.
    "masks": {
        "min_contrast": 0,
        "min_component": 0,
        "affinity": {"steps": 2, "batch": 2, "margin": 0},
    },
}
SOURCE = {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 8, "val": 6}
TINY = {
    "name": "diffmask",
    "source": SOURCE | {"structure_dropout": 0.3},
    "generator": GENERATOR,
    "grid": {"facets": {"finding": ["normal", "benign"]}, "replicates": 4},
    "utility": None,
}


@pytest.mark.integration
def test_pairs_are_made_judged_and_rejected_with_their_reasons(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    said = medpair("run", recipe(**TINY), "--home", home, "--json")
    assert said.code == 0, said.err
    counts = said.json["pairs"]
    assert counts["accepted"] >= 4  # those that show no lesion, and whose mask is truly empty
    store = Store(str(home / "pairs"), "diffmask").snapshot()
    rejected = store.reason != 0
    assert counts["accepted"] + rejected.sum() == 8
    # Whatever was rejected says more than that its mask is missing.
    assert (store.reason[rejected] > Reason.MASK_MISSING).all()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"grid": {"facets": {"text": ["a scan of the breast"]}}},
            "the class word 'lesion' or 'focal lesion' is not in the prompt",
        ),
        (
            {"generator": GENERATOR | {"masks": {"steps": ["crf"]}}},
            "cannot be taken: start with attention",
        ),
    ],
    ids=["unnamed class", "steps"],
)
def test_what_cannot_be_read_is_refused_in_a_line(changes, expected, medpair, recipe, tmp_path):
    path = recipe(**(TINY | changes))
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert expected in said.lines[0]


RETRIEVING = {
    "name": "retrieving",
    "generator": GENERATOR | {"train": GENERATOR["train"] | {"views": []}},
    "grid": {"facets": {"text": ["small"]}, "replicates": 3, "retrieve": {"top": 2}},
    "utility": None,
}


def captioned(heads, *texts):
    table = pd.read_csv(heads / "metadata.csv")
    table["text"] = [*texts, *[""] * (len(table) - len(texts))]
    table.to_csv(heads / "metadata.csv", index=False)
    return {"kind": "folder", "path": str(heads)}


@pytest.mark.parametrize("kind", ["diffmask", "medisyn", "medsegfactory"])
def test_a_dry_run_retrieves_the_captions_of_the_training_split(
    kind, medpair, recipe, heads, tmp_path
):
    # Rows go train, train, val, test: the caption of the third must stay unread.
    source = captioned(heads, "a round skull", "a small head", "small small small", "small")
    train = {
        k: v
        for k, v in RETRIEVING["generator"]["train"].items()
        if k not in ("affinity_images", "affinity_label_steps", "views")
    }
    plain = {"kind": kind, "preset": "tiny", "train": train, "sample": GENERATOR["sample"]}
    generator = RETRIEVING["generator"] if kind == "diffmask" else plain
    path = recipe(**(RETRIEVING | {"source": source, "generator": generator}))
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert said.json["pairs"] == 3
    grid = checked(load_recipe(path), load_settings(tmp_path / "home")).grid
    assert [(p.retrieved, p.text) for p in grid] == [
        ("images/01.png", "a small head"),
        ("images/00.png", "a round skull"),
        ("images/01.png", "a small head"),
    ]
    assert all(dict(prompt.extra)["retrieved_for"] == "small" for prompt in grid)


def test_a_source_without_captions_is_refused_in_a_line(medpair, recipe, heads, tmp_path):
    path = recipe(**(RETRIEVING | {"source": captioned(heads, "", "", "a small head")}))
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert "grid.retrieve takes captions from the training split" in said.lines[0]


def test_a_dry_run_of_the_shipped_recipe_estimates_it(medpair, tmp_path):
    sets = ("grid.replicates=2", "source.train=8", "source.val=6", "generator.train.steps=700")
    words = [word for each in sets for word in ("--set", each)]
    home = ("--home", tmp_path / "home", "--json")
    said = medpair("run", "diffmask-phantoms", *words, "--dry-run", *home)
    assert said.code == 0, said.err
    assert said.json["training_steps"] == 700 + 400  # the denoiser's and the autoencoder's
