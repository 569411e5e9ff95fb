"""What prefect.yaml promises to a server: that it loads, is scheduled, and runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Event

import httpx
import pytest
import yaml

from factory.store.repository import Store

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = {
    each["name"]: each
    for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
}
PATIENCE = 900  # seconds, on a busy machine
RECORD = re.compile(r"^(?=\d\d:\d\d:\d\d\.)", re.MULTILINE)  # before each record of a log
EVERY = 5  # seconds: less than a run takes


@pytest.mark.slow
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_an_entrypoint_loads_and_takes_its_parameters(name):
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(DEPLOYMENTS[name]["entrypoint"], use_placeholder_flow=False)
    given = DEPLOYMENTS[name]["parameters"]
    assert set(given) <= set(flow.parameters.properties)
    flow.validate_parameters(given)


@pytest.mark.parametrize("name", ["nightly", "maintenance"])
def test_what_is_due_while_the_one_before_runs_is_left_out(name):
    from prefect.client.schemas.objects import ConcurrencyLimitConfig

    given = ConcurrencyLimitConfig.model_validate(DEPLOYMENTS[name]["concurrency_limit"])
    assert (given.limit, given.collision_strategy.value) == (1, "CANCEL_NEW")


def prefect(env, *words):
    command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


def background(env, log, *words):
    command = [sys.executable, "-m", "prefect", *words]
    return subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)


def stop(process):
    """Ends a process group; a worker that goes on polling after the first signal is killed."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def until(condition, what):
    pause = Event()
    for _ in range(PATIENCE):
        if found := condition():
            return found
        pause.wait(1)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


def healthy(url):
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.HTTPError:
        return False


def asked(url, wanted):
    return httpx.post(url, json=wanted, timeout=PATIENCE).json()


@pytest.fixture
def environment(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return os.environ | {
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        "MEDPAIR_HOME": str(tmp_path / "home"),
        "MEDPAIR_WORKERS": "1",
    }


@pytest.fixture
def server(environment, tmp_path):
    url = environment["PREFECT_API_URL"]
    port = url.rsplit(":", 1)[1].removesuffix("/api")
    with (tmp_path / "server.log").open("w") as log:
        process = background(
            environment, log, "server", "start", "--host", "127.0.0.1", "--port", port
        )
        try:
            until(lambda: healthy(url), "the server's start")
            yield url
        finally:
            stop(process)


@pytest.fixture
def prompt(tiny, tmp_path):
    """The deployments as they stand, but for what is due every few seconds: a tiny recipe."""
    file = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    (nightly,) = (each for each in file["deployments"] if each["name"] == "nightly")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny | {"utility": None}))
    nightly["parameters"] = {"recipe": str(tmp_path / "tiny.yaml"), "set": []}
    nightly["schedules"] = [{"interval": EVERY, "slug": "nightly"}]
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(file))
    return tmp_path / "prefect.yaml"


@pytest.fixture
def deployed(environment, server, prompt):
    pool = "work-pool", "create", "medpair", "--type", "process"
    for words in (pool, ("deploy", "--prefect-file", str(prompt), "--all")):
        made = prefect(environment, *words)
        assert made.returncode == 0, made.stdout + made.stderr
    return server


@pytest.fixture
def worker(environment, deployed, tmp_path):
    with (tmp_path / "worker.log").open("w") as log:
        process = background(environment, log, "worker", "start", "--pool", "medpair")
        try:
            yield process
        finally:
            stop(process)


@pytest.mark.integration
@pytest.mark.timeout(2 * PATIENCE)
def test_a_server_starts_what_is_due_and_what_follows_from_it(
    environment, deployed, worker, tmp_path
):
    def runs(deployment, **state):
        wanted = {
            "deployments": {"name": {"any_": [deployment]}},
            "flow_runs": {"state": {name: {"any_": [value]} for name, value in state.items()}},
        }
        return asked(f"{deployed}/flow_runs/filter", wanted)

    # SQLAlchemy 2.1 breaks exactly this, and nothing but the server's log tells.
    until(lambda: runs("nightly", type="COMPLETED"), "the first run that was due")
    assert list(Store(str(tmp_path / "home" / "pairs"), "tiny").tags()) == ["v1"]
    assert list((tmp_path / "home" / "reports").glob("tiny-v1.html"))

    # What was due meanwhile was left out, and the next that is due makes nothing new.
    assert until(lambda: runs("nightly", type="CANCELLED"), "a run that was left out")
    until(lambda: len(runs("nightly", type="COMPLETED")) > 1, "the second run that was due")
    assert prefect(environment, "deployment", "schedule", "pause", "--all").returncode == 0

    # Publishing told the server, whose automation has measured what the version is worth.
    until(lambda: runs("utility", type="COMPLETED"), "the run that measures utility")
    (trial,) = runs("utility")
    assert trial["parameters"] == {"dataset": "tiny", "version": "v1"}
    assert trial["state"]["name"] == "NotAsked"

    # A gate that fails is a failed run; one that is left out beside the last that was due is not.
    strict = json.dumps({"set": ["gates={consistency: '>= 1.1'}"]})
    nightly = ("deployment", "run", "factory/nightly", "--params", strict, "--watch")

    def missed():
        assert prefect(environment, *nightly).returncode != 0
        return runs("nightly", name="GateFailed")

    (refused,) = until(missed, "a run whose gate fails")
    assert refused["state"]["type"] == "FAILED"
    assert "misses >= 1.1 by" in refused["state"]["message"]
    assert refused["name"] == "tiny"

    # The weekly tidying keeps what was published.
    tidied = prefect(environment, "deployment", "run", "maintain/maintenance", "--watch")
    assert tidied.returncode == 0, tidied.stdout + (tmp_path / "worker.log").read_text()
    assert list(Store(str(tmp_path / "home" / "pairs"), "tiny").tags()) == ["v1"]

    told = (tmp_path / "worker.log").read_text()
    assert "misses >= 1.1 by" in told
    # What the pause took away while Prefect's worker was at it, that worker logs with a traceback.
    ours = [each for each in RECORD.split(told) if "prefect.flow_runs.worker" not in each[:60]]
    assert "Traceback" not in "".join(ours)
    published = {"filter": {"event": {"name": ["medpair.version.published"]}}}
    assert asked(f"{deployed}/events/filter", published)["total"] == 1
    assert len(runs("utility")) == 1
