"""A reading in the lake: recorded again it replaces, and a repaired version keeps it."""

import math

import numpy as np
import pandas as pd

from evaluation.lake.lake import Lake
from evaluation.lake.readings import ReadingKey, readings_of, record_reading
from evaluation.reading.answers import Answers
from evaluation.reading.result import reading_result

KEY = ReadingKey("0f" * 32, "first", "lungs", "SNAPSHOT-A")


def answers(count):
    """Of one reader who is always right."""
    at = np.arange(count)
    return pd.DataFrame(
        {
            "reader": "anna", "item": [f"{n}" for n in at], "domain": "lungs", "unit": at,
            "synthetic": at % 2 == 0, "called_synthetic": at % 2 == 0, "grade": 4, "seconds": math.nan,
        }
    )  # fmt: skip


def record(lake, count):
    table = answers(count)
    truth = np.where(table["synthetic"], "synthetic", "real")
    rows = table.assign(truth=truth, answer=truth, row=-1, comment="")
    rows = rows.drop(columns=["unit", "synthetic", "called_synthetic"]).to_dict("records")
    record_reading(lake, KEY, rows, reading_result(Answers.of(table)))


def test_more_answers_replace_what_was_recorded_of_fewer(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    record(lake, 10)
    record(lake, 12)
    assert len(lake.read("reader_answers")) == 12
    (name, rows), *others = readings_of(lake, "SNAPSHOT-A").items()
    assert (name, others) == ("first", [])
    found = rows[(rows["statistic"] == "d_prime") & (rows["reader"] == "anna")]
    assert found["high"].tolist() == [math.inf]
    assert found["n"].tolist() == [6]


def test_a_repaired_version_keeps_its_readings(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    record(lake, 10)
    lake.carry_over("SNAPSHOT-A", "SNAPSHOT-B")
    assert len(readings_of(lake, "SNAPSHOT-B")["first"]) == len(
        readings_of(lake, "SNAPSHOT-A")["first"]
    )
    assert readings_of(lake, "SNAPSHOT-C") == {}
