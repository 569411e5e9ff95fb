"""Blinded readings of a version as its report shows them, from the lake's rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from evaluation.reading.result import EVERY
from evaluation.report.wording import bounds, domain_words, in_words, number
from evaluation.statistics.bootstrap import Estimate

AGREEMENT = {
    "fleiss_kappa": "Fleiss' kappa, real or synthetic",
    "krippendorff_alpha": "Krippendorff's alpha, real or synthetic",
    "grade_krippendorff_alpha": "Krippendorff's alpha, grades",
}
CALLED_REAL, GRADE = "called_real_with_", "grade_with_"
By = Mapping[str, Estimate]  # statistic -> its estimate


@dataclass(frozen=True)
class ReadingTable:
    """One reading.

    Attributes:
        name: of the reading.
        readers: their number.
        lines: whose answers -> statistics: all, each reader, each domain.
        agreement: words -> estimate; none of a single reader.
        correlations: number of a pair in words, with "called real", with the grade.
    """

    name: str
    readers: int
    lines: list[tuple[str, By]]
    agreement: list[tuple[str, Estimate]]
    correlations: list[tuple[str, Estimate, Estimate]]

    @staticmethod
    def of(name: str, rows: pd.DataFrame) -> ReadingTable:
        """From the rows of a reading in the lake's table `reader_scores`."""
        known: defaultdict[tuple[str, str], dict[str, Estimate]] = defaultdict(dict)
        for row in rows.to_dict("records"):
            found = Estimate(row["value"], row["low"], row["high"], int(row["n"]))
            known[row["reader"], row["domain"]][row["statistic"]] = found
        whole, readers = known[EVERY, EVERY], {reader for reader, _ in known if reader}
        order = sorted(known, key=lambda each: (each != (EVERY, EVERY), not each[0], each))
        return ReadingTable(
            name,
            len(readers),
            [(_who(*each), known[each]) for each in order],
            [(words, whole[key]) for key, words in AGREEMENT.items() if len(readers) > 1],
            list(_correlations(whole)),
        )


def told(found: Estimate) -> str:
    """A value and its bounds, which may be infinite; "-" of what is unknown."""
    return f"{number(found.value)} {bounds(found.low, found.high)}".rstrip() if found.known else "-"


def _who(reader: str, domain: str) -> str:
    return reader or (domain_words(domain) if domain else "all answers")


def _correlations(whole: By) -> Iterator[tuple[str, Estimate, Estimate]]:
    for name, found in whole.items():
        if name.startswith(CALLED_REAL):
            pair_number = name.removeprefix(CALLED_REAL)
            yield in_words(pair_number), found, whole[f"{GRADE}{pair_number}"]
