"""The controls that say which model, which prompt, how many and how to draw."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from evaluation.report.gallery import class_colour
from factory.errors import InputError
from factory.vocabulary import Domain
from flows.asking.request import Request
from flows.studio.models import Models, domains_of
from flows.studio.session import Studio

ANY = "any or none"


class RequestForm:
    """The controls of a request; each has a label and takes the keyboard."""

    def __init__(self, studio: Studio) -> None:
        self._models: Models = studio.models
        self._known: Mapping[str, Domain] = {}
        self._classes: dict[str, ui.checkbox] = {}
        known = self._models.known()
        self.checkpoint = _select("Checkpoint", known, next(iter(known), None))
        self.folder = ui.input("Or the folder of another one").props("outlined dense clearable")
        self.domain = _select("Modality and anatomy", {}, None)
        self.finding = _select("Finding", {}, None)
        self._box = ui.element("fieldset").classes("classes")
        self.text = ui.input("Free text").props("outlined dense")
        with ui.element("div").classes("numbers"):
            self.number = _number("Pairs", 8, 1, None, 1)
            self.seed = _number("Seed", 0, 0, 2**53, 1)
            self.steps = _number("Steps", 20, 1, 1000, 1)
            self.guidance = _number("Guidance", Request.guidance, 0, 20, 0.5)
        self._watch()
        self._show_domains()

    def _watch(self) -> None:
        """Has each choice show what can be chosen after it."""
        self.checkpoint.on_value_change(lambda _: self._show_domains())
        self.folder.on("change", lambda _: self._show_domains())
        self.domain.on_value_change(lambda _: self._show_findings())
        self.finding.on_value_change(lambda _: self._show_classes())

    @property
    def name(self) -> str:
        """The checkpoint that is chosen."""
        return str(self.folder.value or self.checkpoint.value or "").strip()

    @property
    def chosen(self) -> Domain:
        """The domain that is chosen.

        Raises:
            InputError: if the checkpoint has none.
        """
        known = self._known or domains_of(self.name)
        return known.get(str(self.domain.value)) or next(iter(known.values()))

    def request(self) -> Request:
        """What the controls say.

        Raises:
            InputError: if a number is missing, or the checkpoint cannot be used.
        """
        domain, finding = self.chosen, str(self.finding.value or "")
        ticked = tuple(name for name, box in self._classes.items() if box.value)
        return Request(
            self.name,
            domain.name,
            finding,
            None if ticked == domain.shown(finding) else ticked,
            str(self.text.value or "").strip(),
            int(_given(self.number)),
            int(_given(self.seed)),
            int(_given(self.steps)),
            _given(self.guidance),
        )

    def _show_domains(self) -> None:
        try:
            self._known = domains_of(self.name)
        except InputError:  # told when something is asked for
            self._known = {}
        words = {
            name: f"{each.title} ({each.modality}, {each.anatomy})"
            for name, each in self._known.items()
        }
        self.domain.set_options(words, value=next(iter(words), None))
        self._show_findings()

    def _show_findings(self) -> None:
        domain = self._known.get(str(self.domain.value))
        names = {"": ANY} | {name: name for name in (domain.findings if domain else ())}
        self.finding.set_options(names, value=_usual(domain) if domain else "")
        self._show_classes()

    def _show_classes(self) -> None:
        domain = self._known.get(str(self.domain.value))
        self._box.clear()
        self._classes = {}
        self._box.set_visibility(domain is not None)
        if domain is None:
            return
        with self._box:
            ui.html("Classes", sanitize=False, tag="legend")
            shown = domain.shown(str(self.finding.value or ""))
            for index, name in enumerate(domain.classes, start=1):
                box = ui.checkbox(f"{index} {name}", value=name in shown).props("dense")
                box.style(f"--class: {class_colour(index)}").classes("swatched")
                box.set_enabled(name in shown)
                self._classes[name] = box


def _usual(domain: Domain) -> str:
    """The finding to begin with: one that shows something, "normal" first; "" where there is none."""
    return next((each for each in ("normal", *domain.findings) if domain.findings.get(each)), "")


def _select(label: str, options: dict[str, str], value: str | None) -> ui.select:
    return ui.select(options, label=label, value=value).props("outlined dense options-dense")


def _number(label: str, value: float, low: float, high: float | None, step: float) -> ui.number:
    whole = "%.0f" if step == 1 else None  # what is between is rounded where it is seen
    field = ui.number(label, value=value, min=low, max=high, step=step, format=whole)
    return field.props("outlined dense")


def _given(number: ui.number) -> float:
    if number.value is None:
        raise InputError(f"{number.props['label']} is empty: give a number")
    return float(number.value)
