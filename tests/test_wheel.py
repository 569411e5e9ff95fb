"""What is installed elsewhere: a wheel that holds all that a first run needs, and is small."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 35 * 2**20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from what is committed or new here, without downloading anything."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, names)):
        if os.path.lexists(ROOT / name):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, source], capture_output=True, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.slow
def test_a_wheel_is_small_and_leaves_tests_and_benchmarks_out(wheel):
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    packages = {"evaluation", "factory", "flows", "medpair", "tasks"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages


@pytest.mark.slow
def test_what_a_wheel_holds_is_enough_for_pairs_and_a_plan(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "OMP_NUM_THREADS": "1"}
    draw = (
        "import medpair; print(medpair.__file__); "
        "print(len(medpair.generate('packaged:phantoms', 1, domain='phantom-breast-us')))"
    )
    plan = ["-m", "medpair", "run", "demo", "--dry-run", "--home", "home"]
    drawn, planned = (
        subprocess.run(
            [sys.executable, *words],
            check=True,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for words in (["-c", draw], plan)
    )
    assert drawn.splitlines() == [str(tmp_path / "installed/medpair/__init__.py"), "1"]
    assert "The recipe is fine" in planned
