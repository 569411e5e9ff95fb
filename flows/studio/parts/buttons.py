"""Buttons in the page's own colours: one kind for what a part is about, a plain one for the rest."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui


def action(label: str, act: Callable[[], object]) -> ui.button:
    """The button of what a part of the page is about."""
    return _button(label, "action", act)


def plain(label: str, act: Callable[[], object] | None = None) -> ui.button:
    """Any other button."""
    return _button(label, "plain", act)


def _button(label: str, kind: str, act: Callable[[], object] | None) -> ui.button:
    handler = None if act is None else lambda _: act()
    # Without a colour of Quasar's, which stands above any style and has one shade for light and dark.
    return ui.button(label, on_click=handler, color=None).props("unelevated").classes(kind)
