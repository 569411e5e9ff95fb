"""A raw data set of nnU-Net v2, which the source `nnunet` reads as it is."""

from __future__ import annotations

from factory.layouts.layout import Found, FoundMask, FoundRow, unlabelled
from factory.layouts.listing import Listing
from factory.sources.label_map import parse_names, read_json
from factory.sources.nnunet import NnunetSource


def find_nnunet(listing: Listing) -> Found | None:
    """The cases of imagesTr; None where dataset.json is missing or names no channels."""
    path = listing.folder / "dataset.json"
    if not path.is_file() or "channel_names" not in (told := read_json(path)):
        return None
    cases = NnunetSource(path=listing.folder).build().cases
    rows = [
        FoundRow(
            case.images[0].relative_to(listing.folder).as_posix(),
            tuple(FoundMask(path.relative_to(listing.folder).as_posix()) for path in [case.mask] if path),
            patient=case.patient,
        )
        for case in cases
    ]  # fmt: skip
    used = {path.relative_to(listing.folder).as_posix() for case in cases for path in case.files}
    classes = {v: n for v, n in parse_names(told["labels"], "dataset.json, labels").items() if v}
    channels = told["channel_names"]
    modality = str(next(iter(channels.values()))) if isinstance(channels, dict) else ""
    return Found(
        "nnU-Net v2",
        tuple(rows),
        classes,
        modality=modality,
        notes=tuple(unlabelled(listing, used)),
        patients_from="each case one",
        nnunet=True,
    )
