"""The versions of the home: choose one, filter its pairs, look at them, beside another version."""

from __future__ import annotations

from nicegui import ui

from flows.studio.browsing import tags_of
from flows.studio.parts.notice import Notice
from flows.studio.parts.pair_table import opacity_slider
from flows.studio.parts.version_view import VersionView
from flows.studio.session import Studio

NONE_YET = (
    "No version is in this home yet. Tick pairs and keep them, or run a recipe: medpair demo makes a "
    "first one."
)


class VersionsPanel:
    """One version, or two side by side.

    Attributes:
        box: all of it.
    """

    def __init__(self, studio: Studio, notice: Notice) -> None:
        self._studio = studio
        with ui.element("section").props('aria-label="Versions"').classes("versions") as self.box:
            self._empty = ui.label(NONE_YET).classes("hint")
            with ui.element("div").classes("over"):
                self._both = ui.checkbox("Two versions side by side").props("dense")
                opacity_slider()
            with ui.element("div").classes("sides") as sides:
                views = [VersionView(studio, notice, side) for side in ("first", "second")]
        self._views = views
        self._both.on_value_change(lambda _: self.refresh())
        self._both.on_value_change(lambda _: sides.classes(toggle="two"))
        views[1].box.bind_visibility_from(self._both, "value")

    def refresh(self) -> None:
        """Looks for versions that came since."""
        known = tags_of(self._studio.settings)
        self._empty.set_visibility(not known)
        versions = [f"{name}@{tag}" for name, tags in known.items() for tag in tags]
        first, second = self._views
        first.offer(versions)
        if self._both.value:
            second.offer(versions, beside=str(first.version.value))
