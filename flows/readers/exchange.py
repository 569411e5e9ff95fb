"""Answers as CSV: out to be kept or filled in elsewhere, and back in, by the checks of the page."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from factory.errors import InputError
from factory.places import named_place
from factory.sources.files.table import read_table
from flows.readers.answer_book import COLUMNS, LONGEST_COMMENT, Answer, AnswerBook, reader_named

READING = "reading"
WHOLE = (READING, *COLUMNS)
NEEDED = {READING, "reader", "item", "answer", "grade"}


@dataclass(frozen=True)
class Imported:
    """What became of the rows of a file.

    Attributes:
        added: answers that were new.
        known: answers that were there already, word for word.
        blank: rows without an answer.
    """

    added: int
    known: int
    blank: int


def export_answers(book: AnswerBook, file: Path, reader: str = "") -> int:
    """Writes the answers of a reading as CSV in UTF-8, and returns the number of rows.

    Args:
        book: of the reading.
        file: a new one.
        reader: "" for everybody; a reader's sheet has also the images still to be answered, in the
            reader's own order, with nothing in `answer` and `grade`.

    Raises:
        InputError: if the file is there already, or cannot be written.
    """
    rows = [*_rows(book, reader)]
    with named_place(file), file.open("x", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, WHOLE)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def import_answers(book: AnswerBook, file: Path) -> Imported:
    """Takes the answers of a CSV in, all of them or none; rows without an answer are left out.

    Raises:
        InputError: if a row is none of this reading, or answers an image a second time.
    """
    if not file.is_file():
        raise InputError(f"{file} is no file; name the CSV of an export, filled in")
    columns, rows = read_table(file)
    if missing := NEEDED - {*columns}:
        raise InputError(f"{file} has no column {', '.join(sorted(missing))}; begin with an export")
    filled = [(n, row) for n, row in enumerate(rows, 1) if row["answer"] or row["grade"]]
    found = [_answer(book, file, number, row) for number, row in filled]
    new = list(_new(book, file, found))
    try:
        book.add(new)
    except InputError as error:
        raise InputError(f"{file}: {error}; nothing of the file was taken in") from error
    return Imported(len(new), len(found) - len(new), len(rows) - len(found))


def _rows(book: AnswerBook, reader: str) -> Iterator[dict[str, object]]:
    known = [each for each in book.answers() if reader in ("", each.reader)]
    for each in known:
        yield {READING: book.reading.digest, **asdict(each)}
    if reader:
        for item in book.open_items(reader):
            yield {READING: book.reading.digest, "reader": reader, "item": item}


def _answer(book: AnswerBook, file: Path, number: int, row: Mapping[str, str]) -> Answer:
    """One row, checked.

    Raises:
        InputError: naming file and row.
    """
    where = f"{file}, row {number}"
    if row[READING] != book.reading.digest:
        raise InputError(
            f"{where}: it answers reading {row[READING][:12] or 'none'}, not "
            f"{book.reading.digest[:12]} ({book.reading.name}), which shows other images; import it "
            "into the reading that it came from"
        )
    try:
        return Answer(
            reader=reader_named(row["reader"]),
            item=row["item"],
            answer=row["answer"].casefold(),
            grade=int(row["grade"]),
            comment=row.get("comment", "")[:LONGEST_COMMENT],
            seconds=_seconds(row.get("seconds", "")),
            answered_at=_moment(row.get("answered_at", "")),
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except ValueError as error:
        raise InputError(
            f"{where}: {error}; give a whole grade, seconds of 0 or more, a moment as "
            "2026-01-31T12:00:00+00:00"
        ) from error


def _seconds(text: str) -> float | None:
    if not text:
        return None
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text} seconds cannot be")
    return seconds


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).isoformat() if text else ""


def _new(book: AnswerBook, file: Path, found: list[Answer]) -> Iterator[Answer]:
    """The answers that are not there yet; one that is there and differs is left to be refused."""
    known = {(each.reader, each.item): each for each in book.answers()}
    for each in found:
        before = known.get((each.reader, each.item))
        if before is None or (before.answer, before.grade) != (each.answer, each.grade):
            yield each
