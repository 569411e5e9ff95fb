"""The command `medpair segment`: masks for images that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console.session import Home, Json, open_session

PICTURES = (
    "Pictures without masks (PNG, JPEG, BMP, TIFF, GIF), in sub-folders, too; of NIfTI and DICOM "
    "save the slices as such."
)


def segment(
    folder: Annotated[Path, typer.Argument(help=PICTURES)],
    out: Annotated[Path, typer.Argument(help="A new or empty folder for the masks.")],
    checkpoint: Annotated[
        str, typer.Option(help="A trained medsegfactory: its folder, or packaged:NAME.")
    ],
    domain: Annotated[
        str, typer.Option(help="Which of the checkpoint's domains; needed where it has several.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the noise masks are drawn from.")] = 0,
    home: Home = None,
    json_: Json = False,
) -> None:
    """Draws a mask for every picture of a folder; to be looked at before anything learns from it."""
    with open_session(home, json_) as session:
        from flows.starting import segmented_folder

        found = segmented_folder.segment(folder, out, checkpoint, domain, seed)
        text = (
            f"{found.masks} masks of {found.domain}: {found.folder}\n"
            f"classes: {', '.join(found.classes)}; look at {found.sheet} first"
        )
        if found.left_out:
            shown = ", ".join(found.left_out[:3]) + ", …" * (len(found.left_out) > 3)
            text += f"\n{len(found.left_out)} files of NIfTI or DICOM are left out: {shown}"
        session.set_result(found, text)
