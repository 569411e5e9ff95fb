"""A button that takes one file of the visitor's."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import events, ui

from factory.sources.image_files import FLAT_ENDINGS
from flows.studio.parts.buttons import plain
from flows.studio.parts.notice import Notice

MOST_BYTES = 64 * 2**20


def upload_button(label: str, take: Callable[[bytes, str], object], notice: Notice) -> None:
    """A button that opens the browser's choice of files.

    Args:
        label: on the button.
        take: is handed the bytes and the name; an InputError is told.
        notice: where.
    """

    async def taken(event: events.UploadEventArguments) -> None:
        content, name = await event.file.read(), event.file.name
        notice.trying(lambda: take(content, name))
        box.reset()

    kinds = ", ".join(FLAT_ENDINGS)
    refusal = f"that file is no picture of at most {MOST_BYTES >> 20} MiB: choose one of {kinds}"
    box = ui.upload(
        on_upload=taken,
        on_rejected=lambda _: notice.say(refusal),
        max_file_size=MOST_BYTES,
        auto_upload=True,
    )
    box.props(f'accept="{",".join(FLAT_ENDINGS)}"').classes("hidden-upload")
    # On the page itself: a choice of files may open only at once after a click.
    pick = f"() => getElement({box.id}).$refs.qRef.pickFiles()"
    plain(label).on("click", js_handler=pick)
