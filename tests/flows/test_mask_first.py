"""Pairs whose mask is a warped training mask, made by the real model, tiny and untrained."""

from dataclasses import replace

import numpy as np
import pytest

from factory.prompts.masks.library import MaskLibrary
from factory.store.repository import Store
from factory.store.runs import declare, judge, make, merge, missing
from factory.store.shards import Layout
from flows.context import open_context
from flows.planning.recipe import RecipeError, load_recipe
from tasks.services.settings import load_settings

GRID = {"facets": {"finding": ["benign", "malignant"]}, "replicates": 10, "seed": 7, "masks": {}}


@pytest.fixture
def painted(recipe, checkpoint):
    """A recipe of pairs that are made mask first."""
    sample = {"steps": 2, "batch": 4}
    generator = {"kind": "medsegfactory", "preset": "tiny", "from": str(checkpoint)}
    return recipe(generator=generator | {"sample": sample}, grid=GRID, utility=None)


@pytest.fixture
def context(painted, tmp_path):
    with open_context(load_recipe(painted), load_settings(tmp_path / "home")) as context:
        yield context


def filled(context, folder, shard):
    """The snapshot of a run whose shards were made one by one, the last one first."""
    store, generator = Store(str(folder), "tiny").create(), context.build_generator()
    run = replace(context.run, layout=Layout(32, 32, 1, 4, shard))
    assert generator.digest == run.generator
    for part in reversed(missing(declare(store, run))):
        session = store.writable(run.branch)
        merge(session, [make(generator.generate, session.fork(), part)])
        store.commit(session, "shard", {})
    return judge(store, run.branch)


def test_the_stored_mask_is_the_warped_mask_of_a_training_pair(context, tmp_path):
    pairs = filled(context, tmp_path / "pairs", shard=8).read()
    train, section = context.reference.train, context.recipe.grid.masks
    library = MaskLibrary.of(train, context.reference.domains, section)
    prompts = list(context.grid)
    assert len(pairs) == 20
    expected = library.warped(prompts, [prompt.seed for prompt in prompts])
    np.testing.assert_array_equal(pairs.masks, expected)
    # Real pairs by name: each mask is of the finding asked for, and most are warped.
    real = {name: row for row, name in enumerate(train.facets["name"])}
    rows = [real[name] for name in pairs.facets["mask_from"]]
    assert list(train.facets["finding"].iloc[rows]) == list(pairs.facets["finding"])
    assert set(pairs.facets["mask_warp"]) == {"rotate 8, scale 0.1, shift 0.04, elastic 0.015"}
    assert (pairs.masks != train.masks[rows]).any((1, 2)).mean() > 0.5
    # Images are made for the masks they come with.
    assert len(np.unique(pairs.images, axis=0)) == 20


def test_shards_of_any_size_hold_the_same_pixels(context, tmp_path):
    small, large = (filled(context, tmp_path / f"{n}", shard=n).read() for n in (4, 20))
    np.testing.assert_array_equal(small.masks, large.masks)
    np.testing.assert_array_equal(small.images, large.images)


def test_the_run_is_another_one_than_without_masks(context, painted, tmp_path):
    alone = load_recipe(painted, ["grid.masks=null"])
    with open_context(alone, load_settings(tmp_path / "home")) as joint:
        assert joint.run.id != context.run.id
        assert "masks" not in joint.run.sections["grid"]
        assert joint.run.generator == context.run.generator


def test_a_dry_run_plans_it(painted, medpair, tmp_path):
    said = medpair("run", painted, "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert said.json["pairs"] == 20


@pytest.mark.parametrize("kind", ["phantom", "diffmask", "medisyn"])
def test_a_generator_that_cannot_is_refused_in_a_line(kind, recipe, medpair, tmp_path):
    generator = {"kind": kind} | ({"train": {"steps": 1}} if kind != "phantom" else {})
    path = recipe(generator=generator, grid=GRID, utility=None)
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2
    assert len(said.lines) == 1
    assert f"generator {kind} cannot make images for masks" in said.lines[0]
    assert "use one that can: medsegfactory" in said.lines[0]


@pytest.mark.parametrize("split", ["val", "test"])
def test_only_masks_of_the_training_split_can_be_asked_for(split, painted):
    with pytest.raises(RecipeError, match=rf"grid\.masks\.from: masks of '{split}'.*use train"):
        load_recipe(painted, [f"grid.masks.from={split}"])


@pytest.mark.integration
def test_workers_make_it_and_the_export_names_the_origin(painted, medpair, tmp_path, context):
    home = tmp_path / "home"
    made = medpair("generate", painted, "--home", home, "--json")
    assert made.code == 0, made.err
    pairs = context.store.snapshot(context.run.branch).read()
    prompts = list(context.grid)
    seeds = [prompt.seed for prompt in prompts]
    np.testing.assert_array_equal(pairs.masks, context.grid.mask_library.warped(prompts, seeds))
    assert set(pairs.facets["mask_from"]) <= set(context.reference.train.facets["name"])
