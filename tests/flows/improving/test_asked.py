import pytest

from factory.errors import InputError
from flows.context import open_context
from flows.improving.asked import askable, facets_of_grid, with_more
from flows.planning.recipe import load_recipe
from tasks.services.settings import load_settings

GRID = {"facets": {"finding": ["normal", "benign"]}, "replicates": 4, "seed": 7}
MIXED = {"real": [4], "seeds": 1, "steps": 2, "arms": ["real", "annealed"]}


@pytest.fixture
def context_of(recipe, tmp_path):
    def opened(**changes):
        content = load_recipe(recipe(**{"grid": GRID, "utility": MIXED, **changes}))
        with open_context(content, load_settings(tmp_path / "home")) as context:
            return context

    return opened


def test_a_facet_is_a_domain_and_finding_with_its_combinations_and_pairs(context_of):
    views = {"facets": {**GRID["facets"], "view": ["a", "b", "c"]}, "replicates": 2}
    context = context_of(grid=views)
    found = facets_of_grid(context.recipe, context.grid)
    assert [each.name for each in found] == [
        "phantom-breast-us, normal",
        "phantom-breast-us, benign",
    ]
    assert [(each.cells, each.pairs) for each in found] == [(3, 6)] * 2


def test_sets_of_classes_are_facets_where_the_grid_names_them(context_of):
    context = context_of(grid={"facets": {"finding": ["benign"], "classes": ["", "lesion"]}})
    names = [each.name for each in facets_of_grid(context.recipe, context.grid)]
    assert names == ["phantom-breast-us, benign", "phantom-breast-us, benign, lesion"]


def test_further_pairs_of_a_facet_add_up_over_rounds(context_of):
    context = context_of()
    facets = facets_of_grid(context.recipe, context.grid)
    twice = with_more(with_more(context.recipe, facets, [0, 6]), facets, [2, 4])
    assert [(each.facets["finding"], each.replicates) for each in twice.grid.more] == [
        ("benign", 10),
        ("normal", 2),
    ]


REFUSED = {
    "one": ({"grid": {"facets": {"finding": ["benign"]}}}, "one facet alone"),
    "untried": ({"utility": None}, "trains none"),
    "arms": ({"utility": {**MIXED, "arms": ["real", "synthetic"]}}, "trains none"),
    "folds": ({"utility": {**MIXED, "folds": 2}}, "leave folds out"),
    "floor": ({"improve": {"pairs": 3, "floor": 2}}, "raise pairs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_there_is_nothing_to_choose_or_to_be_told_by_a_line_says_so(name, context_of):
    changes, words = REFUSED[name]
    context = context_of(**changes)
    with pytest.raises(InputError, match=words):
        askable(context.recipe, context.grid)


def test_a_dry_run_tells_what_all_rounds_would_train_and_writes_nothing(medpair, recipe, tmp_path):
    path = recipe(grid=GRID, utility=MIXED, improve={"rounds": 3, "pairs": 8})
    one = medpair("run", path, "--dry-run", "--home", tmp_path / "home", "--json").json
    said = medpair("improve", path, "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert "at most 4 versions" in said.json["models"]
    assert said.json["steps"] == 4 * one["network_steps"]
    assert not (tmp_path / "home").exists()
