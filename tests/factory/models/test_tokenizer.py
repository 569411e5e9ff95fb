from hypothesis import given
from hypothesis import strategies as st

from factory.models.tokenizer import learn_merges, train_tokenizer

TEXTS = ["a photo of chest X-ray image, with left lung.", "a photo of carina label, with rib."]
TOKENIZER = train_tokenizer(TEXTS, length=20)


def test_every_word_of_the_corpus_is_one_token():
    assert TOKENIZER.tokenize(TEXTS[0]) == [
        f"{piece}</w>"
        for piece in ["a", "photo", "of", "chest", "x", "-", "ray", "image", ",", "with", "left"]
    ] + ["lung</w>", ".</w>"]


def test_the_commonest_pair_is_merged_first_and_ties_fall_by_the_alphabet():
    # "a b" occurs twice; then "ab d" and "ab e" once each, d before e.
    assert learn_merges(["abe", "abd"]) == [("a", "b"), ("ab", "d</w>"), ("ab", "e</w>")]


def test_training_twice_gives_the_same_tokenizer():
    again = train_tokenizer(reversed(TEXTS), length=20)
    assert again.get_vocab() == TOKENIZER.get_vocab()
    assert again.tokenize("carina of unseen words") == TOKENIZER.tokenize("carina of unseen words")


@given(st.text(min_size=1))
def test_no_text_reads_as_its_own_end(text):
    # The end of the text doubles as the unknown token, so a gap in the alphabet would show as it.
    assert TOKENIZER.eos_token_id not in TOKENIZER(text, add_special_tokens=False)["input_ids"]
