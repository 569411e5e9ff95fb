"""A small data set of phantoms, published in this process."""

import pytest

from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import MAIN, Store, arrays
from factory.store.runs import Run, declare, judge, make, merge, missing
from factory.store.shards import Layout

GENERATOR = PhantomGenerator(ImageSection(size=32))
CHEST = "phantom-chest-xray"


def publish_pairs(
    store,
    name,
    replicates,
    generator=GENERATOR.digest,
    generate=GENERATOR.generate,
    masked=True,
    **facets,
):
    """Makes, judges and publishes a run of a few chest phantoms."""
    section = GridSection(facets={"domain": [CHEST], **facets}, replicates=replicates)
    grid = PromptGrid(section, GENERATOR.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    run = Run(name, grid, Layout(32, 32, 1, 4, 8), generator, label_maps, {}, {}, masked)
    shards = missing(declare(store, run))
    session = store.writable(run.branch)
    forks = [make(generate, session.fork(), shard) for shard in shards]
    merge(session, forks)
    store.commit(session, "pairs", {})
    judged = judge(store, run.branch)
    store.move(MAIN, judged.id, judged.attributes["base"])
    return judged


@pytest.fixture(scope="session")
def generator():
    return GENERATOR


@pytest.fixture(scope="session")
def publish():
    return publish_pairs


@pytest.fixture
def empty(tmp_path):
    """A data set without pairs."""
    return Store(str(tmp_path), "set").create()


@pytest.fixture(scope="session")
def commit():
    """Writes attributes on a branch and gives the snapshot."""

    def written(store, branch, **attributes):
        session = store.writable(branch)
        arrays(session).attrs.update(attributes)
        return store.commit(session, "test", {"kind": "test"})

    return written
