"""How far the job is, how fast, and the button that ends it."""

from __future__ import annotations

from nicegui import ui

from flows.studio.parts.buttons import plain
from flows.studio.session import Studio


class Progress:
    """A line with a bar; hidden before the first job."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with ui.element("div").classes("progress") as self._box:
            self._words = ui.label().props('role="status"')
            self._bar = ui.linear_progress(0, show_value=False).props('aria-label="Progress"')
            self._cancel = plain("Cancel", studio.worker.cancel)
        self._box.set_visibility(False)

    def look(self) -> None:
        """Shows how the newest job stands."""
        if (job := self._studio.worker.job) is None:
            return
        self._box.set_visibility(True)
        self._words.set_text(job.words[0].upper() + job.words[1:])
        self._words.classes(**{"add" if job.problem else "remove": "bad"})
        self._bar.set_value(job.done / job.total)
        self._bar.set_visibility(job.running)
        self._cancel.set_visibility(job.running)
