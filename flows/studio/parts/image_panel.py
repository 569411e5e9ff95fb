"""An image of the visitor's, for which masks are drawn."""

from __future__ import annotations

from nicegui import ui

from factory.errors import InputError
from factory.pairs import Images
from flows.asking.asked_pairs import spec_named
from flows.studio.drawing import picture_uri
from flows.studio.parts.buttons import action
from flows.studio.parts.notice import Notice
from flows.studio.parts.request_form import RequestForm
from flows.studio.parts.upload import upload_button
from flows.studio.session import Studio
from flows.studio.uploads import read_image

HINT = "A mask of every class for your image, one for each seed. The image stays on this machine."


class ImagePanel:
    """The upload of an image and the button that starts its masks.

    Attributes:
        box: all of it.
    """

    def __init__(self, studio: Studio, form: RequestForm, notice: Notice) -> None:
        self._studio, self._form = studio, form
        self._file: tuple[bytes, str] | None = None
        with ui.element("div").classes("tool") as self.box:
            upload_button("Choose an image", self._take, notice)
            action("Draw masks", lambda: notice.trying(self._start))
            ui.label(HINT).classes("hint")
            self._shown = ui.html("", sanitize=False).classes("given")

    def _take(self, content: bytes, name: str) -> None:
        image, (height, width) = self._read((content, name))
        self._file = content, name
        alt = f"your image, {width} x {height} pixels, as the model sees it"
        self._shown.set_content(f'<img src="{picture_uri(image)}" alt="{alt}">')

    def _start(self) -> None:
        if self._file is None:
            raise InputError("there is no image yet: choose one first")
        image, _ = self._read(self._file)
        self._studio.segment(self._form.request(), image)

    def _read(self, file: tuple[bytes, str]) -> tuple[Images, tuple[int, int]]:
        """The image on the canvas of the model that is chosen now, and its own size."""
        return read_image(*file, spec_named(self._form.name, {})[1])
