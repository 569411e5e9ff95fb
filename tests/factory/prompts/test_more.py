from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.errors import InputError
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.prompts.table import PromptTable
from factory.vocabulary import load_vocabulary

CHEST = load_vocabulary().domains["chest-xray-lungs"]
FINDINGS = ["normal", "tuberculosis"]
TUBERCULOSIS = {"facets": {"finding": "tuberculosis"}, "replicates": 3}


def grid(**section: Any) -> PromptGrid:
    facets = {"finding": FINDINGS, "view": ["PA", "AP"]}
    return PromptGrid(GridSection(**{"facets": facets, **section}), {CHEST.name: CHEST})


def test_further_pairs_come_after_those_of_their_combination() -> None:
    found = [(each.finding, dict(each.extra)["view"], each.replicate) for each in grid(
        replicates=1, more=[TUBERCULOSIS, {"facets": {"view": "AP"}, "replicates": 1}]
    )]  # fmt: skip
    assert found == [
        ("normal", "PA", 0),
        *(("normal", "AP", number) for number in range(2)),
        *(("tuberculosis", "PA", number) for number in range(4)),
        *(("tuberculosis", "AP", number) for number in range(5)),
    ]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(FINDINGS), st.integers(1, 5)), max_size=4))
def test_a_grid_with_more_keeps_every_prompt_and_its_row(entries: list[tuple[str, int]]) -> None:
    plain = grid(replicates=2)
    more = [{"facets": {"finding": name}, "replicates": count} for name, count in entries]
    larger = grid(replicates=2, more=more)
    assert len(larger) == len(plain) + 2 * sum(count for _, count in entries)
    assert [larger[n] for n in range(len(larger))] == list(larger)
    table, rows = PromptTable().extend(plain)
    whole, again = table.extend(larger)
    assert whole.to_pandas().iloc[: len(table)].equals(table.to_pandas())
    assert set(rows) <= set(again)
    assert len(set(again)) == len(larger)


def test_more_of_everything_is_the_same_grid_as_more_replicates() -> None:
    assert grid(replicates=1, more=[{"replicates": 2}]).digest == grid(replicates=3).digest
    assert grid(replicates=1, more=[TUBERCULOSIS]).digest != grid(replicates=1).digest


def test_a_grid_without_more_says_nothing_of_it_when_it_is_kept() -> None:
    assert "more" not in GridSection(replicates=2).model_dump()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"facets": {"finding": "tuberculosi"}, "replicates": 1}, "tuberculosis"),
        ({"facets": {"side": "left"}, "replicates": 1}, "side"),
        ({"facets": {"finding": "normal", "view": "AP"}, "replicates": 1}, "no combination"),
    ],
    ids=["value", "facet", "excluded"],
)
def test_more_of_what_the_grid_never_shows_is_told(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        grid(more=[more], exclude=[{"finding": "normal", "view": "AP"}])
