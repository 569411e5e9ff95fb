"""What the doctor sees of the servers that settings name."""

import socket

import pytest

from flows.console.doctor import check_named_servers
from tasks.services.settings import load_settings


@pytest.fixture
def port():
    """One that a socket listens on while the test runs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def seen(home):
    (check,) = check_named_servers(load_settings(home))
    return check


def test_a_home_that_names_no_server_is_well(tmp_path):
    assert seen(tmp_path).well


def test_a_server_that_listens_is_well(tmp_path, monkeypatch, port):
    monkeypatch.setenv("MEDPAIR_DASK_ADDRESS", f"tcp://127.0.0.1:{port}")
    assert seen(tmp_path).well


@pytest.mark.parametrize("variable", ["MEDPAIR_DASK_ADDRESS", "PREFECT_API_URL", "MEDPAIR_MLFLOW"])
def test_one_that_does_not_is_named(variable, tmp_path, monkeypatch, port):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    scheme = "tcp" if "DASK" in variable else "http"
    monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:{free}")
    check = seen(tmp_path)
    assert not check.well
    assert variable in check.found
