import json
import pickle
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from factory.errors import InputError
from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt, texts
from factory.prompts.section import GridSection
from factory.prompts.table import PromptTable, frame_of_lines, prompts_of_lines
from factory.vocabulary import load_vocabulary

DOMAINS = load_vocabulary().domains
CHEST = DOMAINS["chest-xray-lungs"]
BREAST = DOMAINS["breast-us-busi"]
CHAOS = DOMAINS["abdomen-mri-chaos"]
PROPERTY = settings(max_examples=40)
THREE = {domain.name: domain for domain in (CHEST, BREAST, CHAOS)}


def grid(domains: Any = THREE, **section: Any) -> PromptGrid:
    return PromptGrid(GridSection.model_validate(section), domains)


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    """A section over the chest domain with up to three facets, exclusions and replicates."""
    facets: dict[str, Any] = {
        "finding": draw(st.sampled_from([["normal"], ["tuberculosis", "normal"], ["", "normal"]])),
        "text": draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)),
        "view": draw(st.lists(st.sampled_from(["PA", "AP", "side"]), min_size=1, unique=True)),
    }
    names = draw(st.lists(st.sampled_from(list(facets)), min_size=1, unique=True))
    facets = {name: facets[name] for name in names}
    rules = [{name: values[0] for name, values in facets.items()}]
    exclude = draw(st.sampled_from([[], rules])) if max(map(len, facets.values())) > 1 else []
    replicates = draw(st.integers(1, 4))
    return {"facets": facets, "exclude": exclude, "replicates": replicates, "seed": 7}


def test_the_texts_follow_the_public_wording() -> None:
    amos = DOMAINS["amos-abdomen-ct"]
    assert texts(amos, ["spleen", "liver"]) == (
        "a photo of abdomen CT scans image, with liver, spleen.",
        "a photo of abdomen CT scans label, with liver, spleen.",
    )
    assert texts(amos, [])[0] == "a photo of abdomen CT scans image, with no found."
    assert texts(BREAST, [], "normal")[0] == (
        "a photo of ultrasound of the breast image, with no finding, normal."
    )
    assert texts(CHEST, ["lungs"], "tuberculosis", "left upper field", (("view", "PA"),))[1] == (
        "a photo of chest X-ray label, with lungs, tuberculosis, left upper field, view PA."
    )


def test_text_that_repeats_the_finding_is_said_once() -> None:
    assert texts(CHEST, ["lungs"], "normal", "normal")[0].count("normal") == 1


def test_one_seed_and_one_digest_are_pinned() -> None:
    prompt = Prompt.about(CHEST, ["lungs"], "tuberculosis", replicate=3, root=7)
    assert prompt.seed == 7492997269192350387
    assert prompt.digest[:16] == "32af51856a42b90c"


def test_a_reworded_title_is_a_new_prompt_with_its_old_seed() -> None:
    old = Prompt.about(CHEST, ["lungs"])
    new = Prompt.about(CHEST.model_copy(update={"title": "thorax radiograph"}), ["lungs"])
    assert old.seed == new.seed
    assert old.digest != new.digest


def test_a_grid_is_the_product_with_the_replicate_fastest() -> None:
    made = grid(
        {CHEST.name: CHEST},
        facets={"view": ["PA", "AP"], "finding": ["normal", "tuberculosis"]},
        replicates=2,
    )
    assert [(p.finding, dict(p.extra)["view"], p.replicate) for p in made] == [
        ("normal", "PA", 0),
        ("normal", "PA", 1),
        ("normal", "AP", 0),
        ("normal", "AP", 1),
        ("tuberculosis", "PA", 0),
        ("tuberculosis", "PA", 1),
        ("tuberculosis", "AP", 0),
        ("tuberculosis", "AP", 1),
    ]
    assert made[-1] == made[7]
    assert made[2:4] == [made[2], made[3]]
    with pytest.raises(IndexError):
        made[8]


