"""What went wrong, in a line that stays until the next thing is tried."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from flows.studio.job import INPUT_ERRORS


class Notice:
    """A line of the page that is read out when it changes."""

    def __init__(self) -> None:
        with ui.element("div").props('role="alert"').classes("notice") as self._box:
            self._label = ui.label()
        self.say("")

    def say(self, line: str) -> None:
        """Shows a line; "" for none."""
        self._label.set_text(line)
        self._box.set_visibility(bool(line))

    def trying(self, act: Callable[[], object]) -> bool:
        """Does something; shows a visitor's mistake, and says whether there was none."""
        try:
            act()
        except INPUT_ERRORS as error:
            self.say(str(error))
            return False
        self.say("")
        return True
