"""The whole factory on a generator of images alone: no mask is asked for, nothing pretends one."""

import csv
import re
from pathlib import Path

import pytest

from factory.store.repository import Store

TRAIN = {
    "steps": 2,
    "batch": 2,
    "autoencoder": {"factor": 4, "steps": 2, "batch": 2},
    "text": {"steps": 2},
    "augment": {"copies": 1},
}
GENERATOR = {
    "kind": "medisyn",
    "preset": "tiny",
    "train": TRAIN,
    "sample": {"steps": 2, "batch": 4},
}
SOURCE = {"kind": "phantom", "train": 8, "val": 6}
DOMAINS = ["phantom-breast-us", "phantom-colonoscopy"]
MASKLESS = {
    "name": "maskless",
    "source": SOURCE | {"domains": DOMAINS},
    "generator": GENERATOR,
    "grid": {"facets": {"finding": ["normal"], "text": ["", "no lesion"]}, "replicates": 3},
    "utility": None,
}
QUESTION_AND_VERDICT = r'<a href="#[a-z]+">([^<]+\?)</a> <span class="verdict ([^"]+)">'


@pytest.mark.integration
def test_a_version_without_masks_is_scored_published_and_reported(medpair, recipe, tmp_path):
    home = tmp_path / "home"
    said = medpair("run", recipe(**MASKLESS), "--home", home, "--json")
    assert said.code == 0, said.err
    told = said.json
    assert told["version"] == "v1"
    assert told["pairs"]["accepted"] == 12
    pairs = Store(str(home / "pairs"), "maskless").snapshot("v1").read()
    assert not pairs.has_mask.any()
    assert not pairs.masks.any()
    assert set(pairs.facets["labels"]) == {""}
    scores = told["scores"]
    assert {"sharpness", "ms_ssim", "memorised_share", "mmd_texture"} <= set(scores)
    assert not {"consistency", "plausible_share", "mmd_geometry", "asked_present"} & set(scores)
    answers = dict(re.findall(QUESTION_AND_VERDICT, Path(told["report"]).read_text()))
    assert answers["Do the masks fit the images?"] == "not-measured"
    assert answers["Do the images look real?"] != "not-measured"
    exported = medpair("datasets", "export", "maskless", tmp_path / "copy", "--home", home)
    assert exported.code == 0, exported.err
    with (tmp_path / "copy" / DOMAINS[0] / "metadata.csv").open() as file:
        assert {row["mask"] for row in csv.DictReader(file)} == {""}
    refused = medpair("utility", "maskless@v1", "--home", home)
    assert refused.code == 2
    assert len(refused.lines) == 1
    assert "no masks" in refused.lines[0]
    tested = medpair(
        *("utility", "maskless@v1", "--home", home, "--json", "--final"),
        *(
            "--set",
            "utility={segmenters: [], classifiers: [resnet], real: [3], seeds: 1, steps: 2}",
        ),
    )
    assert tested.code == 0, tested.err
    assert "utility: 6 classifiers x 2 steps, less than a minute here" in tested.err
    levels = tested.json["classes"]["levels"]
    told = {(row["domain"], row["kind"]): row["provenance"] for row in levels}
    assert told == {
        (domain, kind): "" if kind == "real" else "full"
        for domain in DOMAINS
        for kind in ("real", "synthetic", "both")
    }
    assert tested.json["levels"] == []
    lake = medpair(
        *("scores", "select n from scores where metric = 'utility_auroc_gain'"),
        *("--home", home, "--json"),
    )
    # A row for each domain, and the headline.
    assert len(lake.json["rows"]) == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"utility": {"real": [4]}}, "utility.segmenters cannot be measured"),
        ({"gates": {"consistency_closed": ">= 0.5"}}, "gates.consistency_closed cannot be"),
        (
            {
                "source": SOURCE | {"domains": ["phantom-breast-us", "phantom-abdomen-ct"]},
                "grid": {"facets": {"text": [""]}},
                "utility": {"segmenters": [], "classifiers": ["resnet"], "real": [3]},
            },
            "two findings or more to tell apart, but the real training pairs of domain",
        ),
        (
            {"grid": {"facets": {"text": ["a lesion of the brest, wombat"]}}},
            "'brest' (nearest known: breast",
        ),
    ],
    ids=["utility", "gate", "findings", "words"],
)
def test_what_cannot_be_had_without_masks_is_refused_in_a_line(
    changes, expected, medpair, recipe, tmp_path
):
    path = recipe(**(MASKLESS | changes))
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert expected in said.lines[0]


def test_a_dry_run_estimates_a_text_to_image_model(medpair, recipe, tmp_path):
    said = medpair("run", recipe(**MASKLESS), "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert said.json["training_steps"] == 4
    assert said.json["network_steps"] == 2 * 2  # a classifier of findings in each domain
    classes = {"segmenters": [], "classifiers": ["resnet"], "real": [3], "seeds": 2, "steps": 5}
    path = recipe(**(MASKLESS | {"utility": classes}))
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert said.json["network_steps"] == 2 * 2 + 2 * 2 * 3 * 5  # domains, seeds, arms, steps
