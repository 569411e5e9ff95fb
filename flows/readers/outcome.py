"""What a reading comes to, with the truth: worked out, recorded in the lake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from evaluation.lake.lake import Lake
from evaluation.lake.readings import ReadingKey, record_reading
from evaluation.reading.answers import Answers
from evaluation.reading.result import ReadingResult, reading_result
from factory.errors import InputError
from flows.datasets import rows
from flows.readers.answer_book import REAL, SYNTHETIC, AnswerBook
from flows.readers.frozen_list import FrozenList, Key, open_key
from flows.studio.browsing import VersionPairs
from tasks.services.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """What a reading comes to.

    Attributes:
        name: of the reading.
        reading: digest of its list.
        data_set: whose pairs were shown.
        snapshot: of the version.
        question: what the grade was about: "mask" or "text".
        images: in the list.
        answered: reader -> images answered.
        result: of all answers.
    """

    name: str
    reading: str
    data_set: str
    snapshot: str
    question: str
    images: int
    answered: dict[str, int]
    result: ReadingResult


def outcome_of(name: str, settings: Settings) -> Outcome:
    """Works out what a reading comes to so far, and records it in the lake.

    Raises:
        InputError: if there is no such reading, or nobody has answered anything.
        DamagedError: if its list or key is not the one that was frozen.
    """
    reading = FrozenList.open(name, settings)
    key, table = open_key(reading, settings), answer_table(reading, settings)
    if table.empty:
        raise InputError(
            f"nobody has answered anything of reading {name!r} yet; `medpair readers serve {name}` "
            "shows it to readers"
        )
    result = reading_result(Answers.of(table), pair_numbers(key, settings))
    about = ReadingKey(reading.digest, name, key.data_set, key.snapshot)
    shown = table.drop(columns=["unit", "synthetic", "called_synthetic"])
    record_reading(Lake(settings.lake), about, rows(shown), result)
    return Outcome(
        name,
        reading.digest,
        key.data_set,
        key.snapshot,
        reading.content.question,
        len(reading.items),
        dict(Counter(table["reader"])),
        result,
    )


def answer_table(reading: FrozenList, settings: Settings) -> pd.DataFrame:
    """Every answer beside what the image is.

    Returns:
        Columns reader, item, answer, grade, comment, seconds, domain, truth, row, unit, synthetic,
        called_synthetic.
    """
    truths = open_key(reading, settings).truths
    found = []
    for each in AnswerBook(reading).answers():
        truth = truths[each.item]
        found.append(
            {
                "reader": each.reader,
                "item": each.item,
                "answer": each.answer,
                "grade": each.grade,
                "comment": each.comment,
                "seconds": float("nan") if each.seconds is None else each.seconds,
                "domain": reading.items[each.item].domain,
                "truth": SYNTHETIC if truth.synthetic else REAL,
                "row": truth.row,
                "unit": f"patient {truth.unit}" if truth.unit else f"item {each.item}",
                "synthetic": truth.synthetic,
                "called_synthetic": each.answer == SYNTHETIC,
            }
        )
    return pd.DataFrame(found)


def pair_numbers(key: Key, settings: Settings) -> pd.DataFrame:
    """The numbers of the synthetic pairs that were shown, by item; no columns where none is known."""
    pairs = VersionPairs(settings, key.data_set, key.snapshot)
    items = {truth.row: item for item, truth in key.truths.items() if truth.synthetic}
    table = pairs.table[pairs.table["row"].isin(list(items))]
    known = table[pairs.scores].astype(float)
    return known.set_axis([items[row] for row in table["row"]], axis=0)
