"""Ports: free ones of this machine alone for its pages, and whether something listens at another."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from factory.errors import InputError

if TYPE_CHECKING:
    from tasks.services.settings import Settings

LOOPBACK = "127.0.0.1"
# Of a URI that names none.
USUAL = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
SECONDS = 10.0  # that a server on the other side of the world has to take a connection


def free_port(wanted: int, option: str) -> int:
    """A port that nothing listens on: this one, or any for 0.

    Raises:
        InputError: if it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise InputError(
                f"{option} {wanted}: {error.strerror}; give another, or leave it out for a free one"
            ) from error
        return int(probe.getsockname()[1])


def check_servers(settings: Settings, *, workers: bool) -> None:
    """Refuses to begin what a server that a setting names is needed for, where nothing listens there.

    Libraries would try for minutes, some of them only after hours of other work.

    Args:
        settings: of the home.
        workers: whether pairs are to be made, for which Dask is needed.

    Raises:
        InputError: naming the first that is not there.
    """
    unset = "unset it to use"
    check_listening(settings.mlflow, "MEDPAIR_MLFLOW", f"{unset} a database of the home")
    check_listening(
        os.environ.get("PREFECT_API_URL", ""), "PREFECT_API_URL", f"{unset} an embedded server"
    )
    if workers and settings.dask_address is not None:
        dask = settings.dask_address
        uri = dask if "://" in dask else f"tcp://{dask}"
        check_listening(uri, "MEDPAIR_DASK_ADDRESS", f"{unset} local processes")


def check_listening(uri: str, variable: str, remedy: str) -> None:
    """Whether something listens where a URI points; one that names a file or no known port passes.

    Args:
        uri: may hold a password, which no message repeats.
        variable: of the environment that names it.
        remedy: what to do otherwise than to start it.

    Raises:
        InputError: if nothing does, or its port is none.
    """
    parts = urlsplit(uri)
    try:
        port = parts.port or USUAL.get(parts.scheme.split("+")[0])
    except ValueError as error:
        raise InputError(
            f"{variable} names a server without a port: {error}; correct it"
        ) from error
    if parts.hostname is None or port is None:
        return
    try:
        socket.create_connection((parts.hostname, port), SECONDS).close()
    except OSError as error:
        raise InputError(
            f"nothing listens at {parts.hostname}:{port}, which {variable} names "
            f"({error.strerror or error}); start it, or {remedy}"
        ) from error
