"""A pair in which a visitor marks a region, which is drawn anew."""

from __future__ import annotations

import numpy as np
from nicegui import ui

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import Images, Masks
from flows.asking.asked_pairs import spec_named
from flows.asking.wishes import WholePair, short
from flows.studio.drawing import coloured, picture_uri
from flows.studio.parts.buttons import action, plain
from flows.studio.parts.mask_canvas import MaskCanvas
from flows.studio.parts.notice import Notice
from flows.studio.parts.request_form import RequestForm
from flows.studio.parts.upload import upload_button
from flows.studio.session import Studio
from flows.studio.uploads import read_image, read_mask

UPLOADED = "an image handed to the studio"
HINT = (
    "Choose Fill in at a pair below, or an image and its mask. What is marked is drawn anew, image "
    "and mask; every pixel outside stays as it is."
)
KEYS = (
    "Drag to mark. Keys: arrows move (Shift: by 8), Space marks, Enter puts the pen down or up, "
    "Ctrl+Z undoes."
)
MARK = "#c800ff"  # no class has this colour
MASK_SHARE = 0.35  # of its colours over the image


class FillPanel:
    """The pair, the region that is marked in it, and the button that draws it anew.

    Attributes:
        box: all of it.
    """

    def __init__(self, studio: Studio, form: RequestForm, notice: Notice) -> None:
        self._studio, self._form, self._notice = studio, form, notice
        self._image: Images | None = None
        self._mask: Masks | None = None
        self._whole: WholePair | None = None
        with ui.element("div").classes("tool mask-tool") as self.box:
            self.canvas = MaskCanvas("Region", "fill-keys", lambda: None, lambda _: MARK)
            with ui.element("div").classes("brushes"):
                self._tools()
        form.checkpoint.on_value_change(lambda _: self._start_anew())
        form.domain.on_value_change(lambda _: self._start_anew())
        self._start_anew()

    def take(self, number: int) -> None:
        """Lays a pair on the table under the canvas.

        Raises:
            InputError: if there is no such pair, or it is of another size than the model's.
        """
        self._lay(self._studio.whole(number))

    def _tools(self) -> None:
        ui.label(HINT).classes("hint")
        self._told = ui.label().props('role="status"').classes("caption")
        self._tool = ui.radio({1: "mark", 0: "unmark"}, value=1, on_change=lambda _: self._pick())
        self._tool.props('dense inline aria-label="What the brush does"')
        ui.label("Brush radius in pixels").classes("caption")
        self._radius = ui.slider(min=1, max=16, value=6, on_change=lambda _: self._pick())
        self._radius.props('label aria-label="Radius of the brush in pixels"')
        with ui.element("div").classes("line"):
            plain("Undo", lambda: self.canvas.run_method("undo"))
            plain("Clear", lambda: self.canvas.run_method("clear"))
        with ui.element("div").classes("line"):
            upload_button("Choose an image to fill in", self._take_image, self._notice)
            upload_button("Choose its mask", self._take_mask, self._notice)
        action("Fill in", lambda: self._notice.trying(self._start))
        ui.label(KEYS).props('id="fill-keys"').classes("hint")

    @property
    def _section(self) -> ImageSection:
        return spec_named(self._form.name, {})[1]

    def _start_anew(self) -> None:
        self._image = self._mask = self._whole = None
        try:
            side = self._section.size
        except InputError:  # told when something is asked for
            return
        self._told.set_text("no pair yet")
        self.canvas.lay_under("")
        self.canvas.show(side, ("drawn anew",))
        self._pick()

    def _pick(self) -> None:
        self.canvas.pick(int(self._tool.value or 0), int(self._radius.value or 1))

    def _take_image(self, content: bytes, name: str) -> None:
        self._image, _ = read_image(content, name, self._section)
        self._join()

    def _take_mask(self, content: bytes, name: str) -> None:
        self._mask = read_mask(content, name, self._form.chosen, self._section)
        self._join()

    def _join(self) -> None:
        """Lays image and mask of the visitor's under the canvas, once both are there."""
        if self._image is None or self._mask is None:
            lacks = "its mask" if self._mask is None else "the image"
            self._told.set_text(f"{lacks} is still to be chosen")
        else:
            self._lay(WholePair(self._image, self._mask, UPLOADED))

    def _lay(self, whole: WholePair) -> None:
        side = self._section.size
        if whole.mask.shape != (side, side):
            raise InputError(
                f"the pair has {whole.mask.shape[0]} pixels a side, and the model draws {side}: "
                "choose the checkpoint that made it"
            )
        self._whole = whole
        kind = "a synthetic pair" if whole.synthetic else "not synthetic: it cannot be kept"
        self._told.set_text(f"{short(whole.origin)}, {kind}")
        self.canvas.lay_under(picture_uri(overlaid(whole.image, whole.mask)))
        self.canvas.show(side, ("drawn anew",))

    def _start(self) -> None:
        if self._whole is None:
            raise InputError(
                "there is no pair yet: choose Fill in at one below, or an image and its mask"
            )
        self._studio.fill(self._form.request(), self._whole, self.canvas.mask > 0)


def overlaid(image: Images, mask: Masks) -> Images:
    """(H, W, 3) an image with the colours of its mask over it."""
    grey = np.broadcast_to(image, (*image.shape[:2], 3)).astype(float)
    colours = coloured(mask)
    share = MASK_SHARE * (colours[..., 3:] > 0)
    return np.asarray(grey * (1 - share) + colours[..., :3] * share, np.uint8)
