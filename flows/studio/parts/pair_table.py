"""The table of pairs: cards that appear as they are made, opacity, legend, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from nicegui import ui

from flows.studio.drawing import legend, picture_uri, tiles
from flows.studio.parts.buttons import plain
from flows.studio.parts.keep_bar import KeepBar
from flows.studio.parts.notice import Notice
from flows.studio.session import Studio
from flows.studio.sheet import MadePair, Sheet

SET_OPACITY = "(value) => document.body.style.setProperty('--opacity', value / 100)"


class PairTable:
    """Shows the sheet of a studio; every window shows the same one.

    Args:
        studio: whose pairs.
        notice: tells a visitor's mistakes.
        fill: takes a pair, by its number, to where a region of it is drawn anew.
    """

    def __init__(self, studio: Studio, notice: Notice, fill: Callable[[int], object]) -> None:
        self._studio, self._notice, self._fill = studio, notice, fill
        self._sheet: Sheet | None = None
        self._cards = 0
        self._boxes: dict[int, ui.checkbox] = {}
        with (
            ui.element("section")
            .props('aria-label="Pairs on the table"')
            .classes("table") as self._box
        ):
            with ui.element("div").classes("over"):
                self._legend = ui.html("", sanitize=False).classes("legend")
                opacity_slider()
                self._back = plain("Back to the pairs before", self._go_back)
            self._grid = ui.element("div").classes("cards")
            self._keep = KeepBar(studio, notice)
            self._python = ui.html("", sanitize=False).classes("python")
        self._box.set_visibility(False)

    def look(self) -> None:
        """Shows pairs that were made since."""
        if self._studio.sheet is not self._sheet:
            self._start_anew(self._studio.sheet)
        if self._sheet is not None:
            for number in range(self._cards, len(self._sheet.pairs)):
                self._add(self._sheet, number)
            for number, box in self._boxes.items():  # another window may have ticked it
                box.set_value(number in self._sheet.ticked)
            self._keep.look()

    def _start_anew(self, sheet: Sheet | None) -> None:
        self._sheet, self._cards = sheet, 0
        self._grid.clear()
        self._boxes = {}
        self._back.set_visibility(self._studio.has_earlier)
        self._box.set_visibility(sheet is not None)
        if sheet is not None:
            self._legend.set_content(legend_html(sheet))
            self._python.set_content(_python(sheet))

    def _add(self, sheet: Sheet, number: int) -> None:
        pair = sheet.pairs[number]
        self._cards = number + 1
        with self._grid, ui.element("article").classes("card"):
            ui.html(
                tiles(pair.image, pair.mask, sheet.domain.classes, str(number + 1)), sanitize=False
            )
            ui.html(_about(pair, number, sheet.keepable), sanitize=False).classes("about")
            with ui.element("div").classes("line"):
                if sheet.keepable:
                    box = ui.checkbox(f"Keep pair {number + 1}", value=number in sheet.ticked)
                    box.props("dense").on_value_change(lambda e: sheet.tick(number, bool(e.value)))
                    self._boxes[number] = box
                    vary = plain("Vary", lambda: self._vary(number)).props("dense")
                    vary.props(f'aria-label="Vary pair {number + 1}: other images for its mask"')
                fill = plain("Fill in", lambda: self._notice.trying(lambda: self._fill(number)))
                fill.props(f'dense aria-label="Fill in a region of pair {number + 1}"')
                ui.html(_downloads(pair), sanitize=False).classes("downloads")

    def _go_back(self) -> None:
        self._notice.trying(self._studio.back)

    def _vary(self, number: int) -> None:
        sheet = self._sheet
        if sheet is not None:
            self._notice.trying(lambda: self._studio.vary(number, sheet.varied))


def opacity_slider() -> None:
    """Sets how much of the image the masks over it hide, on the page alone."""
    with ui.element("div").classes("opacity"):
        ui.label("Mask opacity")
        slider = ui.slider(min=0, max=100, step=5, value=40)
        slider.props('aria-label="Mask opacity in percent"')
        slider.on("update:model-value", js_handler=SET_OPACITY)


def legend_html(sheet: Sheet) -> str:
    """Number, colour and name of each class."""
    swatches = legend(sheet.domain.classes, [pair.mask for pair in sheet.pairs])
    return "".join(
        f'<span><i style="background:{each.colour}"></i>{each.index} {escape(each.name)}</span>'
        for each in swatches
    )


def _about(pair: MadePair, number: int, keepable: bool) -> str:
    prompt = pair.prompt
    words = [f"<b>{number + 1}</b>", escape(prompt.finding), escape(prompt.text)]
    line = " · ".join(word for word in [*words, f"<code>{pair.name}</code>"] if word)
    if not (keepable and pair.faults):  # the checks decide on what may be kept
        return line
    return f'{line}<p class="bad">The checks reject it: {escape(", ".join(pair.faults))}</p>'


def _downloads(pair: MadePair) -> str:
    files = (("image", pair.image), ("mask", pair.mask))
    return "".join(
        f'<a href="{picture_uri(pixels)}" download="{pair.name}-{kind}.png">save {kind}</a>'
        for kind, pixels in files
    )


def _python(sheet: Sheet) -> str:
    if sheet.given:
        return ""
    call = escape(sheet.request.python)
    return f"<details><summary>The same pairs in Python</summary><pre tabindex=0>{call}</pre></details>"
