"""The canvas on which a mask is drawn, as an element of the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import numpy as np
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from evaluation.report.gallery import class_colour
from factory.pairs import Masks
from factory.vocabulary import BACKGROUND

SMALLEST = 8  # pixels of a side, before a model is chosen


class MaskCanvas(Element, component="mask_canvas.js"):
    """A square mask in the model's own pixels.

    Attributes:
        mask: (S, S) class indices as they were drawn last.

    Args:
        label: what is drawn, for those who do not see it.
        keys: id of the element that explains the keyboard.
        changed: is called when something was drawn.
        colour: of class 1, 2, …, as "#rrggbb".
    """

    def __init__(
        self,
        label: str,
        keys: str,
        changed: Callable[[], None],
        colour: Callable[[int], str] = class_colour,
    ) -> None:
        super().__init__()
        self.props["label"], self.props["keys"], self.props["under"] = label, keys, ""
        self.mask: Masks = np.zeros((SMALLEST, SMALLEST), np.uint8)
        self._changed, self._colour, self._shown = changed, colour, 0
        self.on("mask", self._take)
        self.show(SMALLEST, ())
        self.pick(0, 1)

    def show(self, side: int, classes: Sequence[str], mask: Masks | None = None) -> None:
        """Starts anew with a side in pixels, names of classes, and a mask or an empty one."""
        self.mask = np.zeros((side, side), np.uint8) if mask is None else mask
        colours = [_rgb(self._colour(index)) for index in range(1, len(classes) + 1)]
        self.props["side"], self.props["colours"] = side, colours
        self.props["names"] = [BACKGROUND, *classes]
        self._shown += 1  # the same pixels again must reach the page, where others were drawn
        self.props["start"] = f"{self._shown} {base64.b64encode(self.mask.tobytes()).decode()}"
        self.update()

    def lay_under(self, picture: str) -> None:
        """Shows a picture (a data URI) below what is drawn; "" for none."""
        self.props["under"] = picture
        self.update()

    def pick(self, tool: int, radius: int) -> None:
        """What the brush paints, a class index, and its radius in pixels."""
        self.props["tool"], self.props["radius"] = tool, radius
        self.update()

    def _take(self, event: GenericEventArguments) -> None:
        side = int(self.props["side"])
        drawn = np.frombuffer(base64.b64decode(str(event.args)), np.uint8)
        if drawn.size == side * side:  # one that was drawn for another model comes too late
            self.mask = drawn.reshape(side, side)
            self._changed()


def _rgb(colour: str) -> list[int]:
    return list(bytes.fromhex(colour.removeprefix("#")))
