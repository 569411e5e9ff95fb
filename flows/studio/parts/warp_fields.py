"""How far masks are warped, whose, and the two buttons that start it."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui
from pydantic import ValidationError

from factory.errors import InputError, refusal
from factory.prompts.masks.section import MasksSection
from flows.studio.parts.buttons import action
from flows.studio.parts.notice import Notice

# Key of the section -> label and step.
LIMITS = {
    "rotate": ("Turn, degrees", 1.0),
    "scale": ("Size, share", 0.05),
    "shift": ("Shift, share", 0.01),
    "elastic": ("Bend, share", 0.005),
}
HINT = (
    "Every pair gets a mask that is warped by its seed within these limits. Real masks are those of "
    "the training pairs that fit the finding; their images are not shown."
)


class WarpFields:
    """The limits of a warp with its buttons.

    Args:
        one: starts pairs for the mask on the canvas.
        real: starts pairs for masks of real training pairs.
        notice: tells a visitor's mistakes.
    """

    def __init__(
        self, one: Callable[[], object], real: Callable[[], object], notice: Notice
    ) -> None:
        usual = MasksSection()
        with ui.element("fieldset").classes("classes warp"):
            ui.html("Warp", sanitize=False, tag="legend")
            with ui.element("div").classes("numbers"):
                self._limits = {
                    name: _number(label, getattr(usual, name), step)
                    for name, (label, step) in LIMITS.items()
                }
            self._real = ui.input("Real pairs (optional)").props("outlined dense")
            self._real.tooltip("a folder, a recipe or phantom; else what the model learnt from")
            with ui.element("div").classes("line"):
                action("Warp this mask", lambda: notice.trying(one))
                action("Warp real masks", lambda: notice.trying(real))
            ui.label(HINT).classes("hint")

    @property
    def real_name(self) -> str:
        """The real pairs that are named; "" for those that the model learnt from."""
        return str(self._real.value or "").strip()

    @property
    def limits(self) -> MasksSection:
        """What the fields say.

        Raises:
            InputError: if a number is missing, or none that a limit can be.
        """
        given = {name: field.value for name, field in self._limits.items()}
        try:
            return MasksSection.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            label = LIMITS[str(first["loc"][0])][0]
            raise InputError(
                f"{label}: {first['input']} cannot be a limit: {refusal(first)}"
            ) from error


def _number(label: str, value: float, step: float) -> ui.number:
    return ui.number(label, value=value, min=0, step=step).props("outlined dense")
