"""Which process writes a run of MLflow: what it left running, once it is gone, was killed."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil

PROCESS_TAG = "medpair.process"


def this_process() -> str:
    """Names this process: machine, number, and when it began, since numbers come again."""
    own = psutil.Process()
    return f"{socket.gethostname()} {own.pid} {own.create_time():.2f}"


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process of a run with these tags was on this machine and is no more.

    Nothing is known of other machines' processes, nor of runs that earlier releases began.
    """
    machine, _, rest = tags.get(PROCESS_TAG, "").partition(" ")
    if machine != socket.gethostname():
        return False
    number, _, began = rest.partition(" ")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" != began
    except psutil.NoSuchProcess:
        return True
