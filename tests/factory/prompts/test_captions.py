"""Captions: what they say, in which words, and which words are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import InputError
from factory.prompts.captions.caption import (
    ATTENTION_CLAUSE_RATES,
    SAMPLING_RATES,
    TRAINING_CLAUSE_RATES,
    TRAINING_RATES,
    Rates,
    caption,
    check_words,
)
from factory.prompts.captions.facts import (
    CaptionFacts,
    facts_of_prompt,
    facts_of_rows,
    varying_classes,
)
from factory.prompts.captions.wording import load_wording, words
from factory.prompts.prompt import Prompt
from factory.training.sentences import caption_corpus
from factory.training.text import new_text_encoder
from factory.vocabulary import load_vocabulary

CHEST = load_vocabulary().domain("phantom-chest-xray")
HEART = CaptionFacts("chest X-ray", "X-ray", "chest", "cardiomegaly", present=("heart",))


def draws(seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def corpus():
    return caption_corpus({CHEST.name: CHEST})


@given(seed=st.integers(0, 2**32))
def test_the_same_draws_give_the_same_caption(seed):
    assert caption(HEART, draws(seed)) == caption(HEART, draws(seed))


def test_one_image_is_said_in_many_ways():
    captions = {caption(HEART, draws(seed)).text for seed in range(200)}
    assert len(captions) > 150


@given(seed=st.integers(0, 2**32))
def test_what_a_caption_says_stands_in_it(seed):
    facts = CaptionFacts(
        *("chest X-ray", "X-ray", "chest", "pneumonia", "left"),
        present=("heart", "opacity"),
        absent=("right lung",),
        enlarged=("heart",),
        varying=frozenset({"opacity", "right lung"}),
    )
    said, wording = caption(facts, draws(seed)), load_wording()
    kinds = {"present": "class", "absent": "class", "enlarged": "class"}
    for fact in said.facts - {"modality=X-ray", "anatomy=chest"}:
        relation, _, name = fact.partition("=")
        phrases = wording.phrases(kinds.get(relation, relation), name)
        assert any(phrase in said.text for phrase in phrases), fact


def test_structures_that_vary_are_said_more_often_than_constant_ones():
    facts = CaptionFacts(
        *("t", "m", "a"), present=("heart", "opacity"), varying=frozenset({"opacity"})
    )
    captions = [caption(facts, draws(seed)).facts for seed in range(1000)]
    rates = [np.mean([f"present={name}" in each for each in captions]) for name in facts.present]
    assert rates == pytest.approx([TRAINING_RATES.constant, TRAINING_RATES.varying], abs=0.05)


def test_asked_for_it_says_everything_that_varies_and_nothing_else():
    facts = facts_of_prompt(
        Prompt.about(CHEST, CHEST.shown("normal"), "normal"), CHEST, ["opacity"]
    )
    said = caption(facts, draws(0), SAMPLING_RATES).facts
    assert said == {"modality=X-ray", "anatomy=chest", "finding=normal", "absent=opacity"}


def test_a_finding_with_fewer_classes_asked_does_not_make_the_others_absent():
    facts = facts_of_prompt(Prompt.about(CHEST, ["heart"], "pneumonia"), CHEST, ["opacity"])
    assert facts.absent == ()


def test_side_and_enlarged_structures_of_a_prompt_have_words_of_their_own():
    extra = (("enlarged", "heart"), ("side", "left"), ("view", "portable"))
    prompt = Prompt.about(CHEST, CHEST.shown("pneumonia"), "pneumonia", extra=extra)
    facts = facts_of_prompt(prompt, CHEST, ["opacity"])
    assert (facts.side, facts.enlarged, facts.others) == (
        "left",
        ("heart",),
        (("view", "portable"),),
    )
    said = caption(facts, draws(0), SAMPLING_RATES)
    assert {"side=left", "enlarged=heart"} <= said.facts
    assert "portable" in said.text


def rows(labels, **columns):
    table = {"domain": CHEST.name, "labels": labels, "finding": "", "text": ""}
    return pd.DataFrame({**table, **columns})


def test_what_varies_is_read_from_labels():
    facets = rows(["heart;opacity", "heart", ""])
    # The last row is not labelled: that the heart is missing there was said by nobody.
    labelled = np.array([True, True, False])
    varying = varying_classes(facets, labelled, {CHEST.name: CHEST})
    assert varying == {CHEST.name: ("opacity",)}
    facts = facts_of_rows(facets, labelled, {CHEST.name: CHEST}, varying)
    assert facts[1].absent == ("left lung", "right lung", "opacity")
    assert facts[2].present == facts[2].absent == ()


def test_columns_of_a_source_tell_side_and_enlarged_structures():
    facets = rows(["heart"], side=["right"], enlarged=["heart"])
    (facts,) = facts_of_rows(facets, np.ones(1, bool), {CHEST.name: CHEST}, {CHEST.name: ()})
    assert (facts.side, facts.enlarged) == ("right", ("heart",))


def test_free_text_follows_stands_alone_or_is_left_out():
    facts = CaptionFacts(*("t", "m", "a"), "cardiomegaly", text="portable film")
    captions = [caption(facts, draws(seed)).text for seed in range(400)]
    alone = np.mean([text == "portable film" for text in captions])
    left_out = np.mean(["portable film" not in text for text in captions])
    assert alone == pytest.approx(TRAINING_RATES.text_alone, abs=0.07)
    assert left_out == pytest.approx(
        (1 - TRAINING_RATES.text_alone) * (1 - TRAINING_RATES.text), abs=0.07
    )


def test_free_text_that_repeats_the_finding_is_not_said_twice():
    facts = CaptionFacts(*("t", "m", "a"), "mass", text="mass")
    rates = Rates(1, 1, 1, 0, text=1, text_alone=0)
    assert all(caption(facts, draws(seed), rates).text.count("mass") == 1 for seed in range(50))


def test_every_word_of_the_wording_is_known_to_an_encoder_trained_on_it(corpus):
    known = {word for sentence in corpus for word in words(sentence.text)}
    wording = load_wording()
    templates = (
        *(wording.openings + wording.heads + wording.findings + wording.present),
        *(wording.absent + wording.enlarged + wording.sides + wording.plain),
    )
    slots = {"modality", "anatomy", "finding", "head", "names", "side"}
    used = {word for template in templates for word in words(template)} - slots
    assert used - known == set()


def test_a_paraphrase_that_was_never_written_is_made_of_known_words(corpus):
    held_out = "there is evidence of an enlarged cardiac silhouette, shown in this plain film of the thorax"
    assert held_out not in {sentence.text for sentence in corpus}
    encoder = new_text_encoder([sentence.text for sentence in corpus])
    check_words([held_out], encoder.known)


def test_unknown_words_are_named_with_the_nearest_known():
    with pytest.raises(InputError) as refused:
        check_words(["Radiograf of a wombat", "normal"], frozenset({"radiograph", "of", "a"}))
    said = str(refused.value)
    assert "'radiograf' (nearest known: radiograph)" in said
    assert "'wombat'" in said
    assert "'normal'" in said
    check_words(["anything at all"], None)


def test_captions_of_the_vocabulary_fit_the_small_encoder():
    corpus = caption_corpus(load_vocabulary().domains)
    encoder = new_text_encoder([sentence.text for sentence in corpus])
    assert encoder.tokens([sentence.text for sentence in corpus]).shape[1] == encoder.length
    long = "lung " * 100
    assert len(encoder.shortened(long).split()) == encoder.length - 2
    assert encoder.shortened("a lung") == "a lung"


def test_structures_apart_have_a_clause_each_and_halves_one_word_now_and_then():
    facts = CaptionFacts("title", "X-ray", "chest", "", "", ("left lung", "right lung", "heart"))
    phrases = {name: load_wording().phrases("class", name) for name in (*facts.present, "lungs")}
    joined = 0
    for seed in range(60):
        text = caption(facts, np.random.default_rng(seed), TRAINING_CLAUSE_RATES).text
        # The head may be two, as in "X-ray, chest".
        clauses = [c for c in text.split(", ")[1:] if c not in {"chest", "thorax"}]
        named = [
            {name for name, said in phrases.items() if any(f" {w} " in f" {c} " for w in said)}
            for c in clauses
        ]
        assert all(len(names) == 1 for names in named), clauses
        captions = [name for names in named for name in names]
        assert "lungs" not in captions or not {"left lung", "right lung"} & set(captions)
        joined += "lungs" in captions
    assert 15 < joined < 45


def test_attention_is_read_of_structures_that_are_named_apart_and_never_of_missing_ones():
    facts = CaptionFacts(
        "title", "X-ray", "chest", "", "", ("left lung", "right lung"), ("opacity",)
    )
    for seed in range(20):
        said = caption(facts, np.random.default_rng(seed), ATTENTION_CLAUSE_RATES)
        assert said.text.count(",") >= 2
        assert not any(fact.startswith("absent") for fact in said.facts)


def test_words_are_lower_case_and_without_marks():
    assert words("Left lung, X-ray 12: left LUNG") == ["left", "lung", "x", "ray"]
