"""What is running in a home, told by its locks, without touching them."""

import errno
import os

import pytest
from filelock import FileLock

from flows.console.home_state import running
from tasks.services.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def test_a_run_is_told_while_its_lock_is_held(settings, tmp_path):
    lock = tmp_path / "pairs" / ".locks" / "mine.run-0123456789ab.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        assert running("mine", settings) == ("making pairs, run-0123456789ab",)
    assert running("mine", settings) == ()


def test_a_home_that_cannot_be_written_is_looked_at(settings, tmp_path, monkeypatch):
    lock, opened = tmp_path / "models" / "mine-0123.lock", os.open
    lock.parent.mkdir()
    lock.touch()

    def barred(path, flags, *rest, **more):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", barred)
    assert running("mine", settings) == ()
