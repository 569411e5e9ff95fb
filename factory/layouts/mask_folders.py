"""Images in one folder, masks in another: `images/` and `masks/`, however they are called."""

from __future__ import annotations

from factory.layouts.layout import Found
from factory.layouts.listing import Listing
from factory.layouts.pairing import described, pair_files


def find_mask_folders(listing: Listing) -> Found | None:
    """Pairs files by name across folders; None where no folder is called after masks."""
    files = described(listing)
    if not any(file.mask and file.by_folder for file in files):
        return None
    return pair_files(files, "folders of images and of masks")
