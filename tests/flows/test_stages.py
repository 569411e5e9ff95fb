"""What a deployment makes of its parameters: a recipe, with overrides, under one name."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import stages
from flows.planning.recipe import RecipeError, load_recipe
from flows.stages import edited, recipe_name


def test_a_recipe_is_edited_wherever_it_comes_from(recipe):
    path = recipe()
    by_path = edited(path, ["grid.replicates=6"])
    assert by_path.grid.replicates == 6
    assert edited(load_recipe(path), ["grid.replicates=6"]) == by_path
    assert edited(load_recipe(path), ()) == load_recipe(path)
    assert edited(Path("demo"), ["image.size=32"]).image.size == 32
    with pytest.raises(RecipeError, match="replicas"):
        edited(path, ["grid.replicas=6"])


def test_a_run_bears_the_data_sets_name_whatever_its_file_is_called(recipe, monkeypatch):
    path = recipe().rename(recipe().parent / "mine.yaml")

    def named(**given):
        run = SimpleNamespace(flow_run=SimpleNamespace(parameters=given))
        monkeypatch.setattr(stages, "runtime", run)
        return recipe_name()

    assert named(recipe=path) == "tiny"
    assert named(recipe=path, set=("name=another",)) == "another"
    assert named(recipe=load_recipe(path), set=("name=another",)) == "another"
    assert named(recipe=Path("gone/mine.yaml")) == "mine"  # the run itself tells what is wrong
