"""Can a home be moved, and the installation too? A version is made, both are moved, and all asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("factory", "evaluation", "tasks", "flows", "medpair")
# Several commands of one process share its Prefect server, which takes longer to start than they do.
COMMANDS = """
import json, sys
from flows.console.cli import app
wrong = 0
for words in json.loads(sys.argv[1]):
    try:
        app(words)
    except SystemExit as end:
        wrong += bool(end.code)
sys.exit(wrong)
"""
RECIPE = {
    "format": 1,
    "name": "moved",
    "source": {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 8, "val": 6},
    "image": {"size": 64, "channels": 3},
    "generator": {
        "kind": "medsegfactory",
        "from": "packaged:phantoms",
        "sample": {"solver": "dpmpp-2m", "steps": 4, "guidance": 1.0},
    },
    "grid": {"facets": {"finding": ["benign"]}, "replicates": 4, "seed": 7},
    "evaluate": {"judge_steps": 3, "finding_classifier_steps": 2},
    "utility": {"real": [4], "arms": ["real", "both"], "seeds": 1, "steps": 2},
}
# Every run's files as MLflow's page loads them, from a working directory of no meaning; the report
# that a tag names is one of them, and no tag or description names the place that was left.
DOWNLOAD = """
import sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
files = [(r.info.run_id, f.path) for r in runs for f in client.list_artifacts(r.info.run_id)]
assert files, "MLflow finds no file"
for run, path in files:
    client.download_artifacts(run, path)
told = [(r.info.run_id, r.data.tags["medpair.report"]) for r in runs if "medpair.report" in r.data.tags]
assert told and set(told) <= set(files), f"{told} are not among the files"
stale = [value for r in runs for value in r.data.tags.values() if sys.argv[2] in value]
assert not stale, f"names the old place: {stale}"
"""


@dataclass(frozen=True)
class Place:
    """An installation, and the home that its commands work in.

    Attributes:
        root: folder of both.
    """

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    def python(self, code: str, *arguments: str) -> None:
        """Runs Python with the packages of this installation.

        Raises:
            RuntimeError: with what it said, if it fails.
        """
        kept = {name: v for name, v in os.environ.items() if not name.startswith("MEDPAIR_")}
        environment = {**kept, "PYTHONPATH": str(self.root / "packages")}
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(
            command, env=environment, cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")

    def medpair(self, *commands: Sequence[str]) -> None:
        """Runs commands of the product in the home, in one process.

        Raises:
            RuntimeError: with what they said, if one fails.
        """
        self.python(COMMANDS, json.dumps([[*each, "--home", str(self.home)] for each in commands]))


def moved_home(folder: Path) -> float:
    """Share of the questions that a home answers after it and the installation were moved.

    Args:
        folder: empty, for both.
    """
    before, after = Place(folder / "before"), Place(folder / "after")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, before.root / "packages" / package)
    recipe = before.root / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    before.medpair(("run", str(recipe)))
    before.root.rename(after.root)
    questions = (_commands, partial(_mlflow, left=before))
    return sum(_answers(after, question) for question in questions) / len(questions)


def _commands(place: Place) -> None:
    """Report, utility and check of the version that was made before."""
    place.medpair(("report", "moved@v1"), ("utility", "moved@v1"), ("datasets", "verify", "moved"))


def _mlflow(place: Place, left: Place) -> None:
    """MLflow's record, which names nothing in the place that was left."""
    place.python(DOWNLOAD, f"sqlite:///{place.home / 'mlflow.db'}", str(left.root))


def _answers(place: Place, question: Callable[[Place], None]) -> bool:
    try:
        question(place)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return False
    return True
