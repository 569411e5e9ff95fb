"""A process on a leash ends with its holder, even with one that is killed."""

import os
import signal
import subprocess
import sys
import time

from tasks.services.leash import leash

HOLDER = """
import subprocess, sys, time
from tasks.services.leash import leash
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
with leash(child.pid):
    print(child.pid, flush=True)
    time.sleep(600)
"""


def gone(process, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_process_ends_with_the_block():
    child = subprocess.Popen(["sleep", "600"])
    with leash(child.pid):
        assert child.poll() is None
    assert child.wait(20) == -signal.SIGTERM


def test_a_process_ends_with_a_holder_that_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True
    ) as holder:
        child = int(holder.stdout.readline())
        holder.kill()
    assert gone(child)
