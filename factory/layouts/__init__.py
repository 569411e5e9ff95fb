"""Ways in which people keep images and masks: a list, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from factory.errors import InputError
from factory.layouts.annotations.coco import find_coco
from factory.layouts.annotations.polygons import find_polygons
from factory.layouts.annotations.via import find_via
from factory.layouts.decathlon import find_decathlon
from factory.layouts.dicom.layout import find_dicom
from factory.layouts.layout import Found, Layout
from factory.layouts.listing import list_files
from factory.layouts.mask_folders import find_mask_folders
from factory.layouts.mask_suffixes import find_mask_suffixes
from factory.layouts.nnunet import find_nnunet

LAYOUTS: Mapping[str, Layout] = {
    "nnunet": find_nnunet,
    "decathlon": find_decathlon,
    "coco": find_coco,
    "polygons": find_polygons,
    "via": find_via,
    "dicom": find_dicom,
    "mask-folders": find_mask_folders,
    "mask-suffixes": find_mask_suffixes,
}


def recognise(folder: Path) -> Found:
    """What a folder holds, by the first layout that fits.

    Raises:
        InputError: if there is no such folder, or no layout fits.
    """
    listing, notes = list_files(folder), list[str]()
    for layout in LAYOUTS.values():
        if (found := layout(listing)) is not None:
            if found.rows:
                return found
            notes.extend(found.notes)
    if notes:
        raise InputError("\n".join(f"{folder}: {note}" for note in notes))
    raise InputError(
        f"{folder} holds {len(listing.images)} image files and none of the known layouts: nobody "
        "knows which mask belongs to which image; put masks into a folder masks/ beside images/ "
        "under the names of their images, or name them like a_mask.png beside a.png"
    )
