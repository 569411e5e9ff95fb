"""Where the processes of a whole run listen, from its first second to its last."""

import subprocess
import sys
from threading import Event

import psutil
import pytest

from tasks.services.ports import LOOPBACK

CLI = "from flows.console.cli import main; main()"
PAUSE = 0.5  # seconds between two looks
LEAST = 3  # Prefect's server, Dask's scheduler and a worker


def listening(process):
    """Address and port of each socket on which a process or one of its children waits."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for each in family:
        try:
            sockets = each.net_connections("inet")
        except psutil.Error:  # it has just ended
            continue
        yield from (s.laddr for s in sockets if s.status == psutil.CONN_LISTEN)


@pytest.mark.integration
def test_nobody_else_on_the_network_reaches_any_socket_of_a_run(recipe, tmp_path):
    words = ["run", str(recipe()), "--home", str(tmp_path / "home")]
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen([sys.executable, "-c", CLI, *words], stdout=log, stderr=log)
        seen, pause = set(), Event()
        while run.poll() is None:
            seen |= {*listening(psutil.Process(run.pid))}
            pause.wait(PAUSE)
    assert run.returncode == 0, (tmp_path / "log").read_text()
    assert {address.ip for address in seen} == {LOOPBACK}
    assert len(seen) >= LEAST
