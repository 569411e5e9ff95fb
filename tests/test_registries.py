"""A member of each registry, added as one file and one line, goes the whole way.

The toys lie in tests/toys; a recipe, the report and an export know them, and the documentation's
check says which rows they lack.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
RECIPE = {
    "format": 1,
    "name": "toys",
    "source": {"kind": "ramps", "count": 8},
    "image": {"size": 32},
    "generator": {"kind": "square", "side": 12},
    "grid": {"facets": {"finding": ["benign", "malignant"]}, "replicates": 4, "seed": 7},
    "evaluate": {"judge_steps": 3, "finding_classifier_steps": 0, "tstr": False},
    "gates": {"grey_level": ">= 100"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("toys")


def called(place, *words):
    """What the command with the toys says; each call is a process of its own."""
    environment = os.environ | {"PREFECT_HOME": str(place / "prefect"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.toys.medpair", *map(str, words)]
    return subprocess.run(
        [*command, "--home", str(place / "home"), "--json"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run(place):
    (place / "toys.yaml").write_text(yaml.safe_dump(RECIPE))
    said = called(place, "run", place / "toys.yaml")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


@pytest.mark.integration
def test_a_recipe_of_toys_is_planned(place):
    (place / "toys.yaml").write_text(yaml.safe_dump(RECIPE))
    said = called(place, "run", place / "toys.yaml", "--dry-run")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["real"] == {"train": 8, "val": 8}


@pytest.mark.integration
def test_a_toy_source_and_generator_make_pairs_that_a_toy_metric_lets_out(run):
    assert (run["version"], run["pairs"]["accepted"]) == ("v1", 8)
    assert 100 < run["scores"]["grey_level"]["value"] < 155
    assert [gate["gate"] for gate in run["gates"]["verdicts"]] == ["grey_level"]


@pytest.mark.integration
def test_the_report_tells_of_a_toy_metric(run):
    page = Path(run["report"]).read_text()
    assert "grey level" in page
    assert "Mean grey level of the synthetic images." in page


@pytest.mark.integration
def test_a_toy_export_writes_the_pairs(run, place):
    said = called(place, "datasets", "export", "toys", place / "out", "--as", "arrays")
    assert said.returncode == 0, said.stderr
    with np.load(place / "out" / "0000.npz") as file:
        assert file["images"].shape == (8, 32, 32, 1)
        assert file["masks"].any()


@pytest.mark.integration
def test_the_documentations_check_misses_the_rows_of_the_toys():
    check = (
        "import sys, tests.toys.medpair, pytest;"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', 'tests/test_docs.py', '-k', "
        "'explained']))"
    )
    said = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    failed = [line for line in said.stdout.splitlines() if line.startswith("FAILED")]
    for toy in ("ramps", "square", "arrays", "every_score_is_explained"):
        assert any(toy in line for line in failed), (toy, said.stdout[-2000:])
