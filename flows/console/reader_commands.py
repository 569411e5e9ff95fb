"""The commands below `medpair readers`: freeze a list, serve it, say what came of it, CSV in and out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.console.session import DatasetName, Home, Json, open_session, settings_of
from flows.console.studio_command import Browser, Port, check_nicegui, tell_address
from flows.console.terminal import Terminal
from tasks.services.ports import free_port

readers = typer.Typer(
    no_args_is_help=True, help="Blinded readings: can people tell the pairs from real images?"
)

Reading = Annotated[str, typer.Argument(metavar="READING", help="Name of a reading.")]


@readers.command()
def new(
    dataset: DatasetName,
    images: Annotated[int, typer.Option(help="In all; half of them are real.")] = 60,
    grade: Annotated[
        Literal["mask", "text"] | None,
        typer.Option(
            help="What the grade is about, beside the image.", show_default="mask, where there are"
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the reading.", show_default="DATASET-VERSION")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of images.")] = 0,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Freezes a shuffled list of real and synthetic images, and the key to it apart from it."""
    with open_session(home, json_) as session:
        from flows.console.tables import reading_tables
        from flows.datasets import Version
        from flows.readers.freezing import Wanted, new_reading

        wanted = Wanted(images, grade, seed, name)
        made = new_reading(Version.parse(dataset), wanted, session.settings)
        result = {"reading": made.name, "digest": made.digest, "images": len(made.items)}
        session.set_result(
            {**result, "folder": made.folder, "grade": made.content.question},
            reading_tables.made(made),
        )


@readers.command()
def serve(
    reading: Reading,
    port: Port = 0,
    browser: Browser = True,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Shows a reading to its readers in a page on this machine alone, until Ctrl-C."""
    check_nicegui("the page for readers")
    settings, free = settings_of(home), free_port(port, "--port")
    from flows.readers.answer_book import AnswerBook
    from flows.readers.frozen_list import FrozenList
    from flows.readers.page import show_reading
    from flows.studio.serving import serve as serve_page

    book = AnswerBook(FrozenList.open(reading, settings))
    book.answers()
    ready = partial(tell_address, "readers", free, browser, Terminal(json_))
    serve_page(partial(show_reading, book), "MedPair reading", free, ready)


@readers.command()
def result(reading: Reading, home: Home = None, json_: Json = False) -> None:
    """Says what a reading comes to so far, and records it in the lake for reports and SQL."""
    with open_session(home, json_) as session:
        from flows.console.tables import reading_tables
        from flows.readers.outcome import outcome_of

        found = outcome_of(reading, session.settings)
        session.set_result(found, reading_tables.outcome(found))


@readers.command()
def export(
    reading: Reading,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new CSV.")],
    reader: Annotated[
        str, typer.Option(help="Only this reader, with what is still to be answered.")
    ] = "",
    home: Home = None,
    json_: Json = False,
) -> None:
    """Writes answers as CSV; of one reader, as a sheet that can be filled in elsewhere."""
    with open_session(home, json_) as session:
        from flows.readers.answer_book import AnswerBook, reader_named
        from flows.readers.exchange import export_answers
        from flows.readers.frozen_list import FrozenList

        book = AnswerBook(FrozenList.open(reading, session.settings))
        rows = export_answers(book, file, reader_named(reader) if reader else "")
        session.set_result({"file": file, "rows": rows}, f"{rows} rows: {file}")


@readers.command("import")
def import_(
    reading: Reading,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV of `readers export`.")],
    home: Home = None,
    json_: Json = False,
) -> None:
    """Takes answers in that were given elsewhere, all of a file or none."""
    with open_session(home, json_) as session:
        from flows.readers.answer_book import AnswerBook
        from flows.readers.exchange import import_answers
        from flows.readers.frozen_list import FrozenList

        book = AnswerBook(FrozenList.open(reading, session.settings))
        found = import_answers(book, file)
        text = f"{found.added} answers added, {found.known} known before, {found.blank} rows blank"
        session.set_result(found, text)
