"""Versions that should not be used any more: why, and what followed; said wherever one is used."""

from __future__ import annotations

import warnings

import pandas as pd

from evaluation.errors import DamagedError, InputError
from evaluation.lake.lake import RESTORED, Lake
from factory.errors import WithdrawnWarning


def withdrawal(lake: Lake, name: str, snapshot: str) -> str:
    """That a version is withdrawn, why, and by which it was followed: a line; "" where it is not.

    Args:
        lake: the record.
        name: of the data set.
        snapshot: that the version names.
    """
    try:
        events = lake.versions(name)
    except (DamagedError, InputError) as error:
        return f"whether {name} at {snapshot} was withdrawn is not known: {error}"
    gone = events[(events["event"] == "withdrawn") & (events["snapshot"] == snapshot)]
    if not len(gone):
        return ""
    number, reason = int(gone["number"].iloc[-1]), gone["reason"].iloc[-1]
    return f"{name}@v{number} is withdrawn: {reason}; {_followed(events, number)}"


def warn_of_withdrawn(lake: Lake, name: str, snapshot: str) -> None:
    """Warns where a version is withdrawn: the caller's caller uses it."""
    if line := withdrawal(lake, name, snapshot):
        warnings.warn(line, WithdrawnWarning, stacklevel=4)


def versions_left(events: pd.DataFrame) -> list[int]:
    """Numbers of the versions that are out and not withdrawn, ascending."""
    out, gone = (
        set(events["number"][events["event"] == event]) for event in ("published", "withdrawn")
    )
    return sorted(int(number) for number in out - gone)


def _followed(events: pd.DataFrame, number: int) -> str:
    """Which version came after one, or in its place."""
    later = [left for left in versions_left(events) if left > number]
    if later:
        return f"v{later[0]} followed it"
    restored = events[events["event"] == RESTORED].sort_values("recorded_at")
    if len(restored) and restored["number"].iloc[-1] != number:
        return f"v{restored['number'].iloc[-1]} was made the current one again"
    return "no version has followed it"
