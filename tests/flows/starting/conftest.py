"""A folder of one's own, and the two commands that start with it."""

from pathlib import Path

import pytest

from flows.planning.plan import checked
from flows.planning.recipe import load_recipe
from tasks.services.settings import load_settings

OURS = ("metadata.csv", "classes.json")


@pytest.fixture
def mine(tmp_path):
    """A folder for the data set."""
    return tmp_path / "mine"


@pytest.fixture
def start(medpair, mine, tmp_path, monkeypatch):
    """Runs init on the folder and the checks of a dry run on its recipe; the probing is left out."""

    def call(*options):
        monkeypatch.chdir(tmp_path)
        theirs = [path for path in mine.rglob("*") if path.is_file() and path.name not in OURS]
        before = {path: path.read_bytes() for path in theirs}
        said = medpair("init", mine, "--json", *options)
        assert said.code == 0, said.err
        for path, content in before.items():
            assert path.read_bytes() == content, f"{path} was changed"
        return said.json, checked(load_recipe("mine.yaml"), load_settings(Path("home")))

    return call
