"""Name and button by which ticked pairs become a version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nicegui import ui

from factory.sources import SourceSection
from flows.studio.keeping import Keeping, check_keepable
from flows.studio.parts.buttons import action
from flows.studio.parts.notice import Notice
from flows.studio.real_source import real_pairs
from flows.studio.session import Studio
from flows.studio.sheet import Sheet


class KeepBar:
    """Says how many pairs are ticked, and keeps them."""

    def __init__(self, studio: Studio, notice: Notice) -> None:
        self._studio = studio
        self._told: list[str] = []
        with ui.element("div").classes("keep line") as self._box:
            self._count = ui.label().props('role="status"')
            self.name = ui.input("Name of the data set", value="kept").props("outlined dense")
            self.real = ui.input("Real pairs (optional)").props("outlined dense")
            self.real.tooltip(
                "what scores are held against: a folder, a recipe or phantom; else what the model learnt from"
            )
            action("Keep as a version", lambda: notice.trying(self._keep))
            self._done = ui.label().classes("good")

    def look(self) -> None:
        """Shows how many are ticked, and what was kept last."""
        sheet = self._studio.sheet
        self._box.set_visibility(sheet is not None and sheet.keepable)
        if sheet is not None:
            self._count.set_text(f"{len(sheet.ticked)} of {len(sheet.pairs)} ticked")
        self._done.set_text(self._told[-1] if self._told else "")

    def _keep(self) -> None:
        name = str(self.name.value or "").strip()
        sheet = check_keepable(self._studio.sheet, name)
        chosen = replace(sheet, ticked=set(sheet.ticked))  # what is ticked later is not of this
        self._told.clear()
        keeping = Keeping(chosen, name, self._source(sheet), self._studio.settings)

        def steps() -> Iterator[None]:
            self._told.append(keeping.kept().words)
            yield

        self._studio.worker.start(f"keeping ticked pairs as {name}", 1, steps)

    def _source(self, sheet: Sheet) -> SourceSection:
        """The real pairs named, or those that the model learnt from."""
        named, settings = str(self.real.value or "").strip(), self._studio.settings
        return real_pairs(named, sheet.request.checkpoint, sheet.domain, settings).section
