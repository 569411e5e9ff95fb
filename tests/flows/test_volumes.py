"""Coherent stacks by the real model, tiny and untrained: volume by volume, judged as a whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.checkpoints import Components, save_components
from factory.models.dual_stream import DualStreamUNet
from factory.models.presets import SCHEDULE, TINY
from factory.pairs import volumes_of
from factory.sources.volumes.anatomy import DOMAIN
from factory.store.checks import Reason
from factory.store.repository import Store
from factory.store.runs import declare, judge, make, merge, missing
from factory.store.shards import Layout
from factory.training.text import new_text_encoder
from flows.context import open_context
from flows.planning.recipe import load_recipe
from tasks.pair_gating import PairGating, screen
from tasks.services.settings import load_settings

GRID = {"replicates": 3, "seed": 7, "unit": "volume", "masks": {}}
SOURCE = {"kind": "phantom-volumes", "train": 3, "val": 2, "test": 2, "slices": 6}


@pytest.fixture
def volume_checkpoint(tmp_path):
    """A whole dual-stream model of the tiny preset, untrained, that knows the phantom volumes."""
    torch.manual_seed(0)
    card = {"image": {"size": 32, "channels": 1}, "domains": [DOMAIN.model_dump(mode="json")]}
    autoencoder = KLAutoencoder.small(4, torch.rand(4, 3, 32, 32) * 2 - 1)
    text = new_text_encoder([f"a photo of {DOMAIN.title} image, with liver, spleen, lesion."])
    config = {
        **TINY, "in_channels": 16, "out_channels": 16, "cross_attention_dim": text.dim
    }  # fmt: skip
    parts = Components(DualStreamUNet(config), autoencoder, text, SCHEDULE, card)
    save_components(parts, tmp_path / "volumes")
    return tmp_path / "volumes"


@pytest.fixture
def stacked(recipe, volume_checkpoint):
    """A recipe of volumes."""
    sample = {"steps": 2, "batch": 4}
    generator = {"kind": "medsegfactory", "preset": "tiny", "from": str(volume_checkpoint)}
    return recipe(source=SOURCE, generator=generator | {"sample": sample}, grid=GRID, utility=None)


@pytest.fixture
def context(stacked, tmp_path):
    with open_context(load_recipe(stacked), load_settings(tmp_path / "home")) as context:
        yield context


def filled(context, folder, shard):
    """The run's snapshot, made shard by shard, the last one first."""
    store, generator = Store(str(folder), "tiny").create(), context.build_generator()
    run = replace(context.run, layout=Layout(32, 32, 1, 4, shard))
    for part in reversed(missing(declare(store, run))):
        session = store.writable(run.branch)
        merge(session, [make(generator.generate, session.fork(), part)])
        store.commit(session, "shard", {})
    return store, run.branch


@pytest.mark.slow
def test_slices_are_rows_that_name_volume_and_slice(context, tmp_path):
    pairs = judge(*filled(context, tmp_path / "pairs", shard=8)).read()
    assert len(pairs) == 18
    assert {len(rows) for rows in volumes_of(pairs.facets).values()} == {6}
    assert pairs.facets["slice"].astype(int).tolist() == 3 * list(range(6))
    np.testing.assert_allclose(pairs.facets["slice_mm"].astype(float), 128 / 6, rtol=1e-4)
    np.testing.assert_allclose(pairs.spacing_mm, 10)
    prompts = list(context.grid)
    expected = context.grid.mask_library.warped(prompts, [prompt.seed for prompt in prompts])
    np.testing.assert_array_equal(pairs.masks, expected)


@pytest.mark.slow
def test_shards_that_cut_volumes_change_no_voxel(context, tmp_path):
    small, large = (judge(*filled(context, tmp_path / f"{n}", shard=n)).read() for n in (4, 20))
    np.testing.assert_array_equal(small.masks, large.masks)
    np.testing.assert_array_equal(small.images, large.images)


@pytest.mark.slow
def test_a_volume_is_rejected_as_a_whole(context, tmp_path):
    store, branch = filled(context, tmp_path / "pairs", shard=8)
    reasons = store.snapshot(branch).reason.copy()
    reasons[8] = Reason.CONSTANT_IMAGE
    judge(store, branch, reasons)
    gating = PairGating(context.lake, context.reference, context.recipe.evaluate, context.record)
    found = screen.fn(store, branch, {}, gating).reasons
    assert (
        found[6:12].tolist()
        == [Reason.VOLUME_REJECTED] * 2 + [Reason.CONSTANT_IMAGE] + [Reason.VOLUME_REJECTED] * 3
    )
    assert not found[:6].any()
    assert not found[12:].any()


def test_a_dry_run_counts_slices(stacked, medpair, tmp_path):
    said = medpair("run", stacked, "--dry-run", "--home", tmp_path / "home", "--json")
    assert said.code == 0, said.err
    assert said.json["pairs"] == 18


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": {**SOURCE, "slices": 2}}, "times as coarse"),
        ({"grid": {**GRID, "masks": None}}, "no masks are given"),
    ],
    ids=["anisotropic", "maskless"],
)
def test_what_cannot_be_a_volume_is_refused(changes, words, stacked, recipe, medpair, tmp_path):
    generator = load_recipe(stacked).generator.model_dump(mode="json", by_alias=True)
    image = {"size": 64}  # 64 mm between slices, and 5 within them
    path = recipe(
        **({"source": SOURCE, "grid": GRID} | changes),
        generator=generator,
        image=image,
        utility=None,
    )
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2
    assert any(words in line for line in said.lines)


def test_flat_images_are_no_volumes(recipe, checkpoint, medpair, tmp_path):
    generator = {"kind": "medsegfactory", "preset": "tiny", "from": str(checkpoint)}
    path = recipe(generator=generator, grid=GRID, utility=None)
    said = medpair("run", path, "--dry-run", "--home", tmp_path / "home")
    assert said.code == 2
    assert "8 images are of no volume" in said.lines[0]


@pytest.mark.integration
def test_a_run_makes_volumes_to_the_end(stacked, medpair, tmp_path):
    home = tmp_path / "home"
    made = medpair("run", stacked, "--home", home, "--json")
    assert made.code == 0, made.err
