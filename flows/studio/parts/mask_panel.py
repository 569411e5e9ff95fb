"""A mask that a visitor draws or hands over, for which images are made."""

from __future__ import annotations

from nicegui import ui

from factory.errors import InputError
from factory.pairs import Masks
from flows.asking.asked_pairs import spec_named
from flows.studio.parts.buttons import action, plain
from flows.studio.parts.mask_canvas import MaskCanvas
from flows.studio.parts.notice import Notice
from flows.studio.parts.request_form import RequestForm
from flows.studio.parts.upload import upload_button
from flows.studio.parts.warp_fields import WarpFields
from flows.studio.real_source import real_pairs
from flows.studio.session import Studio
from flows.studio.uploads import read_mask

DRAWN = "drawn in the studio"
UPLOADED = "handed to the studio"
KEYS = (
    "Drag to paint. Keys: arrows move (Shift: by 8), Space paints, Enter puts the pen down or up, "
    "Ctrl+Z undoes."
)


class MaskPanel:
    """Canvas, brush, upload, and the button that starts the images.

    Attributes:
        box: all of it.
    """

    def __init__(self, studio: Studio, form: RequestForm, notice: Notice) -> None:
        self._studio, self._form, self._notice = studio, form, notice
        self._origin = DRAWN
        with ui.element("div").classes("tool mask-tool") as self.box:
            self.canvas = MaskCanvas("Mask", "mask-keys", self._drawn)
            with ui.element("div").classes("brushes"):
                self._tools()
                self.warp = WarpFields(self._warp, self._warp_real, notice)
        form.checkpoint.on_value_change(lambda _: self._start_anew())
        form.domain.on_value_change(lambda _: self._start_anew())
        self._start_anew()

    def show(self, mask: Masks, origin: str) -> None:
        """Puts a mask on the canvas, and remembers where it comes from."""
        self._origin = origin
        self.canvas.show(len(mask), self._form.chosen.classes, mask)

    def _tools(self) -> None:
        self._tool = ui.radio({0: "eraser"}, value=0, on_change=lambda _: self._pick())
        self._tool.props('dense aria-label="What the brush paints"').classes("tools")
        ui.label("Brush radius in pixels").props('id="brush-label"').classes("caption")
        self._radius = ui.slider(min=1, max=16, value=4, on_change=lambda _: self._pick())
        self._radius.props('label aria-label="Brush radius in pixels"')
        with ui.element("div").classes("line"):
            plain("Undo", lambda: self.canvas.run_method("undo"))
            plain("Clear", lambda: self.canvas.run_method("clear"))
            upload_button("Choose a mask", self._take, self._notice)
        action("Make images", lambda: self._notice.trying(self._start))
        ui.label(KEYS).props('id="mask-keys"').classes("hint")

    def _start_anew(self) -> None:
        try:
            domain, image = self._form.chosen, spec_named(self._form.name, {})[1]
        except InputError:  # told when something is asked for
            return
        names = dict(enumerate(domain.classes, start=1))
        self._tool.set_options(
            {**{k: f"{k} {name}" for k, name in names.items()}, 0: "eraser"}, value=1
        )
        self._origin = DRAWN
        self.canvas.show(image.size, domain.classes)
        self._pick()

    def _pick(self) -> None:
        self.canvas.pick(int(self._tool.value or 0), int(self._radius.value or 1))

    def _drawn(self) -> None:
        if not self._origin.endswith(DRAWN):
            self._origin += f", then {DRAWN}"

    def _take(self, content: bytes, name: str) -> None:
        image = spec_named(self._form.name, {})[1]
        self.show(read_mask(content, name, self._form.chosen, image), UPLOADED)

    def _warp(self) -> None:
        limits, mask = self.warp.limits, self._mask
        self._studio.warp(self._form.request(), mask, self._origin, limits)

    def _warp_real(self) -> None:
        request, settings = self._form.request(), self._studio.settings
        real = real_pairs(self.warp.real_name, request.checkpoint, self._form.chosen, settings)
        self._studio.warp_real(request, real, self.warp.limits)

    def _start(self) -> None:
        self._studio.paint(self._form.request(), self._mask, self._origin)

    @property
    def _mask(self) -> Masks:
        """What is on the canvas.

        Raises:
            InputError: if that is nothing, and the finding shows something.
        """
        usual = self._form.chosen.shown(str(self._form.finding.value or ""))
        if usual and not self.canvas.mask.any():
            raise InputError(
                f"the mask is empty, and such an image shows {', '.join(usual)}: draw or choose a "
                "mask first, or another finding"
            )
        return self.canvas.mask
