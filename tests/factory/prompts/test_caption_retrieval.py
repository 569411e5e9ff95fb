"""Captions of real images, found by what a prompt asks for; answers known by hand."""

import numpy as np
import pandas as pd
import pytest

from factory.attention_maps.token_weights import check_mentioned, naming
from factory.errors import InputError
from factory.prompts.captions.caption import (
    ATTENTION_RATES,
    SAMPLING_RATES,
    caption,
)
from factory.prompts.captions.facts import facts_of_prompt
from factory.prompts.captions.retrieval import CaptionLibrary, RetrieveSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.prompts.table import PromptTable
from factory.vocabulary import load_vocabulary

CHEST = load_vocabulary().domains["chest-xray-lungs"]
NAME = CHEST.name
TB = "tuberculosis"
TEXTS = [
    ("a", "normal", "normal"),
    ("b", TB, "PTB in the right upper field"),
    ("c", TB, "bilateral PTB"),
    ("d", TB, "PTB in the left upper field"),
    ("e", TB, '"Bilateral PTB'),
    ("f", TB, ""),
    ("g", TB, "PTB, bilateral"),
    ("h", "normal", "!"),
]


def facets(rows=TEXTS, domain=NAME):
    table = pd.DataFrame(rows, columns=["name", "finding", "text"])
    return table.assign(domain=domain)


LIBRARY = CaptionLibrary.of(facets())


def nearest(wanted, finding=TB, library=LIBRARY, **section):
    return library.nearest(NAME, finding, wanted, RetrieveSection(**section))


def grid(library=LIBRARY, retrieve=None, **section):
    section = GridSection.model_validate({"retrieve": retrieve or {}, **section})
    return PromptGrid(section, {NAME: CHEST}).retrieving(library)


def names(found):
    return [each.name for each in found]


def test_the_caption_with_the_words_that_were_asked_for_comes_first():
    assert names(nearest("upper field on the left"))[:2] == ["d", "b"]
    assert names(nearest("right"))[0] == "b"
    assert names(nearest("bilateral"))[0] == "c"


def test_a_rare_word_weighs_more_than_a_common_one():
    # All captions but one say PTB; of those that do not say left, none is near.
    rows = [(f"{i}", TB, f"PTB {word}") for i, word in enumerate(["apex", "base", "hilum", "left"])]
    assert names(nearest("PTB left", library=CaptionLibrary.of(facets(rows))))[0] == "3"


def test_equally_near_captions_follow_how_often_and_how_early_they_are_said():
    # No caption holds the word: bilateral PTB is said three times (twice in these words, once in
    # another order), the others once, b before d.
    assert names(nearest("scan")) == ["c", "b", "d"]
    assert names(nearest("scan", top=2)) == ["c", "b"]


def test_near_duplicates_count_as_one():
    # The words of c, e and g are the same; b and d differ in one word of six.
    assert names(nearest("PTB", near=1.0)) == ["c", "b", "d"]
    loose = names(nearest("upper field on the left", near=0.5))
    assert loose[0] == "d"
    assert "b" not in loose


def test_only_captions_of_the_finding_and_the_domain_are_found():
    assert names(nearest("bilateral PTB", finding="normal")) == ["a"]
    assert names(nearest("normal", finding=""))[0] == "a"
    other = pd.concat([facets(), facets([("z", TB, "left left left")], "elsewhere")])
    assert "z" not in names(nearest("left", library=CaptionLibrary.of(other)))


def test_the_caption_stands_as_it_is_written():
    assert nearest("right")[0].text == "PTB in the right upper field"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "normal", ""), ("b", TB, "?")], "no training image of the source has one"),
        ([("a", "normal", "clear")], f"no training image of {NAME} with finding '{TB}' has one"),
    ],
    ids=["no caption", "none of a finding"],
)
def test_where_there_is_no_caption_it_is_said_in_a_line(rows, message):
    with pytest.raises(InputError, match=message) as told:
        grid(CaptionLibrary.of(facets(rows)), facets={"finding": [TB]})
    assert "\n" not in str(told.value)
    assert "grid.retrieve" in str(told.value)


