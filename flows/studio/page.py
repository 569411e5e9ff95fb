"""The page: a header, five tabs, and the table of pairs that four of them fill."""

from __future__ import annotations

from functools import partial
from operator import eq, ne
from pathlib import Path

from nicegui import ui

from factory.intended_use import FORBIDDEN, INTENDED
from flows.studio.parts.buttons import action
from flows.studio.parts.fill_panel import FillPanel
from flows.studio.parts.image_panel import ImagePanel
from flows.studio.parts.mask_panel import MaskPanel
from flows.studio.parts.notice import Notice
from flows.studio.parts.pair_table import PairTable
from flows.studio.parts.progress import Progress
from flows.studio.parts.request_form import RequestForm
from flows.studio.parts.versions_panel import VersionsPanel
from flows.studio.session import Studio

STYLE = Path(__file__).with_name("assets") / "studio.css"
LOOK_SECONDS = 0.25
MAKE, FROM_MASK, FROM_IMAGE = "Make pairs", "From a mask", "From an image"
FILL, VERSIONS = "Fill in a region", "Versions"


def show_page(studio: Studio) -> None:
    """Builds the page for one browser window."""
    ui.add_css(STYLE)
    with ui.element("div").classes("studio"):
        _header(studio)
        _main(studio)
        with ui.element("footer"):
            ui.label(f"Intended use: {INTENDED} Forbidden use: {FORBIDDEN}")


def _header(studio: Studio) -> None:
    with ui.element("header"):
        ui.html("MedPair <span>studio</span>", sanitize=False, tag="h1")
        home = studio.settings.home_as_typed
        ui.label(f"synthetic pairs, not for diagnosis · {home}").classes("where")


def _main(studio: Studio) -> None:
    with ui.tabs().props("align=left no-caps inline-label").classes("tabs") as tabs:
        for name in (MAKE, FROM_MASK, FROM_IMAGE, FILL, VERSIONS):
            ui.tab(name)
    tabs.value = MAKE
    notice = Notice()
    tabs.on_value_change(lambda _: notice.say(""))
    _bench(studio, tabs, notice)
    versions = VersionsPanel(studio, notice)
    versions.box.bind_visibility_from(tabs, "value", backward=partial(eq, VERSIONS))
    tabs.on_value_change(lambda event: versions.refresh() if event.value == VERSIONS else None)


def _bench(studio: Studio, tabs: ui.tabs, notice: Notice) -> None:
    """What four tabs share: the form at the left, the job and the table at the right."""
    with ui.element("div").classes("bench") as bench:
        with ui.element("section").props('aria-label="What is asked for"').classes("side"):
            form = RequestForm(studio)
        with ui.element("div").classes("work"):
            panel = _tools(studio, tabs, form, notice)

            def fill(number: int) -> None:
                panel.take(number)
                tabs.value = FILL

            parts = Progress(studio), PairTable(studio, notice, fill)
    bench.bind_visibility_from(tabs, "value", backward=partial(ne, VERSIONS))
    for part in parts:
        ui.timer(LOOK_SECONDS, part.look)


def _tools(studio: Studio, tabs: ui.tabs, form: RequestForm, notice: Notice) -> FillPanel:
    """What each of the first four tabs has above the table; the panel that pairs can be taken to."""
    with ui.element("div").classes("tool") as make:
        action("Make pairs", lambda: notice.trying(lambda: studio.make(form.request())))
        ui.label("Image and mask are drawn together from noise.").classes("hint")
    panels = {MAKE: make, FROM_MASK: MaskPanel(studio, form, notice).box}
    panels[FROM_IMAGE] = ImagePanel(studio, form, notice).box
    fill = FillPanel(studio, form, notice)
    for name, box in (panels | {FILL: fill.box}).items():
        box.bind_visibility_from(tabs, "value", backward=partial(eq, name))
    return fill
