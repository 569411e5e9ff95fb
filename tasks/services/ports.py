"""Ports: free ones of this machine alone for its pages, and whether something listens at another."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from factory.errors import InputError

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


def check_listening(uri: str, variable: str, remedy: str) -> None:
    """Whether something listens where a URI points; one that names a file or no known port passes.

    Args:
        uri: may hold a password, which no message repeats.
        variable: of the environment that names it.
        remedy: what to do otherwise than to start it.

    Raises:
        InputError: if nothing does.
    """
    parts = urlsplit(uri)
    port = parts.port or USUAL.get(parts.scheme.split("+")[0])
    if parts.hostname is None or port is None:
        return
    try:
        socket.create_connection((parts.hostname, port), SECONDS).close()
    except OSError as error:
        raise InputError(
            f"nothing listens at {parts.hostname}:{port}, which {variable} names "
            f"({error.strerror or error}); start it, or {remedy}"
        ) from error
