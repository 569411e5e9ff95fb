"""Text encoders: states of whole texts, and of texts that are read clause by clause."""

import pytest
import torch

from factory.attention_maps.token_weights import token_weights
from factory.errors import InputError
from factory.models.text import TextEncoder, by_clause
from factory.prompts.captions.wording import words
from factory.training.sentences import corpus
from factory.training.text import new_text_encoder
from factory.vocabulary import load_vocabulary

DOMAINS = load_vocabulary().domains
NAMES = ("phantom-chest-xray", "phantom-breast-us")
TEXTS = [sentence.text for sentence in corpus({name: DOMAINS[name] for name in NAMES})]
LINES = ["chest X-ray, with right lung, no opacity.", "heart of the chest"]


@pytest.fixture(scope="module")
def encoder():
    return new_text_encoder(TEXTS)


def test_states_are_frozen_float32_of_a_fixed_length(encoder):
    states = encoder(["", "a photo of a chest", "lung"])
    assert states.shape == (3, encoder.length, encoder.dim) == (3, 64, 64)
    assert states.dtype == torch.float32
    assert not states.requires_grad


def test_a_text_has_the_same_states_in_any_company(encoder):
    texts = TEXTS[:5]
    assert torch.equal(encoder(texts)[3], encoder([texts[3]])[0])
    assert torch.equal(encoder([texts[1], texts[1]])[1], encoder(texts)[1])


def test_saved_and_loaded_it_says_the_same(encoder, tmp_path):
    encoder.save(tmp_path)
    again = TextEncoder.load(tmp_path)
    text = ["a photo of chest X-ray phantom image, with heart, and a zebra."]
    assert torch.equal(encoder(text), again(text))
    assert set(words(text[0])) - again.known == {"and", "zebra"}


def test_stored_in_half_precision_it_says_nearly_the_same(encoder, tmp_path):
    encoder.save(tmp_path, torch.float16)
    again = TextEncoder.load(tmp_path)
    assert next(again.model.parameters()).dtype == torch.float32
    assert next(encoder.model.parameters()).dtype == torch.float32
    torch.testing.assert_close(encoder(["heart"]), again(["heart"]), atol=0.02, rtol=0.02)


def test_the_older_hub_layout_of_a_tokenizer_is_read(encoder, tmp_path):
    # Stable Diffusion 1.5 ships vocab.json and merges.txt, and no tokenizer.json.
    encoder.save(tmp_path)
    encoder.tokenizer.backend_tokenizer.model.save(str(tmp_path / "tokenizer"))
    (tmp_path / "tokenizer" / "tokenizer.json").unlink()
    (tmp_path / "tokenizer" / "words.txt").unlink()
    again = TextEncoder.load(tmp_path)
    text = ["a photo of chest X-ray phantom image, with heart."]
    assert torch.equal(encoder(text), again(text))
    assert again.known is None


def test_a_folder_without_tokenizer_is_refused(encoder, tmp_path):
    encoder.save(tmp_path)
    for file in (tmp_path / "tokenizer").iterdir():
        file.unlink()
    (tmp_path / "tokenizer").rmdir()
    with pytest.raises(InputError, match="has no tokenizer/"):
        TextEncoder.load(tmp_path)


def test_a_prompt_too_long_to_be_read_whole_is_refused(encoder):
    with pytest.raises(InputError, match="has 102 tokens and the text encoder reads 64"):
        encoder(["lung " * 100])


@pytest.fixture(scope="module")
def whole():
    return new_text_encoder(LINES)


@pytest.fixture(scope="module")
def apart(whole):
    return by_clause(whole)


def state(encoder, line, word):
    place = token_weights(encoder.tokenizer, line, [(word,)], encoder.length)[0].argmax()
    return encoder([line])[0, place]


def test_a_word_depends_on_its_clause_alone_wherever_that_stands(whole, apart):
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
