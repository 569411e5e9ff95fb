"""Every export holds the accepted pairs of a version, each once, with their labels."""

import json

import numpy as np
import pandas as pd
import pytest

from factory.cells import GridSection
from factory.exports import EXPORTS
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts import PromptGrid
from factory.runs import Run, declare, judge, make, missing
from factory.shards import Layout
from factory.sources.folder import FolderSource
from factory.store import Store

SECTION = ImageSection(size=32)
GENERATOR = PhantomGenerator(SECTION)


@pytest.fixture
def snapshot(tmp_path):
    """Three pairs of each of two domains."""
    store = Store(str(tmp_path / "pairs"), "set").create()
    facets = {"domain": ["phantom-breast-us", "phantom-dermoscopy"]}
    grid = PromptGrid(GridSection(facets=facets, replicates=3), GENERATOR.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    run = Run("a", grid, Layout(32, 32, 1, 4, 8), GENERATOR.digest, label_maps, {}, {})
    shards = missing(declare(store, run))
    session = store.writable(run.branch)
    session.merge(*(make(GENERATOR.generate, session.fork(), shard) for shard in shards))
    store.commit(session, "pairs", {})
    return judge(store, run.branch)


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_counts_the_accepted_pairs(kind, snapshot, tmp_path):
    assert sum(EXPORTS[kind](snapshot, tmp_path / "copy")) == len(snapshot.read()) == 6


def test_a_folder_reads_back_as_the_pairs_it_was_written_from(snapshot, tmp_path):
    list(EXPORTS["folder"](snapshot, tmp_path / "copy"))
    whole = snapshot.read()
    for domain in ("phantom-breast-us", "phantom-dermoscopy"):
        place = tmp_path / "copy" / domain
        here = whole[(whole.facets["domain"] == domain).to_numpy()]
        found = FolderSource(path=place, domain=domain).build().read("train", SECTION)
        np.testing.assert_array_equal(found.images, here.images)
        np.testing.assert_array_equal(found.masks, here.masks)
        table = pd.read_csv(place / "metadata.csv", keep_default_na=False)
        assert list(table["prompt"]) == list(here.facets["prompt"])
        assert set(table["snapshot"]) == {snapshot.id}
        assert json.loads((place / "classes.json").read_text())["1"] == "lesion"
