"""Values of recipes are what was typed; files that swell are refused."""

import pytest
import yaml

from flows.planning.recipe import RecipeError, load_recipe
from flows.planning.recipe_yaml import load_yaml

RECIPE = """
format: 1
name: tiny
source: {kind: phantom, domains: [phantom-breast-us], train: 8, val: 4, test: 4}
image: {size: 32}
generator: {kind: phantom}
"""


def test_16_values_are_told_as_they_were_typed(tmp_path):
    values = ["010", "011", "008", "1.50", "12:30", "no", "on", "2024-01-31", "2024-99-99", "1_0"]
    grid = f"grid: {{facets: {{finding: [benign], site: [{', '.join(values)}]}}, seed: 010}}"
    (tmp_path / "r.yaml").write_text(RECIPE + grid)
    recipe = load_recipe(tmp_path / "r.yaml")
    assert recipe.grid.facets["site"] == tuple(values)
    assert recipe.grid.seed == 10
    assert load_recipe(tmp_path / "r.yaml", ["grid.facets.site=[007]"]).grid.facets["site"] == (
        "007",
    )


def test_16_plain_numbers_and_truth_values_stay_what_they_are():
    text = "[1, -3, 1.5, true, False, null, ~, .inf, 'yes', 0.5]"
    told = [1, -3, 1.5, True, False, None, None, float("inf"), "yes", 0.5]
    assert load_yaml(text) == told


def test_a_mapping_can_be_merged_and_its_keys_overridden():
    text = "one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3}"
    assert load_yaml(text)["two"] == {"a": 1, "b": 3}


BOMBS = {
    "aliases": "\n".join(
        f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9 if i else ['1'])}]" for i in range(9)
    ),
    "depth": "a: " + "[" * 5000 + "]" * 5000,
    "length": "a: " + "x" * 2**21,
    "self": "grid: &a {facets: *a}\nname: &b [*b]\nformat: &c {c: *c}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_recipe_that_swells_is_refused(tmp_path, bomb):
    (tmp_path / "r.yaml").write_text(BOMBS[bomb])
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "r.yaml")
    assert all(len(line) < 500 for line in caught.value.lines)


def test_a_number_that_is_a_list_is_refused():
    with pytest.raises(yaml.YAMLError, match="line 1 has a list or keys behind"):
        load_yaml("seed: !!int [1]")


def test_more_values_than_a_recipe_needs_are_refused_at_once():
    with pytest.raises(yaml.YAMLError, match="more than 20000 keys and values"):
        load_yaml("\n".join(f"k{n}: {n}" for n in range(60_000)))


@pytest.mark.parametrize("text", ['a: "\\ud800"', '"\\udcff x": 1', "[a, \udcff]"])
def test_half_a_character_is_refused(text):
    with pytest.raises(yaml.YAMLError, match=r"half a character|not allowed"):
        load_yaml(text)
