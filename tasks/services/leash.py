"""Ends a process that this one started, however this one ends: even killed, it leaves nothing behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

# It reads until there is nobody left who could write; Ctrl-C in the terminal is not for it.
WAIT_AND_END = 'cat > /dev/null; kill "$0" 2> /dev/null'


@contextmanager
def leash(process: int) -> Iterator[None]:
    """Ends a process when the block is left, or when this process is gone.

    A pipe closes however its holder ends, by `kill -9`, too; a shell waits at its other end.

    Args:
        process: number of the one that is to end.
    """
    holder = subprocess.Popen(
        ["sh", "-c", WAIT_AND_END, str(process)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        if holder.stdin is not None:
            holder.stdin.close()
        holder.wait()
