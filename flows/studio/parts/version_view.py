"""One version: its gates in words, filters, and its pairs a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nicegui import ui

from evaluation.report.gallery import class_colour
from factory.pairs import PairBatch
from factory.store.snapshot import chosen_by_hand
from flows.studio.browsing import ACCEPTED, FILTERED, REJECTED, VersionPairs, Wanted
from flows.studio.drawing import picture_uri, tiles
from flows.studio.parts.buttons import plain
from flows.studio.parts.notice import Notice
from flows.studio.session import Studio

PAGE = 12  # pairs at a time
VERDICTS = {ACCEPTED: ACCEPTED, REJECTED: REJECTED, "": "both"}


class VersionView:
    """A version with its filters.

    Attributes:
        box: all of it.
    """

    def __init__(self, studio: Studio, notice: Notice, side: str) -> None:
        self._studio, self._notice = studio, notice
        self._pairs: VersionPairs | None = None
        self._at = 0
        with ui.element("section").props(f'aria-label="The {side} version"') as self.box:
            self.version = ui.select([], label="Version", on_change=lambda _: self._open())
            self.version.props("outlined dense options-dense")
            self._facts = ui.html("", sanitize=False).classes("facts")
            with ui.element("div").classes("filters"):
                self._filters()
            self._count = ui.label().props('role="status"')
            self._grid = ui.element("div").classes("cards")
            with ui.element("div").classes("line"):
                self._before = plain("Earlier pairs", lambda: self._turn(-PAGE))
                self._after = plain("Later pairs", lambda: self._turn(PAGE))
        for button in (self._before, self._after):
            button.set_visibility(False)

    def offer(self, versions: list[str], beside: str = "") -> None:
        """The versions to choose from; one that is chosen stays, else the newest other than one."""
        chosen = self.version.value if self.version.value in versions else None
        others = [*(each for each in versions if each != beside), *versions]
        self.version.set_options(versions, value=chosen or next(iter(others), None))

    def _filters(self) -> None:
        self._verdict = ui.select(VERDICTS, label="Verdict", value=ACCEPTED)
        self._facets = {
            name: ui.select([""], label=name.capitalize(), value="") for name in FILTERED
        }
        self._score = ui.select([""], label="Order by number", value="")
        self._low, self._high = ui.number("From"), ui.number("To")
        self._real = ui.checkbox("Nearest real image beside each")
        selects = (self._verdict, *self._facets.values(), self._score)
        for control in (*selects, self._low, self._high):
            control.props("outlined dense options-dense").on_value_change(lambda _: self._show())
        self._real.props("dense").on_value_change(lambda _: self._show())

    def _open(self) -> None:
        name, _, tag = str(self.version.value or "").partition("@")
        if tag:
            found = VersionPairs(self._studio.settings, name, tag)
            self._notice.trying(lambda: self._look_into(found))

    def _look_into(self, pairs: VersionPairs) -> None:
        self._pairs = None  # filters that are set anew shall show nothing yet
        for name, select in self._facets.items():
            values = pairs.values(name)
            select.set_options({"": "any", **{v: v for v in values if v}}, value="")
            select.set_visibility(len(values) > 1)
        words = {name: name.replace("_", " ") for name in pairs.scores}
        self._score.set_options({"": "none", **words}, value="")
        for control in (self._score, self._low, self._high):
            control.set_visibility(bool(words))
        self._real.set_visibility(pairs.shows_real and "nearest" in pairs.table)
        self._facts.set_content(_facts(pairs))
        self._pairs = pairs
        self._show()

    @property
    def _wanted(self) -> Wanted:
        facets = tuple(
            (name, str(select.value)) for name, select in self._facets.items() if select.value
        )
        return Wanted(
            str(self._verdict.value),
            facets,
            str(self._score.value or ""),
            self._low.value,
            self._high.value,
        )

    def _turn(self, by: int) -> None:
        self._show(self._at + by)

    def _show(self, at: int = 0) -> None:
        if (pairs := self._pairs) is None:
            return
        rows = pairs.rows(self._wanted)
        self._at = max(0, min(at, len(rows) - 1))
        page = rows[self._at : self._at + PAGE]
        last = self._at + len(page)
        count = f"pairs {self._at + 1} to {last} of {len(rows)}" if rows else "no pair fits"
        self._count.set_text(count)
        self._before.set_visibility(self._at > 0)
        self._after.set_visibility(last < len(rows))
        self._grid.clear()
        if page:
            self._notice.trying(lambda: self._draw(pairs, page))

    def _draw(self, pairs: VersionPairs, page: list[int]) -> None:
        read, order = pairs.read(page), sorted(page)
        for row in page:
            self._card(pairs, row, read[[order.index(row)]])

    def _card(self, pairs: VersionPairs, row: int, pair: PairBatch) -> None:
        classes = pairs.classes(str(pair.facets["domain"].iloc[0]))
        shown = tiles(pair.images[0], pair.masks[0], classes, f"row {row}")
        wanted = self._real.value and self._real.visible
        if wanted and (nearest := pairs.nearest(row)) is not None:
            shown += _real(pairs, nearest)
        words = " · ".join(map(escape, [f"row {row}", *pairs.notes(row)]))
        with self._grid, ui.element("article").classes("card"):
            ui.html(shown, sanitize=False)
            ui.html(words, sanitize=False).classes("about")


def _real(pairs: VersionPairs, nearest: int) -> str:
    uri = picture_uri(pairs.real[nearest])
    alt = "The nearest real training image"
    return f'<figure class="tile"><img src="{uri}" alt="{alt}"><figcaption>nearest real</figcaption></figure>'


def _facts(pairs: VersionPairs) -> str:
    counts, attributes = pairs.snapshot.counts(), pairs.snapshot.attributes
    lines = [pairs.withdrawal] if pairs.withdrawal else []
    lines += [f"pairs: {counts['accepted']} accepted, {counts['rejected']} rejected"]
    lines += chosen_by_hand(attributes)
    lines += [f"gates: {line}" for line in pairs.verdicts]
    if not pairs.scores:
        lines.append(f"not scored yet: medpair evaluate {pairs.name}@{pairs.tag}")
    told = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{told}</ul>{_answers(pairs)}{_legends(pairs)}"


def _answers(pairs: VersionPairs) -> str:
    """What its scores say: a question, its verdict, a sentence, and the score that decides."""
    told = (
        f"<div><dt>{escape(each.question)} <b>{each.verdict}</b></dt>"
        f'<dd>{escape(each.says)} <span class="hint">{escape(each.sentence)}</span></dd></div>'
        for each in pairs.answers
    )
    return f"<dl>{''.join(told)}</dl>"


def _legends(pairs: VersionPairs) -> str:
    """Number, colour and name of the classes of each domain that occurs, a line for each."""
    return "".join(_legend(domain, pairs.classes(domain)) for domain in pairs.values("domain"))


def _legend(domain: str, classes: Sequence[str]) -> str:
    spans = (
        f'<span><i style="background:{class_colour(index)}"></i>{index} {escape(name)}</span>'
        for index, name in enumerate(classes, start=1)
    )
    return f'<div class="legend">{escape(domain)}: {"".join(spans)}</div>'
