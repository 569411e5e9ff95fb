"""A server that is down is told before any command begins its work, and nothing is written."""

from pathlib import Path

import pytest

COMMANDS = {
    "evaluate": ("evaluate", "tiny"),
    "evaluate-against": ("evaluate", "tiny", "--against", "phantom"),
    "report": ("report", "tiny"),
    "utility": ("utility", "tiny"),
    "headroom": ("headroom", "phantom"),
}
SERVERS = {
    "MEDPAIR_MLFLOW": "http://127.0.0.1:9",
    "PREFECT_API_URL": "http://127.0.0.1:9/api",
}


def files(folder):
    return {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("variable", SERVERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_down_is_told_first(command, variable, medpair, place, monkeypatch):
    monkeypatch.setenv(variable, SERVERS[variable])
    before = files(place.folder)
    said = medpair(*COMMANDS[command], "--home", place.folder)
    assert said.code == 2, said.err
    assert said.err.splitlines() == said.lines
    (line,) = said.lines
    assert line.startswith(f"medpair: nothing listens at 127.0.0.1:9, which {variable} names")
    assert files(place.folder) == before
