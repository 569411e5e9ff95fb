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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("MEDPAIR_MLFLOW", "http://127.0.0.1:9"),
        ("MEDPAIR_MLFLOW", "postgresql://me:secret@127.0.0.1:9/mlflow"),
        ("PREFECT_API_URL", "http://127.0.0.1:9/api"),
        ("MEDPAIR_DASK_ADDRESS", "tcp://127.0.0.1:9"),
    ],
    ids=["mlflow", "postgres", "prefect", "dask"],
)
def test_a_server_that_is_down_is_told_before_anything_begins(recipe, tmp_path, variable, address):
    said = medpair("run", recipe(), "--home", tmp_path / "home", **{variable: address})
    assert said.returncode == 2, said.stderr
    (line,) = said.stderr.splitlines()
    assert line.startswith(f"medpair: nothing listens at 127.0.0.1:9, which {variable} names")
    assert "unset it" in line
    assert "secret" not in said.stderr
    assert not (tmp_path / "home").exists()
