"""Class words among the tokens of a prompt."""

import pytest
import torch

from factory.attention_maps.token_weights import token_weights
from factory.errors import InputError
from factory.models.tokenizer import train_tokenizer

TOKENIZER = train_tokenizer(["left lung, heart, a liver tumor of the"], 24)
LENGTH = 24


def weights(text, *groups, length=LENGTH):
    return token_weights(TOKENIZER, text, groups, length)


def test_a_word_counts_where_it_stands():
    # Tokens: start, the, left, lung, and four of padding.
    expected = torch.tensor([[0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0, 0, 0, 0]])
    assert torch.equal(weights("the left lung", ["lung"], length=8), expected[:1])
    assert torch.equal(weights("the Left  Lung", ["left lung"], length=8), expected[1:])


def test_word_pieces_and_synonyms_share_the_weight():
    # No word of the corpus: "pulmo" falls into its five letters; with "lung" these are six tokens.
    row = weights("lung of the pulmo", ["lung", "pulmo"])[0]
    assert row[1] == row[4] == row[8] == pytest.approx(1 / 6)
    assert row.sum() == pytest.approx(1)


def test_the_longest_name_wins_and_words_are_whole():
    row, tumor = weights("a liver tumor of the liver", ["liver"], ["liver tumor"])
    assert row.nonzero().flatten().tolist() == [6]
    assert tumor.nonzero().flatten().tolist() == [2, 3]
    with pytest.raises(InputError, match="not in the prompt"):
        weights("delivery of lungs", ["liver"])


def test_a_class_that_was_not_asked_for_has_no_weight():
    assert weights("the left lung", ["lung"], [])[1].sum() == 0


def test_an_absent_word_is_refused_in_one_line():
    with pytest.raises(InputError, match="'heart' or 'cor' is not in the prompt") as error:
        weights("the left lung", ["lung"], ["heart", "cor"])
    assert "\n" not in str(error.value)


def test_a_word_is_refused_where_the_tokenizer_truncates_it_away():
    # Eight tokens are read: the start, six words and the end; "heart" is the seventh word.
    text = "the left lung of the liver heart"
    with pytest.raises(InputError, match=r"'heart' is token 7 .* truncated away"):
        weights(text, ["heart"], length=8)
    assert weights(text, ["liver"], length=8)[0, 6] == 1
    assert weights(f"heart {text}", ["heart"], length=8)[0, 1] == 1


def test_an_empty_spelling_is_refused():
    with pytest.raises(InputError, match="class word is empty"):
        weights("the left lung", [" "])
