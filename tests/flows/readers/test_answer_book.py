"""Answers: the first one counts, whoever writes at the same time, and nothing is ever lost."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from factory.errors import DamagedError, InputError
from flows.readers.answer_book import Answer, AnswerBook, reader_named


def answer(item, reader="anna", **changes):
    return Answer(**{"reader": reader, "item": item, "answer": "real", "grade": 3} | changes)


def test_a_reader_goes_on_where_he_stopped(book):
    order = book.reading.order("anna")
    book.add([answer(order[0], comment="rare", seconds=1.5)])
    book.add([answer(order[1])])
    again = AnswerBook(book.reading)
    assert again.open_items("anna") == order[2:]
    assert again.open_items("bo") == book.reading.order("bo")
    assert again.answers()[0] == answer(order[0], comment="rare", seconds=1.5)


def test_a_second_answer_is_refused_and_the_first_stays(book):
    item = book.reading.order("anna")[0]
    book.add([answer(item)])
    with pytest.raises(InputError, match="the first answer counts and stays"):
        book.add([answer(item, answer="synthetic")])
    assert book.answers() == [answer(item)]


def test_of_answers_that_come_together_all_or_none_are_taken(book):
    first, second = book.reading.order("anna")[:2]
    book.add([answer(second)])
    with pytest.raises(InputError, match="answered image"):
        book.add([answer(first), answer(second)])
    assert book.answers() == [answer(second)]


def test_several_readers_at_once_and_two_windows_of_one(book):
    """Each of three readers answers everything, in two windows that race."""
    calls = [(r, item) for r in ("anna", "bo", "cy") for item in book.reading.order(r)] * 2

    def say(call):
        try:
            book.add([answer(call[1], call[0])])
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        taken = sum(pool.map(say, calls))
    assert taken == len(book.answers()) == 3 * 12


@pytest.mark.parametrize(
    "changes",
    [{"item": "beef"}, {"answer": "fake"}, {"grade": 0}, {"grade": 6}],
    ids=["image", "answer", "below", "above"],
)
def test_what_is_no_answer_is_told(book, changes):
    with pytest.raises(InputError) as told:
        book.add([answer(**{"item": book.reading.order("anna")[0]} | changes)])
    assert "\n" not in str(told.value)
    assert book.answers() == []


@pytest.mark.parametrize("statement", ["UPDATE answers SET grade = 5", "DELETE FROM answers"])
def test_no_program_changes_an_answer(book, statement):
    book.add([answer(book.reading.order("anna")[0])])
    with (
        closing(sqlite3.connect(book.reading.answers)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="never"),
    ):
        connection.execute(statement)


def test_answers_that_are_lost_or_damaged_are_told(book):
    file = book.reading.answers
    file.write_bytes(b"no database" * 100)
    with pytest.raises(DamagedError, match="cannot be read"):
        book.answers()
    file.unlink()
    with pytest.raises(DamagedError, match="are lost"):
        book.answers()
    assert not file.exists()


def test_case_and_spaces_do_not_make_another_reader():
    assert reader_named("  Anna  Lena ") == reader_named("anna lena") == "anna lena"


@pytest.mark.parametrize("text", ["", "   ", "a" * 65, "a\x00b"], ids=["", "blank", "long", "null"])
def test_what_is_no_name_is_told(text):
    with pytest.raises(InputError, match="no reader's name"):
        reader_named(text)
