"""What no user's input is to blame for, in one line: damage at rest, and a machine that is in the way."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import evaluation.errors
import factory.errors
from factory.errors import DamagedError
from factory.places import FULL
from tasks.faults.deadly import ClusterLostError, WorkersLostError

DAMAGED = (
    factory.errors.DamagedError,
    evaluation.errors.DamagedError,
    WorkersLostError,
    ClusterLostError,
)
MLFLOW_HOLDS = "MLflow's pages forget older runs, and the lake keeps their scores and versions"
PREFECT_HOLDS = "Prefect's pages forget older flow runs, and nothing else needs them"
BARRED = {errno.EROFS, errno.EACCES, errno.EPERM}
# What libraries below say in words of their own, and what it comes to; "{}" takes a path.
SAID = {
    "No space left on device": "full",
    "Disk quota exceeded": "full",
    "database or disk is full": "full",
    "Read-only file system": "barred",
    "readonly database": "barred",
    "Permission denied": "barred",
    "invalid snapshot timestamp ordering": "clock",
    "clock has drifted": "drift",
    "disk image is malformed": "database",
    "file is not a database": "database",
    "/api/2.0/mlflow/": "tracker",
    "(psycopg2.OperationalError)": "tracker",
}
LINES = {
    "full": "the disk of the home is full, and what was finished is kept: free some space, for "
    "example by `medpair datasets gc NAME --delete`, and the same command goes on",
    "barred": "{} cannot be written: mend its rights, or choose another home with --home",
    "clock": "the clock of this machine is behind the data, which would then be older than what it "
    "follows from: set the clock right, and the same command goes on",
    "drift": "the clock of this machine is not that of the disk or the store that holds the data: set it "
    "right, and the same command goes on",
    "tracker": "MLflow's server, which MEDPAIR_MLFLOW names, does not answer any more: start it, and the "
    "same command goes on",
    "database": "a database of the home is damaged: `medpair doctor` says which and what to do",
}


def in_words(error: BaseException) -> str | None:
    """The line that says what is wrong with the machine or what lies at rest; None of a defect."""
    damaged = next((str(each) for each in _chain(error) if isinstance(each, DAMAGED)), None)
    for each in _chain(error):
        kind = _kind(each)
        if kind is not None and not (damaged and kind == "database"):
            file = getattr(each, "filename", None)
            return LINES[kind].format(Path(file).parent if file else "the home")
    return damaged


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _kind(error: BaseException) -> str | None:
    number = getattr(error, "errno", None)
    if number in FULL | BARRED:
        return "full" if number in FULL else "barred"
    text = str(error)
    return next((kind for words, kind in SAID.items() if words in text), None)


def check_database(file: Path, holds: str, *, thorough: bool = False) -> None:
    """Whether a SQLite database can be read; one that is not there, or is empty, will be made.

    Args:
        file: of the database.
        holds: what is lost with it, in words.
        thorough: read all of it, not its beginning alone.

    Raises:
        DamagedError: saying what to do.
    """
    if not file.is_file() or not file.stat().st_size:
        return
    question = "PRAGMA quick_check(1)" if thorough else "SELECT 'ok', count(*) FROM sqlite_master"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            found = str(connection.execute(question).fetchone()[0])
    except sqlite3.OperationalError:  # locked, or of a home that cannot be written: not damaged
        return
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        reason = found.splitlines()[-1]
        raise DamagedError(
            f"{file} is damaged ({reason}): move it away with the files beside it that begin with "
            f"its name, and the next command makes a new one; {holds}"
        )