def test_a_cell_is_kept_only_for_the_domains_that_know_it() -> None:
    made = grid(facets={"finding": ["normal", "malignant"]})
    assert [(p.domain, p.finding, p.classes) for p in made] == [
        ("chest-xray-lungs", "normal", ("lungs",)),
        ("breast-us-busi", "normal", ()),
        ("breast-us-busi", "malignant", ("breast lesion",)),
    ]


def test_all_stands_for_every_finding_of_each_domain() -> None:
    listed = ["normal", "tuberculosis", "benign", "malignant"]
    two = {domain.name: domain for domain in (CHEST, BREAST)}
    every = grid(two, facets={"finding": ["all"], "view": ["PA", "AP"]}, replicates=2)
    assert list(every) == list(
        grid(two, facets={"finding": listed, "view": ["PA", "AP"]}, replicates=2)
    )
    assert not CHAOS.findings  # what has no finding is asked for without one
    asked = [(p.domain, p.finding) for p in grid(facets={"finding": ["all"]})]
    assert asked[-1] == (CHAOS.name, "")
    assert {p.finding for p in grid(two, facets={"finding": ["all"], "anatomy": ["breast"]})} == {
        *BREAST.findings
    }


def test_some_of_all_findings_may_be_excluded() -> None:
    some = grid(facets={"finding": ["all"]}, exclude=[{"finding": ["normal", "benign"]}])
    assert [p.finding for p in some] == ["tuberculosis", "malignant", ""]


def test_without_facets_every_domain_shows_all_its_classes() -> None:
    assert [p.classes for p in grid()] == [domain.classes for domain in THREE.values()]


def test_classes_are_sets_in_the_order_of_the_domain() -> None:
    made = grid({CHAOS.name: CHAOS}, facets={"classes": ["spleen;liver", ["left kidney"], ""]})
    assert [p.classes for p in made] == [("liver", "spleen"), ("left kidney",), ()]


def test_modality_and_anatomy_choose_domains() -> None:
    assert [p.domain for p in grid(facets={"modality": ["x-ray", "mri"]})] == [
        "chest-xray-lungs",
        "abdomen-mri-chaos",
    ]


def test_exclusions_of_any_facets_leave_the_rest_in_order() -> None:
    facets = {"finding": ["normal", "tuberculosis"], "text": ["a", "b", "c"], "view": ["PA", "AP"]}
    whole = grid({CHEST.name: CHEST}, facets=facets)
    exclude = [{"finding": "normal", "text": ["a", "c"]}, {"text": "b", "view": "AP"}]
    made = grid({CHEST.name: CHEST}, facets=facets, exclude=exclude)
    kept = [
        p
        for p in whole
        if not (p.finding == "normal" and p.text in "ac")
        and not (p.text == "b" and dict(p.extra)["view"] == "AP")
    ]
    assert list(made) == kept
    assert len(made) == len(kept) == 6


def test_a_value_that_is_excluded_throughout_was_never_there() -> None:
    facets = {"finding": ["normal", "tuberculosis"], "text": ["a", "b"], "view": ["PA", "AP"]}
    exclude = [{"finding": "normal", "text": ["a", "b"]}, {"text": "a", "view": "AP"}]
    made = grid({CHEST.name: CHEST}, facets=facets, exclude=exclude)
    less = {**facets, "finding": ["tuberculosis"]}
    assert made == grid({CHEST.name: CHEST}, facets=less, exclude=exclude[1:])
    assert [(p.text, dict(p.extra)["view"]) for p in made] == [
        ("a", "PA"),
        ("b", "PA"),
        ("b", "AP"),
    ]


@PROPERTY
@given(sections())
def test_indexing_is_iteration(section: dict[str, Any]) -> None:
    made = grid({CHEST.name: CHEST}, **section)
    listed = list(made)
    assert [made[i] for i in range(len(made))] == listed
    assert len({prompt.digest for prompt in listed}) == len(listed)
    assert len({prompt.seed for prompt in listed}) == len(listed)
    assert [prompt for prompt, numbers in made.runs() for _ in numbers] == [
        made[i - i % section["replicates"]] for i in range(len(made))
    ]


