"""A user's own file of the name of one of our packages is named in a line, by command and import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def said_in(folder, *words):
    # Python looks into the working directory first for -c and -m, and only then along the path.
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [("-c", "import medpair"), ("-m", "medpair", "--version")])
@pytest.mark.parametrize("file", ["tasks.py", "flows.py", "evaluation/__init__.py"])
def test_a_file_that_hides_a_package_is_named_in_a_line(tmp_path, file, words):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("raise RuntimeError('this is imported')\n")
    said = said_in(tmp_path, *words)
    place = tmp_path / file.removesuffix("/__init__.py")
    name = place.stem
    assert said.returncode == 2
    assert said.stderr == (
        f"medpair: {place} hides the package {name} of medpair, because Python looks there first: "
        "rename it, or work in another folder\n"
    )


def test_a_script_of_that_name_is_told_so_too(tmp_path):
    (tmp_path / "flows.py").write_text("import medpair\n")
    said = said_in(tmp_path, "flows.py")
    assert said.returncode == 2
    assert "flows.py hides the package flows" in said.stderr


def test_files_of_other_names_hide_nothing(tmp_path):
    (tmp_path / "task.py").write_text("import medpair\n")
    assert said_in(tmp_path, "task.py").returncode == 0


def test_the_command_is_the_one_that_checks():
    said = said_in(ROOT, "-m", "medpair", "--help")
    assert "Usage" in said.stdout, said.stderr
