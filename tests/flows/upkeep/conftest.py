"""A home with two versions of a small data set of phantoms, made without Prefect."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate
from factory.store.repository import MAIN, Store
from factory.store.runs import declare, judge, make, merge, missing
from flows.context import open_context
from flows.planning.recipe import load_recipe
from tasks.services.settings import load_settings


@dataclass
class Place:
    folder: Path
    store: Store
    lake: Lake

    @property
    def name(self):
        return self.store.name

    def damage(self, name, content=None):
        path = Path(self.store.uri) / name
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)

    def lose_images(self, ref):
        """The largest chunk is that of the newest version, the next that of the one before."""
        chunks = (Path(self.store.uri) / "chunks").iterdir()
        newest, older, *_ = sorted(chunks, key=lambda path: -path.stat().st_size)
        (newest if ref == "v2" else older).unlink()


def published(recipe, home):
    settings = load_settings(home)
    with open_context(load_recipe(recipe), settings) as context:
        store, run, lake = context.store.create(), context.run, context.lake
        generate = context.build_generator().generate
    shards = missing(declare(store, run))
    session = store.writable(run.branch)
    merge(session, (make(generate, session.fork(), shard) for shard in shards))
    store.commit(session, "pairs", {"kind": "pairs"})
    judged = judge(store, run.branch)
    number = lake.allot(store.name, judged.id, run.id)
    store.tag(f"v{number}", judged.id)
    store.move(MAIN, judged.id, judged.attributes["base"])
    lake.publish(store.name, number, judged.id, run.id)
    return store, lake, judged


@pytest.fixture
def publish():
    return published


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny):
    folder = tmp_path_factory.mktemp("made")
    for replicates in (4, 12):
        grid = {**tiny["grid"], "replicates": replicates}
        (folder / "recipe.yaml").write_text(yaml.safe_dump({**tiny, "grid": grid}))
        _, lake, judged = published(folder / "recipe.yaml", folder / "home")
    about = ScoreKey(judged.id, "R", "", "tiny")
    lake.record(about, [Score.of("consistency", Estimate(0.8, 0.7, 0.9, 9))])
    numbers = pd.DataFrame({"row": [2], "nearest_distance": [0.25]})
    lake.record_pairs(ScoreKey(judged.pairs_id, "R", data_set="tiny"), numbers)
    lake.promote("tiny", 2, judged.id, judged.attributes["run"], "the first")
    return folder / "home"


@pytest.fixture
def place(made, tmp_path):
    """A copy of the home, to be damaged."""
    home = tmp_path / "home"
    shutil.copytree(made, home)
    return Place(home, Store(str(home / "pairs"), "tiny"), Lake(str(home / "lake")))