@PROPERTY
@given(sections(), sections())
def test_the_digest_changes_if_and_only_if_the_content_does(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    a, b = grid({CHEST.name: CHEST}, **one), grid({CHEST.name: CHEST}, **two)
    assert (a.digest == b.digest) == (list(a) == list(b))
    assert (a == b) == (list(a) == list(b))


@PROPERTY
@given(sections())
def test_the_order_in_which_facets_are_written_does_not_matter(section: dict[str, Any]) -> None:
    turned = section | {"facets": dict(reversed(section["facets"].items()))}
    assert grid({CHEST.name: CHEST}, **section) == grid({CHEST.name: CHEST}, **turned)


@settings(PROPERTY, max_examples=15)
@given(sections(), st.integers(1, 5))
def test_growing_a_grid_keeps_every_row_and_seed(section: dict[str, Any], more: int) -> None:
    small = grid({CHEST.name: CHEST}, **section)
    facets = {name: [*values, "new"] for name, values in section["facets"].items()}
    facets = facets | ({"finding": ["", "normal", "tuberculosis"]} if "finding" in facets else {})
    replicates = section["replicates"] + more
    large = grid(
        THREE if "finding" not in facets else {CHEST.name: CHEST},
        **section | {"facets": facets, "replicates": replicates, "exclude": []},
    )
    table, rows = PromptTable().extend(small)
    grown, new_rows = table.extend(large)
    assert rows.tolist() == list(range(len(small)))
    assert grown.to_pandas()[: len(table)].equals(table.to_pandas())
    assert {p.digest: p.seed for p in small}.items() <= {p.digest: p.seed for p in large}.items()
    assert [grown[row] for row in new_rows] == list(large)
    assert len(set(new_rows.tolist())) == len(large)
    assert grown.extend(small)[1].tolist() == rows.tolist()


def test_extending_twice_adds_nothing_and_the_table_survives_storage() -> None:
    made = grid(facets={"view": ["PA", "AP"]}, replicates=2, seed=2**63)
    table, rows = PromptTable().extend(made)
    again, same = table.extend(list(made))
    assert len(again) == len(table) == len(made)
    assert same.tolist() == rows.tolist()
    restored = PromptTable(pickle.loads(pickle.dumps(table.to_pandas())))
    assert [restored[row] for row in range(len(restored))] == list(made)
    assert restored.to_pandas()["seed"].tolist() == [prompt.seed for prompt in made]


@settings(PROPERTY, max_examples=15)
@given(sections(), st.integers(1, 7))
def test_lines_are_json_and_give_the_table_back(section: dict[str, Any], part: int) -> None:
    table, _ = PromptTable().extend(grid({CHEST.name: CHEST}, **section))
    lines = np.array(table.lines(), object)
    entries = table.to_pandas().to_dict("records")
    assert [json.loads(line) for line in lines] == entries
    assert table.lines(slice(1, 3)) == lines[1:3].tolist()
    parts = [lines[start : start + part] for start in range(0, len(lines), part)]
    assert PromptTable.of_lines(parts).to_pandas().equals(table.to_pandas())
    assert [prompt for part in parts for prompt in prompts_of_lines(part)] == [*table]
    assert frame_of_lines(np.concatenate(parts)).equals(table.to_pandas())


def test_a_table_with_a_prompt_twice_is_refused() -> None:
    frame = PromptTable().extend(grid())[0].to_pandas()
    with pytest.raises(ValueError, match="two rows"):
        PromptTable(frame.iloc[[0, 0]])


def test_a_million_prompts_are_planned_at_once() -> None:
    facets = {"finding": ["normal", "tuberculosis"], "text": [f"case {i}" for i in range(50)]}
    section = GridSection.model_validate(
        {
            "facets": facets,
            "exclude": [{"finding": "normal", "text": "case 3"}],
            "replicates": 10_000,
        }
    )
    tracemalloc.start()
    start = time.perf_counter()
    made = PromptGrid(section, {CHEST.name: CHEST})
    made.digest, made[len(made) - 1]
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(made) == 990_000
    assert seconds < 1
    assert peak < 4e6


def test_a_grid_travels_to_a_worker() -> None:
    made = grid(facets={"view": ["PA"]})
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(pickle.loads(pickle.dumps(made))) == hash(made)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"facets": {"finding": []}}, "facet 'finding' is empty"),
        ({"facets": {"finding": ["normal", "normal"]}}, "repeats 'normal'"),
        ({"facets": {"finding": ["all", "normal"]}}, "names 'all' beside others"),
        ({"facets": {"classes": ["liver;spleen", "spleen;liver"]}}, "repeats 'liver;spleen'"),
        (
            {"facets": {"findings": ["normal"]}},
            "unknown facet 'findings'.*nearest known: 'finding'",
        ),
        ({"facets": {"seed": ["1"]}}, "'seed' is the name of a column"),
        ({"facets": {"finding": ["tuberculoses"]}}, "finding 'tuberculoses'.*'tuberculosis'"),
        ({"facets": {"classes": ["lung"]}}, "class 'lung'.*'lungs'"),
        (
            {"facets": {"domain": ["chest-xray-lung"]}},
            "domain 'chest-xray-lung'.*'chest-xray-lungs'",
        ),
        ({"facets": {"modality": ["Xray"]}}, "modality 'xray'.*'x-ray'"),
        ({"facets": {"anatomy": ["thorax"]}}, "anatomy 'thorax'.*known: chest, breast, abdomen"),
        (
            {"facets": {"modality": ["MRI"], "anatomy": ["chest"]}},
            "no domain of the grid can show modality 'mri', anatomy 'chest' together",
        ),
        (
            {"facets": {"classes": ["breast lesion"], "finding": ["normal"]}},
            "finding 'normal', classes 'breast lesion'",
        ),
        (
            {"facets": {"domain": [CHEST.name, CHAOS.name], "finding": ["normal"]}},
            "domain 'abdomen-mri-chaos' can show none",
        ),
        ({"exclude": [{"view": "PA"}]}, "unknown facet 'view' in exclude"),
        ({"facets": {"view": ["PA"]}, "exclude": [{"view": "AP"}]}, "unknown view 'AP'.*'PA'"),
        ({"facets": {"view": ["PA"]}, "exclude": [{"view": "PA"}]}, "leaves no combination"),
        ({"exclude": [{}]}, "entry of exclude is empty"),
        ({"facets": {"text": [["a", "b"]]}}, "facet 'text' holds a list"),
        ({"facets": {f: [*range(10**3)] for f in "klm"}}, "cannot be planned"),
    ],
    ids=str,
)
def test_a_bad_grid_is_refused_in_one_line(section: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        grid(**section)
    assert "\n" not in str(caught.value)


def test_an_impossible_combination_may_be_excluded() -> None:
    facets = {"finding": ["normal", "benign"], "classes": ["", "breast lesion"]}
    made = grid(
        {BREAST.name: BREAST},
        facets=facets,
        exclude=[{"finding": "normal", "classes": "breast lesion"}],
    )
    assert [(p.finding, p.classes) for p in made] == [
        ("normal", ()),
        ("benign", ()),
        ("benign", ("breast lesion",)),
    ]


@pytest.mark.parametrize("replicates", [0, -1])
def test_a_section_without_replicates_is_refused(replicates: int) -> None:
    with pytest.raises(ValidationError):
        GridSection(replicates=replicates)


@pytest.mark.slow
def test_a_table_of_a_hundred_thousand_prompts_is_quick() -> None:
    made = grid({CHEST.name: CHEST}, replicates=100_000)
    start = time.perf_counter()
    table, rows = PromptTable().extend(made)
    assert time.perf_counter() - start < 10
    assert np.array_equal(rows, np.arange(len(table)))
