"""Blinded readings in the lake: what each reader said of each image, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from evaluation.lake.lake import Lake
from evaluation.reading.result import ReadingResult, estimates


@dataclass(frozen=True)
class ReadingKey:
    """Which reading some rows are of.

    Attributes:
        reading: digest of its frozen list.
        name: of the reading, for people.
        data_set: whose pairs were shown.
        snapshot: of the version that was shown.
    """

    reading: str
    name: str
    data_set: str
    snapshot: str


def record_reading(
    lake: Lake, key: ReadingKey, answers: Sequence[Mapping[str, object]], result: ReadingResult
) -> None:
    """Records what readers said of a version's images, in place of what was known of these answers.

    Args:
        lake: the record.
        key: which reading.
        answers: a row each: reader, item, domain, truth ("synthetic" or "real"), row (of a
            synthetic pair, else -1), answer, grade, comment, seconds.
        result: of them.
    """
    about, names = asdict(key), ("reader", "domain", "statistic")
    lake.tables.merge("reader_answers", [about | dict(row) for row in answers])
    rows = [
        about | dict(zip(names, where, strict=True)) | asdict(found)
        for *where, found in estimates(result)
    ]
    lake.tables.merge("reader_scores", rows)


def readings_of(lake: Lake, snapshot: str) -> dict[str, pd.DataFrame]:
    """Name of each reading of a version -> its rows of `reader_scores`, the newest reading last."""
    rows = lake.read("reader_scores", snapshot=snapshot).sort_values("recorded_at", kind="stable")
    return {str(name): part for name, part in rows.groupby("name", sort=False)}
