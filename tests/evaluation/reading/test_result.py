"""A whole reading: who is told of, incomplete readers, and numbers that go with what was said."""

import math

import numpy as np
import pandas as pd
import pytest

from evaluation.reading.answers import Answers
from evaluation.reading.result import estimates, reading_result

IMAGES = 24


def answers(**skills):
    """Readers by name who call this share of the images what they are, and grade as they please."""
    draw, rows = np.random.default_rng(0), []
    for reader, skill in skills.items():
        for number in range(IMAGES):
            synthetic = number % 2 == 0
            right = draw.random() < skill
            rows.append(
                {
                    "reader": reader,
                    "item": f"{number:02}",
                    "domain": "left" if number < 8 else "right",
                    "unit": f"patient {number // 2}",
                    "synthetic": synthetic,
                    "called_synthetic": synthetic == right,
                    "grade": 4 - synthetic,
                    "seconds": 2.0 + number % 2,
                }
            )
    return pd.DataFrame(rows)


def test_all_each_reader_and_each_domain_have_a_line():
    result = reading_result(Answers.of(answers(anna=1, bo=0)))
    told = [(line.reader, line.domain, line.answers) for line in result.lines]
    assert told == [
        ("", "", 48), ("anna", "", 24), ("bo", "", 24), ("", "left", 16), ("", "right", 32)
    ]  # fmt: skip
    assert [line.detection.accuracy.value for line in result.lines[:3]] == [0.5, 1, 0]
    assert result.whole.seconds == 2.5
    assert result.whole.grade_difference.value == -1


def test_one_reader_agrees_with_nobody():
    agreement = reading_result(Answers.of(answers(anna=0.8))).agreement
    assert math.isnan(agreement.kappa.value)
    assert agreement.alpha.n == 0


def test_who_has_only_begun_does_not_take_the_others_kappa():
    table = answers(anna=0.8, bo=0.8, cy=0.8)
    begun = table[(table["reader"] != "cy") | (table["item"] == "00")]
    with_cy = reading_result(Answers.of(begun)).agreement
    without = reading_result(Answers.of(table[table["reader"] != "cy"])).agreement
    assert with_cy.kappa == without.kappa
    assert with_cy.kappa.n == IMAGES


def test_the_order_of_answers_does_not_count():
    table = answers(anna=0.7, bo=0.6)
    mixed = table.sample(frac=1, random_state=0)
    ours, theirs = (list(estimates(reading_result(Answers.of(each)))) for each in (table, mixed))
    for (*key, one), (*same, other) in zip(ours, theirs, strict=True):
        assert key == same
        assert one.value == pytest.approx(other.value, nan_ok=True)


def test_numbers_of_pairs_are_held_against_what_readers_said_of_them():
    table = answers(anna=1, bo=1)
    fooled = table["synthetic"] & (table["item"] < "12")
    table.loc[fooled, "called_synthetic"] = False
    numbers = pd.DataFrame({"dice": np.linspace(1, 0, IMAGES), "copied": 0.0})
    numbers.index = [f"{number:02}" for number in range(IMAGES)]
    dice, copied = reading_result(Answers.of(table), numbers).correlations
    assert dice.number == "dice"
    assert dice.called_real.value == pytest.approx(0.87, abs=0.01)
    assert dice.called_real.low > 0.5
    assert dice.called_real.n == 12
    assert math.isnan(copied.called_real.value)
