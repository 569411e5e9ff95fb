"""Deliveries that fail, hang and pile up, and work that goes on meanwhile."""

import logging
import time
from threading import Event

import pytest

from tasks.services.prefect_display import courier
from tasks.services.prefect_display.courier import MOST_WAITING, Courier


@pytest.fixture
def held():
    """A courier whose first delivery hangs until the event is set, as at a server that is stuck."""
    free, taken, here = Event(), Event(), Courier()
    here.send("stuck", lambda: (taken.set(), free.wait(60)))
    assert taken.wait(60)
    yield here, free
    free.set()


def test_of_what_waits_under_a_key_the_newest_is_delivered(held):
    (here, free), seen = held, []
    for number in range(5):
        here.send("share", lambda number=number: seen.append(number))
    here.send("other", lambda: seen.append("other"))
    free.set()
    assert here.flush(60)
    assert seen == [4, "other"]


def test_nobody_waits_for_a_server_that_is_stuck_and_no_more_than_some_wait(held):
    (here, free), seen = held, []
    start = time.monotonic()
    for number in range(10 * MOST_WAITING):
        here.send(number, lambda number=number: seen.append(number))
    assert not here.flush(0.1)
    assert time.monotonic() - start < 30
    free.set()
    assert here.flush(60)
    assert seen == list(range(9 * MOST_WAITING, 10 * MOST_WAITING))


def test_what_fails_is_said_once_and_the_next_is_delivered(caplog):
    def fail():
        raise ConnectionError("All connection attempts failed")

    here, seen = Courier(), []
    with caplog.at_level(logging.WARNING, courier.__name__):
        for key, delivery in enumerate([fail, fail, lambda: seen.append("through")]):
            here.send(key, delivery)
        assert here.flush(60)
    assert seen == ["through"]
    assert len(caplog.messages) == 1
    assert "All connection attempts failed" in caplog.messages[0]
