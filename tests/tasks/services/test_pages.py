"""The pages of Prefect and MLflow, as a command serves them until it is interrupted."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from factory.errors import InputError
from tasks.services.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
CLI = "from flows.console.cli import main; main()"


def test_a_port_that_is_taken_is_told_and_another_is_found():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"--port-mlflow {port}: .*; give another"):
            free_port(port, "--port-mlflow")
        assert free_port(0, "--port-mlflow") != port


@pytest.mark.integration
@pytest.mark.timeout(1200)
def test_both_pages_are_served_at_free_ports_and_end_with_the_command(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-c", CLI, "ui", "--home", str(tmp_path), "--json"]
    with subprocess.Popen(
        command, env=env | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            pages = json.loads(process.stdout.readline())
            told = httpx.get(f"{pages['prefect']}/ui-settings").json()
            assert told["api_url"] == f"{pages['prefect']}/api"
            assert httpx.get(f"{pages['prefect']}/api/health").is_success
            assert httpx.get(f"{pages['mlflow']}/health").is_success
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    for page in pages.values():
        with pytest.raises(httpx.ConnectError):
            httpx.get(page)
