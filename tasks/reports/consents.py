"""Whether real pixels of a data set may be shown: what its recipe said last holds for all versions."""

from __future__ import annotations

from evaluation.lake.lake import Lake
from factory.store.snapshot import Snapshot


def record_consent(lake: Lake, data_set: str, show_real: bool) -> None:
    """Records what the recipe of a data set says now, where it said something else before."""
    lake.tables.append_change("consents", {"data_set": data_set, "show_real": show_real})


def shows_real(lake: Lake, snapshot: Snapshot) -> bool:
    """Whether real pixels may be shown beside the pairs of a version, whenever that was made."""
    said = lake.read("consents", data_set=snapshot.name).sort_values("recorded_at")["show_real"]
    return bool(said.iloc[-1] if len(said) else snapshot.attributes["sections"]["show_real"])
