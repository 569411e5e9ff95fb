"""Servers that settings name are looked for before any work, and told in a line where they are not."""

import socket

import pytest

from factory.errors import InputError
from tasks.services.ports import LOOPBACK, check_servers
from tasks.services.settings import load_settings

DEAD = f"{LOOPBACK}:9"  # the port "discard", where nothing has listened for decades


@pytest.fixture
def settings_with(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def settings(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings(tmp_path / "home")

    return settings


@pytest.mark.parametrize(
    ("variable", "address", "remedy"),
    [
        ("MEDPAIR_MLFLOW", f"http://{DEAD}", "unset it to use a database of the home"),
        ("MEDPAIR_MLFLOW", f"postgresql://me:secret@{DEAD}/runs", "a database of the home"),
        ("PREFECT_API_URL", f"http://{DEAD}/api", "unset it to use an embedded server"),
        ("MEDPAIR_DASK_ADDRESS", f"tls://{DEAD}", "unset it to use local processes"),
        ("MEDPAIR_DASK_ADDRESS", DEAD, "unset it to use local processes"),
    ],
    ids=["mlflow", "postgres", "prefect", "dask", "dask-bare"],
)
def test_what_does_not_listen_is_told_by_its_variable(settings_with, variable, address, remedy):
    with pytest.raises(InputError, match=f"nothing listens at {DEAD}, which {variable}") as raised:
        check_servers(settings_with(**{variable: address}), workers=True)
    assert remedy in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("variable", ["MEDPAIR_MLFLOW", "PREFECT_API_URL", "MEDPAIR_DASK_ADDRESS"])
def test_a_port_that_cannot_be_is_told(settings_with, variable):
    with pytest.raises(InputError, match=rf"{variable} names a server without a port: .*; correct"):
        check_servers(settings_with(**{variable: "http://me:secret@127.0.0.1:99999"}), workers=True)


def test_who_makes_no_pairs_needs_no_worker(settings_with):
    check_servers(settings_with(MEDPAIR_DASK_ADDRESS=f"tcp://{DEAD}"), workers=False)


def test_servers_that_listen_and_a_home_without_any_pass(settings_with):
    check_servers(settings_with(), workers=True)
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        uri = f"http://{LOOPBACK}:{server.getsockname()[1]}"
        names = ("MEDPAIR_MLFLOW", "PREFECT_API_URL", "MEDPAIR_DASK_ADDRESS")
        check_servers(settings_with(**dict.fromkeys(names, uri)), workers=True)
