"""Processor time of this process and of those that it started: workers, and the embedded server."""

from __future__ import annotations

import psutil

_told = 0.0


def newly_used() -> float:
    """Seconds of processor time since this was last asked in this process, or since it began."""
    global _told  # a process has one clock
    used = _used()
    # A worker that ended and was not waited for takes its time with it.
    new, _told = max(0.0, used - _told), max(used, _told)
    return new


def _used() -> float:
    me = psutil.Process()
    return _of(me) + sum(_of(child) for child in me.children(recursive=True))


def _of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it ended meanwhile
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
