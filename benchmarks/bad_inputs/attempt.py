"""One case given to its command in this process, and everything that is held against the answer."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bad_inputs.case import RAN, Case

ACCEPTED, REFUSED = 0, 2
SAID = "medpair: "
# What the command line cuts a line to, with the name of the program and the sign of the cut.
LONGEST_LINE, MOST_LINES = 620, 60
MEMORY = re.compile(r"MemoryError|bad_alloc|Cannot allocate memory|DefaultCPUAllocator")
MOST_SHOWN = 400  # characters of a message that is kept

FAULTS = ("traceback", "hang", "memory", "wall", "write", "ran", "bomb")


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        case: "kind:number".
        what: was bad about it.
        bomb: whether it was made to swell.
        refused: whether the command refused it; else it took it for good.
        faults: what is held against it, of `FAULTS`.
        seconds: of the processor that it took.
        megabytes: more than before at most.
        message: what was said last.
    """

    case: str
    what: str
    bomb: bool
    refused: bool
    faults: tuple[str, ...]
    seconds: float
    megabytes: float
    message: str


@dataclass(frozen=True)
class Answer:
    """What a command ended with, and said."""

    code: int
    text: str


Command = Callable[[Sequence[str]], Answer]


def attempt(name: str, case: Case, folder: Path, kept: Path, command: Command) -> Outcome:
    """Gives a case to a command.

    Args:
        name: of the case.
        case: laid in `folder`.
        folder: of the case, of which nothing may be changed where it is refused.
        kept: the same for what cases share.
        command: is run in `folder`.
    """
    before, start, memory = (written(folder), written(kept)), time.process_time(), _Memory()
    with _inside(folder):
        answer = command(case.words)
    seconds, grown = time.process_time() - start, memory.grown()
    refused = answer.code != ACCEPTED
    faults = list(_faults(answer))
    if refused and (written(folder), written(kept)) != before:
        faults.append("write")
    if (folder / RAN).exists():
        faults.append("ran")
    if case.bomb and (seconds > 1 or grown > 200):
        faults.append("bomb")
    message = shown(answer.text)
    return Outcome(
        name, case.what, case.bomb, refused, tuple(faults), round(seconds, 3), grown, message
    )


def _faults(answer: Answer) -> Iterator[str]:
    lines = [line for line in answer.text.splitlines() if line.startswith(SAID)]
    unforeseen = answer.code not in (ACCEPTED, REFUSED) or (answer.code == REFUSED and not lines)
    if unforeseen or "Traceback (most recent call last)" in answer.text:
        yield "traceback"
    if MEMORY.search(answer.text):
        yield "memory"
    if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        yield "wall"


def shown(text: str) -> str:
    """The end of what was said, short enough to be listed."""
    said = [line for line in text.splitlines() if line.startswith(SAID)] or text.splitlines()[-3:]
    line = " | ".join(said[-2:]).encode("utf-8", "backslashreplace").decode()
    return (
        line
        if len(line) <= MOST_SHOWN
        else f"{line[: MOST_SHOWN // 2]} … {line[-MOST_SHOWN // 2 :]}"
    )


def written(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file below a folder, with what tells that it was changed."""
    found: dict[str, tuple[int, int, int]] = {}
    stack = [str(folder)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                size = 0 if entry.is_dir(follow_symlinks=False) else status.st_size
                changed = 0 if entry.is_dir(follow_symlinks=False) else status.st_mtime_ns
                found[entry.path] = (status.st_mode, size, changed)
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
    return found


class _Memory:
    """How much more of the memory a block takes at most than before it."""

    def __init__(self) -> None:
        # 5 has the kernel forget the highest size so far: man 5 proc, clear_refs.
        Path("/proc/self/clear_refs").write_text("5")
        self._before = _status("VmHWM")

    def grown(self) -> float:
        """Megabytes."""
        return round((_status("VmHWM") - self._before) / 1024, 1)


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s*(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    here, environment = Path.cwd(), os.environ.copy()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


def in_process(words: Sequence[str]) -> Answer:
    """The command line in this process, what it says on both streams kept, of libraries too."""
    from flows.console.cli import app

    with _captured() as said:
        code = 0
        try:
            app(list(words))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:  # noqa: BLE001  # none may leave the command
            code, said.text = 1, f"Traceback (most recent call last): {error!r}"
    return Answer(code, said.text)


class _Said:
    text = ""


@contextmanager
def _captured() -> Iterator[_Said]:
    """Everything written on the descriptors 1 and 2 while the block runs."""
    said, streams = _Said(), (sys.stdout, sys.stderr)
    for stream in streams:
        stream.flush()
    saved = os.dup(1), os.dup(2)
    file = os.memfd_create("said")
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = os.fdopen(os.dup(1), "w", errors="backslashreplace")
    sys.stderr = os.fdopen(os.dup(2), "w", errors="backslashreplace")
    try:
        yield said
    finally:
        for new in (sys.stdout, sys.stderr):
            new.close()
        sys.stdout, sys.stderr = streams
        for number, old in enumerate(saved, 1):
            os.dup2(old, number)
            os.close(old)
        said.text += os.pread(file, 10**6, 0).decode(errors="replace")
        os.close(file)
