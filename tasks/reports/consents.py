"""Whether real pixels of a data set may be shown: what its recipe said last holds for all versions."""

from __future__ import annotations

from evaluation.lake.lake import Lake
from factory.store.snapshot import Snapshot


def record_consent(lake: Lake, data_set: str, show_real: bool) -> None:
    """Records what the recipe of a data set says now, where it said something else before."""
    if _said(lake, data_set) is not show_real:
        lake.tables.append("consents", {"data_set": data_set, "show_real": show_real})


def shows_real(lake: Lake, snapshot: Snapshot) -> bool:
    """Whether real pixels may be shown beside the pairs of a version, whenever that was made."""
    said = _said(lake, snapshot.name)
    return bool(snapshot.attributes["sections"]["show_real"]) if said is None else said


def _said(lake: Lake, data_set: str) -> bool | None:
    rows = lake.read("consents", data_set=data_set).sort_values("recorded_at")
    return bool(rows["show_real"].iloc[-1]) if len(rows) else None
