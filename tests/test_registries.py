"""A member of each registry, added by the diffs that CONTRIBUTING.md shows, goes the whole way.

A copy of the repository takes the diffs: a file and a line each. A recipe, the report and an export
know them at once, and the documentation's check says which rows they lack.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TOYS = ROOT / "tests/toys"
DIFF = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIFFS = DIFF.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
COMMAND = "from flows.console.cli import main; main()"
FILES = {
    "evaluation/metrics/grey_level.py": "metric.py",
    "factory/sources/ramps.py": "source.py",
    "factory/generators/square.py": "generator.py",
    "factory/exports/arrays.py": "export.py",
}
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


class Copy:
    """A copy of the repository in which commands run, each as a process of its own."""

    def __init__(self, folder):
        self.folder, self.repository = folder, folder / "medpair"
        hidden = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "site")
        shutil.copytree(ROOT, self.repository, ignore=hidden)
        (folder / "toys.yaml").write_text(yaml.safe_dump(RECIPE))

    def call(self, *command, **changed):
        environment = {
            "PYTHONPATH": str(self.repository),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "GIT_CEILING_DIRECTORIES": str(self.folder),
        }
        return subprocess.run(
            list(map(str, command)),
            env=os.environ | environment,
            cwd=self.repository,
            capture_output=True,
            text=True,
            check=False,
            **changed,
        )

    def apply(self, diff):
        said = self.call("git", "apply", "-", input=diff)
        assert said.returncode == 0, said.stderr

    def medpair(self, *words):
        where = "--home", self.folder / "home", "--json"
        said = self.call(sys.executable, "-c", COMMAND, *words, *where)
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    def failures_of_documentation(self):
        pytest_ = sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"
        said = self.call(*pytest_, "tests/test_docs.py", "-k", "explained")
        assert said.returncode in (0, 1), said.stdout
        return [line for line in said.stdout.splitlines() if line.startswith("FAILED")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy with the toys' files and lines, and without their rows in the documentation."""
    copy = Copy(tmp_path_factory.mktemp("toys"))
    for diff in DIFFS[::2]:
        copy.apply(diff)
    return copy


@pytest.fixture(scope="module")
def run(copy):
    return copy.medpair("run", copy.folder / "toys.yaml")


def added(diff):
    """The lines that a diff adds, by file."""
    files = re.split(r"^diff --git .*\n", diff, flags=re.MULTILINE)[1:]
    return {
        re.search(r"^\+\+\+ b/(.*)$", each, re.MULTILINE).group(1): [
            line[1:]
            for line in each.splitlines()
            if line.startswith("+") and not line.startswith("+++")
        ]
        for each in files
    }


@pytest.mark.parametrize(("code", "rows"), [*zip(DIFFS[::2], DIFFS[1::2], strict=True)])
def test_a_member_is_one_file_and_one_line_and_its_import_and_rows_of_the_documentation(code, rows):
    ((new, lines),) = ((file, lines) for file, lines in added(code).items() if file in FILES)
    assert "\n".join(lines) + "\n" == (TOYS / FILES[new]).read_text(encoding="utf-8")
    ((_, line),) = ((file, lines) for file, lines in added(code).items() if file not in FILES)
    imported, registered = line
    assert imported.startswith(f"from {new.removesuffix('.py').replace('/', '.')} import ")
    assert registered.startswith('    "')
    assert all(file.startswith("docs/") for file in added(rows))


@pytest.mark.parametrize("diff", DIFFS)
def test_a_diff_applies_to_the_repository_as_it_is(diff):
    command = ["git", "apply", "--check", "-"]
    said = subprocess.run(
        command, input=diff, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


@pytest.mark.integration
def test_a_recipe_of_toys_is_planned(copy):
    plan = copy.medpair("run", copy.folder / "toys.yaml", "--dry-run")
    assert plan["real"] == {"train": 8, "val": 8}


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
def test_a_toy_export_writes_the_pairs(run, copy):
    copy.medpair("datasets", "export", "toys", copy.folder / "out", "--as", "arrays")
    with np.load(copy.folder / "out" / "0000.npz") as file:
        assert file["images"].shape == (8, 32, 32, 1)
        assert file["masks"].any()


@pytest.mark.integration
def test_the_documentations_check_asks_for_the_rows_and_for_no_more(copy):
    failed = "\n".join(copy.failures_of_documentation())
    for missing in ("[ramps]", "[square]", "[arrays]", "every_score", "every_key"):
        assert missing in failed
    for diff in DIFFS[1::2]:
        copy.apply(diff)
    assert copy.failures_of_documentation() == []
