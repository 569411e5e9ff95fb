"""Readings done elsewhere count: a sheet out, filled in, and back in by the checks of the page."""

import csv
from dataclasses import replace

import pytest

from factory.errors import InputError
from flows.readers.answer_book import Answer
from flows.readers.exchange import Imported, export_answers, import_answers
from tests.flows.readers.conftest import write

HARD = 'says "rare", = 1\nand ünd more'


def rows_of(file):
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def filled(book, tmp_path, name="sheet.csv", **changes):
    """A sheet of anna with every answer "real", and some cells of its first row changed."""
    sheet = tmp_path / name
    export_answers(book, sheet, "anna")
    rows = [row | {"answer": "real", "grade": "3"} for row in rows_of(sheet)]
    write(sheet, [rows[0] | changes, *rows[1:]])
    return sheet


def test_a_sheet_lists_all_images_in_the_readers_order(book, tmp_path):
    assert export_answers(book, tmp_path / "a.csv", "anna") == 12
    assert [row["item"] for row in rows_of(tmp_path / "a.csv")] == book.reading.order("anna")


def test_answers_go_out_and_into_a_copy_as_they_were(book, tmp_path):
    first, second = book.reading.order("anna")[:2]
    given = [
        Answer("anna", first, "synthetic", 5, HARD, 2.25, "2026-01-31T12:00:00+00:00"),
        Answer("bo", second, "real", 1),
    ]
    book.add(given)
    assert export_answers(book, tmp_path / "all.csv") == 2
    assert import_answers(book, tmp_path / "all.csv") == Imported(0, 2, 0)
    assert book.answers() == given


def test_blank_rows_are_left_for_later(book, tmp_path):
    sheet = filled(book, tmp_path, answer="", grade="")
    assert import_answers(book, sheet) == Imported(11, 0, 1)
    assert len(book.open_items("anna")) == 1


def test_a_sheet_that_was_begun_on_the_page_is_finished_elsewhere(book, tmp_path):
    first = book.reading.order("anna")[0]
    book.add([Answer("anna", first, "real", 3)])
    assert import_answers(book, filled(book, tmp_path)) == Imported(11, 1, 0)
    assert book.open_items("anna") == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reading": "0" * 64}, "row 1: it answers reading 000000000000, not"),
        ({"item": "beef"}, "has no image 'beef'"),
        ({"answer": "fake"}, "say synthetic or real"),
        ({"grade": "9"}, "give 1 to 5"),
        ({"grade": "good"}, "row 1: invalid literal"),
        ({"grade": ""}, "row 1: invalid literal"),
        ({"seconds": "-1"}, "seconds cannot be"),
        ({"answered_at": "yesterday"}, "give a whole grade"),
        ({"reader": " "}, "no reader's name"),
    ],
    ids=["reading", "image", "answer", "grade", "word", "no grade", "time", "moment", "reader"],
)
def test_a_wrong_cell_is_told_and_nothing_is_taken_in(book, tmp_path, changes, why):
    with pytest.raises(InputError, match=why) as told:
        import_answers(book, filled(book, tmp_path, **changes))
    assert "\n" not in str(told.value)
    assert book.answers() == []


def test_a_second_answer_in_a_file_is_refused_and_nothing_is_lost(book, tmp_path):
    sheet = filled(book, tmp_path)
    first = book.reading.order("anna")[0]
    before = [Answer("anna", first, "synthetic", 3)]
    book.add(before)
    with pytest.raises(InputError, match="nothing of the file was taken in"):
        import_answers(book, sheet)
    assert book.answers() == before


def test_a_file_of_another_kind_is_told(book, tmp_path):
    (tmp_path / "a.csv").write_text("name,age\nx,3\n")
    with pytest.raises(InputError, match="no column answer, grade, item, reader, reading"):
        import_answers(book, tmp_path / "a.csv")
    with pytest.raises(InputError, match="is no file"):
        import_answers(book, tmp_path / "none.csv")


def test_an_export_overwrites_nothing(book, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        export_answers(book, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_semicolons_of_a_spreadsheet_do(book, tmp_path):
    sheet = filled(book, tmp_path)
    sheet.write_text(sheet.read_text().replace(",", ";"))
    assert import_answers(book, sheet).added == 12
    assert book.answers()[0] == replace(book.answers()[0], answer="real", grade=3, seconds=None)
