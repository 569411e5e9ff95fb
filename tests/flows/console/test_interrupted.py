"""Ctrl-C at a run with a server of its own, sent to all its processes as a terminal does."""

import time

import pytest
import yaml

from benchmarks.faults_run.starts import started
from flows.console.cli import INTERRUPTION

RECIPE = {
    "format": 1,
    "name": "tiny",
    "source": {"kind": "phantom", "domains": ["phantom-chest-xray"]},
    "image": {"size": 32, "channels": 1},
    "generator": {"kind": "phantom"},
    "grid": {"facets": {"finding": ["normal"]}, "replicates": 8, "seed": 7},
    "evaluate": {"features": ["handcrafted"], "judge_steps": 10},
    "gates": {},
    "utility": None,
}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("says", "times"),
    [("starting workers", 1), ("training the judge", 1), ("training the judge", 2)],
)
def test_ctrl_c_is_one_line_and_starts_nothing_anew(tmp_path, says, times):
    recipe, home = tmp_path / "tiny.yaml", tmp_path / "home"
    home.mkdir()
    recipe.write_text(yaml.safe_dump(RECIPE))
    with started(["run", str(recipe)], home, {}, tmp_path / "said.txt") as start:
        while says not in start.said:
            assert start.process.poll() is None
            time.sleep(0.1)
        for _ in range(times):
            time.sleep(0.3)
            start.interrupt()
        assert start.ends() == 1
        told = [line for line in start.said.splitlines() if not line.endswith(" …")]
    assert told == [f"medpair: {INTERRUPTION}"]
