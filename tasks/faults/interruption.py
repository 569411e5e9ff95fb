"""The first Ctrl-C asks for an end; the second ends at once; both are for the driver alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interruption:
    """Whether somebody wants the work to end.

    Attributes:
        asked: whether Ctrl-C was pressed.
    """

    asked: bool = False

    def _first(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def put_off() -> Iterator[Interruption]:
    """While it is open, the first Ctrl-C is only noted, and raised once it is closed.

    The caller looks at `asked` between two parts of its work, and ends where it is set. In other
    threads than the main one, which alone receives signals, and where Ctrl-C is ignored, as behind
    `nohup`, nothing is put off.

    Raises:
        KeyboardInterrupt: at the end, if Ctrl-C was pressed once; at once, at the second time.
    """
    interruption, before = Interruption(), signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before is not signal.default_int_handler:
        yield interruption
        return
    signal.signal(signal.SIGINT, interruption._first)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
    if interruption.asked:
        raise KeyboardInterrupt


@contextmanager
def unheard() -> Iterator[None]:
    """Threads and processes that this thread starts in the block never hear Ctrl-C, from their first moment.

    A terminal sends it to every process of a command. They inherit what is blocked.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
