"""Repair of pairs that models made: trained ones, mask first, and kept by hand in the studio."""

import shutil
from collections import deque
from contextlib import contextmanager

import numpy as np
import pytest
import yaml

from factory.sources.phantom import PhantomSource
from factory.store.repository import MAIN, Store, arrays
from flows.asking.request import Request
from flows.context import open_context
from flows.planning.recipe import load_recipe
from flows.studio.keeping import Keeping
from flows.studio.session import Studio
from tasks.generator_training import training_data
from tasks.services.settings import load_settings
from tests.flows.conftest import write_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
US = "phantom-breast-us"
GENERATOR = {
    "kind": "medsegfactory",
    "preset": "tiny",
    "sample": {"steps": 2, "batch": 4},
    "train": {
        "steps": 1,
        "batch": 2,
        "autoencoder": {"factor": 4, "steps": 1, "batch": 2},
        "text": {"steps": 1},
        "augment": {"copies": 1},
    },
}
GRID = {"facets": {"classes": ["fetal head"]}, "replicates": 6, "seed": 7}
SQUARE = np.pad(np.ones((8, 8), np.uint8), ((8, 16), (8, 16)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """A folder of real pairs, and a home with a tiny model trained on them: joint, and mask first."""
    folder = tmp_path_factory.mktemp("trained")
    source = {"kind": "folder", "path": str(write_folder(folder / "real"))}
    for name, grid in {"joint": GRID, "painted": GRID | {"masks": {}}}.items():
        changes = {"name": name, "source": source, "generator": GENERATOR, "grid": grid}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(tiny | changes | {"utility": None}))
        with open_context(
            load_recipe(folder / f"{name}.yaml"), load_settings(folder / "home")
        ) as context:
            spec, place = context.recipe.generator, context.checkpoint
            place.mkdir(parents=True)
            deque(spec.learn(training_data(context.reference), place), maxlen=0)
    return folder


@pytest.fixture
def made(trained, tmp_path, publish):
    """Makes a version in a home of its own, and damages some of its pairs."""

    def make(name):
        shutil.copytree(trained / "home", tmp_path / "home")
        store, *_ = publish(trained / f"{name}.yaml", tmp_path / "home")
        damage(store, (1, 4))
        return store

    return make


@contextmanager
def without(folder):
    """Real pairs that are gone for a while."""
    folder.rename(folder.with_name("elsewhere"))
    try:
        yield
    finally:
        folder.with_name("elsewhere").rename(folder)


def damage(store, rows):
    """A version of the same pairs, some of which have other bytes."""
    session = store.writable(MAIN)
    for row in rows:
        arrays(session)["image"][row, 5, 5] ^= 1
        arrays(session)["mask"][row, 6, 6] ^= 1
    store.tag("damaged", store.commit(session, "damage", {"kind": "damage"}))


def repair(medpair, store, home):
    return medpair("datasets", "verify", f"{store.name}@damaged", "--repair", "--home", home)


def assert_whole(said, store, version="v1"):
    """The pairs of the newest version are those of the one that was damaged, to the bit."""
    assert said.code == 0, said.err
    found, whole = Store(store.root, store.name).snapshot(), store.snapshot(version)
    assert found.id != store.tags()["damaged"]
    for name in ("image", "mask", "has_mask", "checksum", "status", "reason", "seed"):
        np.testing.assert_array_equal(found.group[name][:], whole.group[name][:])


def assert_refused(said, store, words):
    """One line says why; nothing is changed."""
    assert (said.code, len(said.lines)) == (2, 1), said.err
    assert "Traceback" not in said.err
    assert words in said.lines[0]
    assert Store(store.root, store.name).branches() == store.branches()
    assert set(Store(store.root, store.name).tags()) == {*store.tags()}


def test_pairs_of_a_trained_model_come_back_without_the_data_that_it_learnt(
    made, trained, medpair, tmp_path
):
    store = made("joint")
    with without(trained / "real"):
        assert_whole(repair(medpair, store, tmp_path / "home"), store)


def test_a_trained_model_that_is_gone_is_told(made, medpair, tmp_path):
    store = made("joint")
    shutil.rmtree(tmp_path / "home" / "models")
    said = repair(medpair, store, tmp_path / "home")
    assert_refused(said, store, str(tmp_path / "home" / "models"))


def test_pairs_made_mask_first_come_back(made, medpair, tmp_path):
    store = made("painted")
    assert_whole(repair(medpair, store, tmp_path / "home"), store)


def test_masks_that_pairs_were_made_of_and_that_are_gone_are_told(made, trained, medpair, tmp_path):
    store = made("painted")
    with without(trained / "real"):
        said = repair(medpair, store, tmp_path / "home")
    assert_refused(said, store, str(trained / "real"))


def test_masks_that_pairs_were_made_of_and_that_have_changed_are_told(
    made, trained, medpair, tmp_path
):
    store = made("painted")
    with without(trained / "real"):
        write_folder(trained / "real", side=44)
        said = repair(medpair, store, tmp_path / "home")
        shutil.rmtree(trained / "real")
    assert_refused(said, store, "put the real pairs of then back")


def kept(studio, job):
    assert job.ended.wait(120)
    for number in range(len(studio.sheet.pairs)):
        studio.sheet.tick(number, True)
    source = PhantomSource(domains=(US,), train=2, val=2)
    Keeping(studio.sheet, "kept", source, studio.settings).kept()
    return Store(studio.settings.pairs, "kept")


@pytest.mark.parametrize("rows", [(0, 1), (1, 2)], ids=["drawn", "given"])
def test_pairs_kept_by_hand_come_back_but_for_those_of_a_given_mask(
    rows, checkpoint, medpair, tmp_path
):
    studio = Studio(load_settings(tmp_path / "home"))
    request = Request(checkpoint=str(checkpoint), domain=US, number=2, steps=2, finding="benign")
    kept(studio, studio.make(request))
    store = kept(studio, studio.paint(request, SQUARE, "drawn in the studio"))
    damage(store, rows)
    said = repair(medpair, store, tmp_path / "home")
    if rows == (0, 1):
        assert_whole(said, store, "v2")
    else:
        assert_refused(said, store, "rows 2 of kept were made in the studio from a mask")
