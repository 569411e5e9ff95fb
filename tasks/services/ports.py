"""Ports of this machine alone, for pages that are served to nobody else."""

from __future__ import annotations

import socket

from factory.errors import InputError

LOOPBACK = "127.0.0.1"


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