def test_replicates_take_the_captions_in_turns_and_keep_where_they_came_from():
    made = grid(facets={"finding": [TB], "text": ["left", "bilateral"]}, replicates=4)
    told = [(p.retrieved, p.text, p.replicate) for p in made]
    assert told[:4] == [
        ("d", "PTB in the left upper field", 0),
        ("c", "bilateral PTB", 1),
        ("b", "PTB in the right upper field", 2),
        ("d", "PTB in the left upper field", 3),
    ]
    assert [name for name, _, _ in told[4:]] == ["c", "b", "d", "c"]
    facets = made[4].facets()
    assert (facets["retrieved"], facets["retrieved_for"]) == ("c", "bilateral")
    assert len({p.digest for p in made}) == len({p.seed for p in made}) == 8
    assert list(made) == [made[i] for i in range(8)]


def test_the_table_keeps_the_captions_and_more_replicates_change_no_row():
    few, more = (grid(facets={"finding": [TB, "normal"]}, replicates=n) for n in (3, 5))
    table, rows = PromptTable().extend(few)
    assert [table[int(row)] for row in rows] == list(few)
    again, _ = PromptTable(table.to_pandas()).extend(more)
    assert len(again) == 10
    assert [again[i] for i in range(6)] == list(few)


def test_the_digest_is_that_of_the_prompts():
    told = {"facets": {"finding": [TB]}, "replicates": 2}
    one = grid(**told)
    assert grid(**told).digest == one.digest
    plain = PromptGrid(GridSection.model_validate(told), {NAME: CHEST})
    assert plain.digest != one.digest
    # Two replicates never see the third caption.
    assert grid(retrieve={"top": 2}, **told) == one
    assert grid(retrieve={"top": 1}, **told) != one
    said = [(n, f, t.replace("bilateral", "diffuse")) for n, f, t in TEXTS]
    assert grid(CaptionLibrary.of(facets(said)), **told) != one


def test_a_grid_that_was_not_given_its_captions_makes_no_prompt():
    bare = PromptGrid(GridSection(retrieve=RetrieveSection()), {NAME: CHEST})
    assert len(bare) == 1
    with pytest.raises(ValueError, match="still to be retrieved"):
        bare[0]


def test_a_grid_that_retrieves_nothing_is_left_as_it_is():
    plain = PromptGrid(GridSection(facets={"text": ["clear"]}), {NAME: CHEST})
    assert plain.retrieving(LIBRARY) is plain


def test_a_facet_of_the_name_is_refused():
    with pytest.raises(InputError, match="'retrieved' is the name of a column"):
        grid(facets={"retrieved": ["x"]})


@pytest.mark.parametrize("rates", [SAMPLING_RATES, ATTENTION_RATES], ids=["asked", "named"])
@pytest.mark.parametrize("finding", ["", TB])
def test_where_it_came_from_is_never_said_and_classes_are_named(finding, rates):
    (prompt,) = grid(facets={"finding": [finding], "text": ["right"]})
    assert prompt.retrieved == "b"
    assert prompt.conditioning == ()
    assert "retrieved" not in prompt.image_text + prompt.mask_text
    assert "PTB in the right upper field" in prompt.image_text
    facts = facts_of_prompt(prompt, CHEST, ())
    for seed in range(20):
        line = caption(facts, np.random.default_rng(seed), rates).text
        assert "retrieved" not in line
        assert line.endswith("PTB in the right upper field")
        check_mentioned(naming(line, [("lungs", "lung fields")]), [("lungs", "lung fields")])


def test_missing_class_words_come_first_and_present_ones_once():
    groups = [("liver", "hepatic tissue"), ("liver tumor",), ("spleen",)]
    assert naming("a large spleen", groups) == "liver, liver tumor. a large spleen"
    # The longest name wins: the liver of a liver tumor is not the liver.
    assert naming("liver tumor beside the spleen", groups) == "liver. liver tumor beside the spleen"
    assert naming("Hepatic tissue, liver tumor, spleen", groups).startswith("Hepatic")
    assert naming("clear", []) == "clear"
