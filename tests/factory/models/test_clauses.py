"""Clauses that are read apart: a word's state tells of its clause alone."""

import pytest
import torch

from factory.attention_maps.token_weights import token_weights
from factory.errors import InputError
from factory.models.clauses import by_clause
from factory.models.text import new_text_encoder

LINES = ["chest X-ray, with right lung, no opacity.", "heart of the chest"]


@pytest.fixture(scope="module")
def whole():
    return new_text_encoder(LINES)


@pytest.fixture(scope="module")
def apart(whole):
    return by_clause(whole)


def state(encoder, line, word):
    place = token_weights(encoder.tokenizer, line, [(word,)], encoder.length)[0].argmax()
    return encoder([line])[0, place]


def test_a_word_tells_of_its_clause_alone_wherever_that_stands(whole, apart):
    lines = ("chest X-ray, right lung, heart", "right lung", "heart, no opacity, right lung")
    states = [state(apart, line, "lung") for line in lines]
    assert all(torch.equal(states[0], each) for each in states)
    assert not torch.equal(*(state(whole, line, "lung") for line in (lines[0], lines[2])))


def test_within_a_clause_words_hear_of_one_another(apart):
    told = [state(apart, line, "opacity") for line in ("heart, no opacity", "heart, with opacity")]
    assert not torch.equal(*told)


def test_what_is_no_word_says_nothing(apart):
    empty, told = apart([""])[0], apart(["heart, right lung"])[0]
    count = len(apart.tokenizer("heart, right lung")["input_ids"])
    torch.testing.assert_close(told[0], empty[0])
    torch.testing.assert_close(told[count:], empty[count:])


def test_one_clause_alone_is_read_as_ever(whole, apart):
    words = slice(1, 5)
    assert torch.equal(
        apart(["heart of the chest"])[0, words], whole(["heart of the chest"])[0, words]
    )


def test_a_text_that_is_too_long_is_refused(apart):
    with pytest.raises(InputError, match="the rest would be ignored"):
        apart(["heart, " * apart.length])
