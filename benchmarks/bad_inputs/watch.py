"""Cases run in forked children, which may hang, die or fill the memory: the parent goes on."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from benchmarks.bad_inputs.attempt import Outcome

MOST_BYTES = 4 * 2**30  # of address space beyond what the parent has
RECYCLED = 200

Run = Callable[[int], Outcome]


def watched(
    run: Run,
    numbers: Sequence[int],
    name: Callable[[int], str],
    seconds: float,
    recycled: int = RECYCLED,
) -> Iterator[Outcome]:
    """What came of each case, in order.

    Args:
        run: lays and runs one case, in a child.
        numbers: of the cases.
        name: of a case, for one that gave no answer.
        seconds: for each; one that takes more is killed and counts as a hang.
        recycled: cases, after which a child makes room for a new one.
    """
    left = list(numbers)
    while left:
        for outcome in _one_child(run, left[:recycled], name, seconds):
            yield outcome
            left.pop(0)


def _one_child(
    run: Run, numbers: Sequence[int], name: Callable[[int], str], seconds: float
) -> Iterator[Outcome]:
    """The outcomes of one child, which ends at the first case that it does not survive."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.close(reading)
        _work(run, numbers, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            for number, line in zip(numbers, _lines(pipe, seconds), strict=False):
                if not line:
                    fault = "hang" if line is None else "memory"
                    yield _lost(name(number), fault, seconds)
                    return
                content: dict[str, Any] = json.loads(line)
                yield Outcome(**{**content, "faults": tuple(content["faults"])})
    finally:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _lines(pipe: IO[bytes], seconds: float) -> Iterator[bytes | None]:
    """Line after line; b"" once the child died, None where it says nothing for so long."""
    said = b""
    while True:
        line, end, rest = said.partition(b"\n")
        if end:
            said = rest
            yield line
        elif not select.select([pipe], [], [], seconds)[0]:
            yield None
        elif more := pipe.read(65536):
            said += more
        else:
            yield b""


def _lost(name: str, fault: str, seconds: float) -> Outcome:
    what = "no answer" if fault == "hang" else "the process died"
    return Outcome(name, what, False, True, (fault,), seconds, 0.0, what)


def _work(run: Run, numbers: Sequence[int], writing: int) -> None:
    os.setpgid(0, 0)
    most = _address_space() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = 1
    try:
        for number in numbers:
            os.write(writing, json.dumps(asdict(run(number))).encode() + b"\n")
        code = 0
    except BaseException:  # noqa: BLE001  # of the harness itself; the parent counts it as lost
        traceback.print_exc()
    finally:
        os._exit(code)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
