"""Ctrl-C is put off once, not twice, and only where a terminal could send it."""

import os
import signal
import threading

import pytest

from tasks.faults.interruption import put_off


@pytest.fixture(autouse=True)
def _at_a_terminal():
    """A script's shell may have had Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def interrupted(times, done, error=None):
    """Work during which Ctrl-C is pressed so many times; says what it came to."""
    with put_off() as interruption:
        for _ in range(times):
            ctrl_c()
        done.append(interruption.asked)
        if error is not None:
            raise error


def test_the_first_ctrl_c_is_noted_and_raised_at_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, done)
    assert done == [True]


def test_the_second_interrupts_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(2, done)
    assert done == []


def test_afterwards_ctrl_c_does_what_it_did():
    before = signal.getsignal(signal.SIGINT)
    with put_off() as interruption:
        assert signal.getsignal(signal.SIGINT) != before
    assert not interruption.asked
    assert signal.getsignal(signal.SIGINT) == before


def test_an_error_of_the_work_is_told_rather_than_the_interruption():
    with pytest.raises(ValueError, match="of the work"):
        interrupted(1, [], ValueError("of the work"))


def test_in_another_thread_nothing_is_put_off():
    found = []

    def work():
        with put_off():
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


def test_where_ctrl_c_is_ignored_it_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with put_off() as interruption:
            ctrl_c()
        assert not interruption.asked
    finally:
        signal.signal(signal.SIGINT, before)
