"""A server that a setting names and that is down: one line that helps, and nothing around it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLI = "from flows.console.cli import main; main()"


def medpair(*words, **env):
    given = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-c", CLI, *map(str, words)]
    return subprocess.run(
        command,
        env=given | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("variable", "address", "line"),
    [
        ("PREFECT_API_URL", "http://127.0.0.1:9/api", "unset PREFECT_API_URL to use an embedded"),
        ("MEDPAIR_DASK_ADDRESS", "tcp://127.0.0.1:1", "unset MEDPAIR_DASK_ADDRESS to use local"),
    ],
)
def test_a_server_that_is_down_is_told_in_one_line(recipe, tmp_path, variable, address, line):
    said = medpair("generate", recipe(), "--home", tmp_path / "home", **{variable: address})
    assert said.returncode == 2, said.stderr
    assert "Traceback" not in said.stderr
    *stages, last = said.stderr.splitlines()
    assert last.startswith("medpair: ")
    assert address in last
    assert line in last
    assert [each for each in stages if not each.endswith("…")] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9", "postgresql://me:secret@127.0.0.1:9/mlflow"],
    ids=["http", "postgres"],
)
def test_a_tracker_that_is_down_is_told_before_anything_begins(recipe, tmp_path, uri):
    said = medpair("run", recipe(), "--home", tmp_path / "home", MEDPAIR_MLFLOW=uri)
    assert said.returncode == 2, said.stderr
    *stages, last = said.stderr.splitlines()
    assert last.startswith("medpair: nothing listens at 127.0.0.1:9, which MEDPAIR_MLFLOW names")
    assert "unset it" in last
    assert "secret" not in said.stderr
    assert [each for each in stages if not each.endswith("…")] == []
    assert not (tmp_path / "home").exists()
