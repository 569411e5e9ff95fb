"""What readers said: rows that are added and never changed, one to a reader and an image."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields

from evaluation.reading.answers import GRADES
from factory.errors import DamagedError, InputError
from flows.readers.frozen_list import FrozenList, changed, open_key
from tasks.services.settings import Settings

SYNTHETIC, REAL = "synthetic", "real"
LONGEST_NAME, LONGEST_COMMENT = 64, 2000
WAIT_SECONDS = 30.0  # for another window that is writing

# The triggers keep what was said from any program that opens the file.
SCHEMA = """
CREATE TABLE reading (digest TEXT NOT NULL) STRICT;
CREATE TABLE answers (
    reader TEXT NOT NULL, item TEXT NOT NULL, answer TEXT NOT NULL, grade INTEGER NOT NULL,
    comment TEXT NOT NULL, seconds REAL, answered_at TEXT NOT NULL, PRIMARY KEY (reader, item)
) STRICT;
CREATE TRIGGER never_changed BEFORE UPDATE ON answers
    BEGIN SELECT RAISE(ABORT, 'an answer is never changed'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON answers
    BEGIN SELECT RAISE(ABORT, 'an answer is never removed'); END;
"""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        reader: name, see `reader_named`.
        item: of the list.
        answer: "synthetic" or "real".
        grade: 1 to 5.
        comment: "" for none.
        seconds: from the image's appearance to the choice; None where nobody measured it.
        answered_at: moment, ISO 8601; "" where nobody noted it.
    """

    reader: str
    item: str
    answer: str
    grade: int
    comment: str = ""
    seconds: float | None = None
    answered_at: str = ""


COLUMNS = tuple(each.name for each in fields(Answer))


def reader_named(text: str) -> str:
    """The reader that somebody calls themselves: case and spaces at the ends do not count.

    Raises:
        InputError: if it is no name.
    """
    name = " ".join(text.split()).casefold()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"{text[:LONGEST_NAME]!r} is no reader's name, and answers are told apart by it; type 1 to "
            f"{LONGEST_NAME} letters, best a pseudonym"
        )
    return name


@dataclass(frozen=True)
class AnswerBook:
    """The answers of a reading, for any number of windows and processes at once.

    Attributes:
        reading: that they are of.
    """

    reading: FrozenList

    @staticmethod
    def create(reading: FrozenList) -> AnswerBook:
        """An empty one, bound to the list as it is now."""
        with closing(sqlite3.connect(reading.answers)) as connection, connection:
            connection.executescript(SCHEMA)
            connection.execute("INSERT INTO reading VALUES (?)", (reading.digest,))
        return AnswerBook(reading)

    def add(self, answers: Sequence[Answer]) -> None:
        """Writes answers, all or none of them.

        Raises:
            InputError: if one cannot be, or its reader has answered the image before.
            DamagedError: if the list is not the one that the readers began with.
        """
        for answer in answers:
            self._check(answer)
        with self._open() as connection:
            for answer in answers:
                try:
                    marks = ", ".join("?" * len(COLUMNS))
                    connection.execute(f"INSERT INTO answers VALUES ({marks})", astuple(answer))
                except sqlite3.IntegrityError as error:
                    raise InputError(
                        f"{answer.reader} answered image {answer.item} before: the first answer counts "
                        "and stays as it is; go on with the next image"
                    ) from error

    def answers(self) -> list[Answer]:
        """Everything that was said, in the order in which it came.

        Raises:
            DamagedError: if it cannot be read, or the list is not the one that readers began with.
        """
        with self._open() as connection:
            rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM answers ORDER BY rowid")
            return [Answer(*row) for row in rows]

    def open_items(self, reader: str) -> list[str]:
        """Ids of the items that a reader has still to answer, in the reader's own order."""
        with self._open() as connection:
            rows = connection.execute("SELECT item FROM answers WHERE reader = ?", (reader,))
            done = {item for (item,) in rows}
        return [item for item in self.reading.order(reader) if item not in done]

    def _check(self, answer: Answer) -> None:
        low, high = GRADES
        if answer.item not in self.reading.items:
            raise InputError(
                f"reading {self.reading.name!r} has no image {answer.item!r}, so nothing was shown "
                "that this answer could be to; take the items from an export of this reading"
            )
        if answer.answer not in (SYNTHETIC, REAL):
            raise InputError(
                f"the answer to image {answer.item} is {answer.answer!r}; say {SYNTHETIC} or {REAL}"
            )
        if not low <= answer.grade <= high:
            raise InputError(
                f"the grade of image {answer.item} is {answer.grade}; give {low} to {high}"
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection in one transaction."""
        file = self.reading.answers
        if not file.is_file():
            raise DamagedError(
                f"the answers of reading {self.reading.name!r}, {file}, are lost: put the file back "
                "from a copy of the home, or make a new reading"
            )
        try:
            with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as connection, connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                begun = connection.execute("SELECT digest FROM reading").fetchone()
                if begun != (self.reading.digest,):
                    raise changed(self.reading.name, "its list.json")
                yield connection
        except sqlite3.OperationalError:  # a full disk, a home that cannot be written
            raise
        except sqlite3.DatabaseError as error:
            raise DamagedError(
                f"the answers of reading {self.reading.name!r}, {file}, cannot be read ({error}): put "
                "the file back from a copy of the home"
            ) from error


def check_reading(name: str, settings: Settings) -> None:
    """Whether a reading is whole: its list, its answers and its key.

    Raises:
        DamagedError: if not.
    """
    reading = FrozenList.open(name, settings)
    open_key(reading, settings)
    AnswerBook(reading).answers()
