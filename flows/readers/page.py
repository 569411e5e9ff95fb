"""The page of a reading: who reads, one image after the other, and the end; it holds no truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nicegui import context, ui

from factory.errors import DamagedError
from flows.readers.answer_book import Answer, AnswerBook, reader_named
from flows.readers.reading_form import ReadingForm
from flows.studio.job import INPUT_ERRORS
from flows.studio.parts.buttons import action
from flows.studio.parts.notice import Notice

STYLES = (
    Path(__file__).parents[1] / "studio/assets/studio.css",
    Path(__file__).with_name("assets") / "readers.css",
)
READER = "reader"  # of the address, so that a page loaded anew goes on
LONGEST_SECONDS = 86_400.0  # a page may lie open over night; more is no time of a reading
INSTRUCTIONS = (
    "About half of these images are real, the others were made by a program. For each, say which, and "
    "grade from 1 to 5 how well the image and what stands beside it agree. There is no way back, no time "
    "limit, and no word on whether an answer was right; the time until your choice is noted. You can stop "
    "at any moment and go on later under the same name."
)
KEYS = "Keys: R real, S synthetic, 1 to 5 the grade, C comment, Enter next."


def show_reading(book: AnswerBook) -> None:
    """Builds the page for one browser window."""
    for style in STYLES:
        ui.add_css(style)
    with ui.element("main").classes("studio readers"):
        with ui.element("header"):
            ui.html("MedPair <span>reading</span>", sanitize=False, tag="h1")
            ui.label(f"{book.reading.name} · not for diagnosis").classes("where")
        ReadingPage(book)


class ReadingPage:
    """What one window shows: the question of who reads, or an image, or the end."""

    def __init__(self, book: AnswerBook) -> None:
        self._book, self._reader = book, ""
        self._notice = Notice()
        self._start = ui.element("form").classes("start")
        with self._start:
            ui.label(INSTRUCTIONS)
            ui.label(KEYS).classes("hint")
            name = ui.input("Your name or pseudonym").props("outlined dense autofocus")
            action("Begin", lambda: None).props("type=submit")
        self._start.on("submit.prevent", lambda _: self._named(str(name.value or "")))
        self._progress = ui.label().props('role="status"').classes("progress-words")
        self._form = ReadingForm(book.reading, self._answered)
        self._end = ui.label().classes("end")
        self._show_only(self._start)
        if known := context.client.request.query_params.get(READER, ""):
            self._named(known)

    def _show_only(self, *parts: ui.element) -> None:
        for part in (self._start, self._progress, self._form, self._end):
            part.set_visibility(part in parts)

    def _named(self, text: str) -> None:
        """Begins, or goes on, as this reader."""
        try:
            self._reader = reader_named(text)
        except INPUT_ERRORS as error:
            self._notice.say(str(error))
            return
        self._notice.say("")
        ui.navigate.history.replace(f"?{READER}={self._reader}")
        self._next()

    def _answered(self, sent: Mapping[str, Any]) -> None:
        try:
            self._book.add([_answer(self._reader, sent)])
            self._notice.say("")
        except INPUT_ERRORS as error:
            self._notice.say(str(error))
        except DamagedError as error:
            self._stop(error)
            return
        self._next()

    def _next(self) -> None:
        """Shows the reader's next image, or the end."""
        total = len(self._book.reading.items)
        try:
            left = self._book.open_items(self._reader)
            if left:
                self._form.show(self._book.reading.items[left[0]])
            else:
                self._form.clear_image()
        except DamagedError as error:
            self._stop(error)
            return
        self._progress.set_text(f"Image {total - len(left) + 1} of {total}")
        self._end.set_text(f"All {total} images are answered. Thank you, {self._reader}.")
        self._show_only(*((self._progress, self._form) if left else (self._end,)))

    def _stop(self, error: DamagedError) -> None:
        self._form.clear_image()
        self._show_only()
        self._notice.say(str(error))


def _answer(reader: str, sent: Mapping[str, Any]) -> Answer:
    """What the form sent, with the moment."""
    return Answer(
        reader,
        str(sent["item"]),
        str(sent["answer"]),
        int(sent["grade"]),
        str(sent["comment"]).strip(),
        min(max(0.0, float(sent["seconds"])), LONGEST_SECONDS),
        datetime.now(UTC).isoformat(timespec="seconds"),
    )
