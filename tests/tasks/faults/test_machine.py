"""What a machine that is in the way raises, and the line that it comes to."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from factory.errors import DamagedError
from tasks.faults.machine import check_database, in_words
from tasks.services.run_logs import one_line


def raised(call, *args):
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001  # whatever it is
        return error
    pytest.fail("nothing was raised")


def fill_a_disk():
    with Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
def test_a_full_disk_is_told_in_a_line():
    assert "the disk of the home is full" in in_words(raised(fill_a_disk))


def test_what_caused_it_counts_as_well():
    cause = OSError(errno.EROFS, os.strerror(errno.EROFS), "/home/some/file")
    error = RuntimeError("a flow failed")
    error.__cause__ = cause
    assert in_words(error).startswith("/home/some cannot be written")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x Generic LocalFileSystem error: No space left on device (os error 28)", "is full"),
        ("(sqlite3.OperationalError) database or disk is full [SQL: INSERT]", "is full"),
        ("(sqlite3.OperationalError) attempt to write a readonly database", "cannot be written"),
        ("x invalid snapshot timestamp ordering. parent: `A`, child: `B`", "the clock of this"),
        ("the machine clock has drifted", "the clock of this"),
        ("(sqlite3.DatabaseError) database disk image is malformed", "`medpair doctor`"),
        ("API request to http://a:5000/api/2.0/mlflow/runs/create failed with", "MEDPAIR_MLFLOW"),
        ("(psycopg2.OperationalError) server closed the connection", "MEDPAIR_MLFLOW"),
    ],
)
def test_what_libraries_say_in_words_of_their_own(text, words):
    line = in_words(RuntimeError(text))
    assert words in line
    assert "\n" not in line


def test_a_database_that_is_none(tmp_path):
    (tmp_path / "some.db").write_bytes(b"x" * 4096)
    connection = sqlite3.connect(tmp_path / "some.db")
    assert "`medpair doctor`" in in_words(raised(connection.execute, "select 1 from t"))
    connection.close()


def test_a_database_that_was_named_keeps_its_name(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"x" * 4096)
    error = raised(check_database, tmp_path / "mlflow.db", "nothing is lost")
    assert in_words(error) == str(error)
    assert str(tmp_path / "mlflow.db") in str(error)


def test_damage_says_itself_and_a_defect_nothing():
    assert in_words(DamagedError("lost")) == one_line(DamagedError("lost")) == "lost"
    assert in_words(KeyError("x")) is None
    assert one_line(KeyError("x")) is None
