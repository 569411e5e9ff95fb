"""Prefect's server, embedded or standing, which is ended in the middle of a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults_run.servers import PrefectServer, running, until

ROOT = Path(__file__).resolve().parents[3]

RUN = """
import os, signal, sys
from pathlib import Path
from tasks.services.settings import load_settings

settings = load_settings(Path(sys.argv[1])).enter()

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.server.api.server import SubprocessASGIServer
from tasks.services import progress
from tasks.services.prefect_display.courier import COURIER
from tasks.services.prefect_server import start_server

progress.ARTIFACT_SECONDS = 0.0

@task(cache_policy=NO_CACHE)
def count(end):
    with progress.stage("counting", total=3) as stage:
        for number in range(3):
            if number == 1 and end:
                os.kill(SubprocessASGIServer().server_process.pid, signal.SIGKILL)
            stage.advance()

@flow
def inner(end=False):
    count(end)

@flow
def outer():
    inner()
    COURIER.flush(60)
    inner(end=True)
    inner()

start_server()
outer()
COURIER.flush(120)
with get_client(sync_client=True) as client:
    shown = [each.data for each in client.read_artifacts() if each.type == "progress"]
    # One whose creation was not answered before the server died is created again.
    print(sum(run.state.name == "Completed" for run in client.read_flow_runs()), max(shown))
"""


@pytest.mark.integration
def test_a_run_goes_on_when_the_embedded_server_dies_and_says_so_once(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PYTHONPATH": str(ROOT), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1] == "4 100"
    assert ran.stderr.count("embedded server ended (-9) and is started again") == 1
    assert "Traceback" not in ran.stderr


FLOWS = """
import sys, time
from pathlib import Path
from tasks.services.settings import load_settings

settings = load_settings(Path(sys.argv[1])).enter()

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from tasks.services.prefect_server import start_server

@task(cache_policy=NO_CACHE)
def count(number):
    return number

@flow
def inner(number):
    return count(number)

@flow
def outer():
    (settings.home / "begun").touch()
    while not (settings.home / "killed").exists():
        time.sleep(0.1)
    return [inner(number) for number in range(2)]

start_server()
assert outer() == [0, 1]
with get_client(sync_client=True) as client:
    print(sum(run.state.name == "Completed" for run in client.read_flow_runs()))
"""


@pytest.mark.integration
@pytest.mark.timeout(1200)
def test_a_run_goes_on_when_a_standing_server_is_killed_and_started_again(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PYTHONPATH": str(ROOT), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-c", FLOWS, str(home)]
    with running(server := PrefectServer(tmp_path / "prefect")):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, env=env | server.environment, **pipes)
        until((home / "begun").exists, "the flow")
        server.kill()
        (home / "killed").touch()
        server.start()
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "3"
    assert "Traceback" not in err
