"""A version of eight phantoms that may be shown beside real ones, and readings of it."""

import csv
import shutil

import numpy as np
import pandas as pd
import pytest

from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from factory.images import ImageSection
from factory.store.runs import declare, judge, make, merge, missing
from flows.context import open_context
from flows.datasets import Version
from flows.planning.recipe import recipe_from
from flows.readers.answer_book import AnswerBook
from flows.readers.freezing import Wanted, new_reading
from flows.readers.frozen_list import FrozenList
from tasks.real_data import reference_digest
from tasks.services.settings import load_settings

TINY = Version("tiny", "v1")


def publish(home, recipe):
    """Makes tiny@v1 of eight pairs by a recipe; the judge's Dice of each is known."""
    settings = load_settings(home)
    with open_context(recipe_from(recipe, (), "the test's recipe"), settings) as context:
        store, run = context.store.create(), context.run
        session = store.writable(run.branch) if declare(store, run) else None
        merge(
            session,
            [
                make(context.build_generator().generate, session.fork(), shard)
                for shard in missing(store.snapshot(run.branch))
            ],
        )
        store.commit(session, "pairs", {"kind": "pairs"})
        found = judge(store, run.branch, np.zeros(8, np.uint32))
        store.tag("v1", found.id)
        reference = reference_digest(run.digests["source"], ImageSection(size=32))
    numbers = pd.DataFrame({"row": range(8), "dice": np.linspace(0.2, 0.9, 8)})
    about = ScoreKey(found.pairs_id, reference, "judge", "tiny")
    Lake(settings.lake).record_pairs(about, numbers)
    return settings


@pytest.fixture(scope="session")
def shown(tiny):
    """The recipe of a version whose real images may be shown."""
    grid = {"facets": {"finding": ["benign", "malignant"]}, "replicates": 4, "seed": 7}
    source = {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 8, "val": 12}
    return tiny | {"grid": grid, "source": source, "show_real": True}


@pytest.fixture(scope="session")
def frozen(shown, tmp_path_factory):
    """A home with tiny@v1, and a reading of twelve images of it, "first"."""
    home = tmp_path_factory.mktemp("readers") / "home"
    new_reading(TINY, Wanted(images=12, name="first"), publish(home, shown))
    return home


@pytest.fixture
def settings(frozen, tmp_path):
    """That home, moved to where a test may change it."""
    return load_settings(shutil.copytree(frozen, tmp_path / "home"))


@pytest.fixture
def reading(settings):
    """The reading "first"."""
    return FrozenList.open("first", settings)


@pytest.fixture
def book(reading):
    return AnswerBook(reading)


@pytest.fixture
def fill(medpair, settings, tmp_path):
    """A reader's sheet of the reading "first", filled in by a function of item -> answer."""

    def filled(reader, say, grade=4):
        sheet = tmp_path / f"{reader}.csv"
        said = medpair(
            "readers", "export", "first", sheet, "--reader", reader, "--home", settings.home
        )
        assert said.code == 0
        with sheet.open(newline="") as file:
            rows = [
                row | {"answer": say(row["item"]), "grade": grade} for row in csv.DictReader(file)
            ]
        write(sheet, rows)
        return sheet

    return filled


def write(sheet, rows):
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
