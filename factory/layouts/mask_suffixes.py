"""Masks beside their images, told by their name: `a.png` with `a_mask.png` or `a_segmentation.png`."""

from __future__ import annotations

from factory.layouts.layout import Found
from factory.layouts.listing import Listing
from factory.layouts.pairing import described, pair_files


def find_mask_suffixes(listing: Listing) -> Found | None:
    """Pairs files by name within folders; None where no name says that it is a mask's."""
    files = described(listing)
    if not any(file.mask and not file.by_folder for file in files):
        return None
    return pair_files(files, "masks beside images, told by their name")
