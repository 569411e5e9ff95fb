"""Sends in the background what people may like to see, and is never in the way of the work."""

from __future__ import annotations

import atexit
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Condition, Thread

log = logging.getLogger(__name__)

MOST_WAITING = 64
LAST_SECONDS = 5.0  # for what is still waiting when the process ends


class Courier:
    """One thread that delivers; of two things under one key only the newest is sent.

    Nothing here raises or waits for a server: what cannot be delivered is dropped, and the first
    time this is said in a line.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, Callable[[], object]] = OrderedDict()
        self._busy = False
        self._failed = False
        self._changed = Condition()
        self._thread: Thread | None = None

    def send(self, key: Hashable, delivery: Callable[[], object]) -> None:
        """Has something delivered soon, in place of what waits under this key."""
        with self._changed:
            self._waiting[key] = delivery
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Waits until everything is delivered or dropped, at most this long; whether it is."""
        with self._changed:
            through = self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)
        if not through:
            self._tell_once(f"no answer within {seconds:g} s")
        return through

    def _start(self) -> None:
        self._thread = Thread(target=self._work, name="courier", daemon=True)
        self._thread.start()
        atexit.register(self.flush, LAST_SECONDS)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                _, delivery = self._waiting.popitem(last=False)
                self._busy = True
            self._deliver(delivery)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _deliver(self, delivery: Callable[[], object]) -> None:
        try:
            delivery()
        except Exception as error:  # noqa: BLE001  # whatever a client makes of a dead server
            self._tell_once(str(error))

    def _tell_once(self, reason: str) -> None:
        if not self._failed:
            log.warning(
                "Prefect's server takes no progress or verdicts (%s); the run goes on", reason
            )
        self._failed = True


COURIER = Courier()
