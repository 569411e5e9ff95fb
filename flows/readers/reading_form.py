"""An image and the questions about it, as an element of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from flows.readers.frozen_list import FrozenList, Item, Question
from flows.studio.drawing import legend, mask_shapes, picture_uri

QUESTIONS: Mapping[Question, str] = {
    "mask": "How well do image and mask agree?",
    "text": "How well do image and text agree?",
}

Answered = Callable[[Mapping[str, Any]], None]  # item, answer, grade, comment, seconds


class ReadingForm(Element, component="reading_form.js"):
    """Shows one image after the other; keys answer, as do pointer and screen reader."""

    def __init__(self, reading: FrozenList, answered: Answered) -> None:
        super().__init__()
        self._reading = reading
        self.props["question"] = QUESTIONS[reading.content.question]
        self.clear_image()
        self.on("answer", lambda event: answered(_sent(event)))

    def clear_image(self) -> None:
        """Shows none, and takes no answers."""
        self.props["item"] = self.props["pictures"] = self.props["text"] = ""
        self.update()

    def show(self, item: Item) -> None:
        """Shows another image.

        Raises:
            DamagedError: if it is not the one that was frozen.
        """
        self._reading.check(item)
        title = self._reading.content.titles[item.domain]
        self.props["pictures"] = pictures(self._reading, item)
        self.props["text"] = f"{title}: {item.text}" if item.text else title
        self.props["item"] = item.id
        self.update()


def pictures(reading: FrozenList, item: Item) -> str:
    """Figures in HTML: the image, and beside it the mask over it where the grade is about that."""
    uri = picture_uri(reading.image(item))
    shown = f'<figure class="tile"><img src="{uri}" alt="The image"></figure>'
    if (mask := reading.mask(item)) is None:
        return shown
    classes = reading.content.classes[item.domain]
    names = [each for each in legend(classes, [mask]) if each.shown]
    words = ", ".join(each.name for each in names) or "no class"
    swatches = "".join(
        f'<span><i style="background:{each.colour}"></i>{each.index} {escape(each.name)}</span>'
        for each in names
    )
    over = f'<img src="{uri}" alt="">{mask_shapes(mask, classes)}'
    return (
        f'{shown}<figure class="tile overlay"><div class="picture" role="img" '
        f'aria-label="The mask over the image: {escape(words)}">{over}</div></figure>'
        f'<div class="legend">{swatches}</div>'
    )


def _sent(event: GenericEventArguments) -> Mapping[str, Any]:
    return dict(event.args)
