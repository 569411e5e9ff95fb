"""What there is in a home, what changed between versions, and whether a version is whole."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from factory.store import runs, snapshot
from factory.store.at_rest.verification import verify
from factory.store.checks import Reason
from factory.store.repository import MAIN, Store, arrays
from factory.store.runs import judge
from factory.store.snapshot import PAIR_ARRAYS
from factory.store.versions import data_sets, describe, diff


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "pairs"), "set").create()


def test_data_sets_are_the_folders_that_hold_a_store(tmp_path, store):
    Store(store.root, "another").create()
    (tmp_path / "pairs" / "notes").mkdir()
    (tmp_path / "pairs" / "a b").mkdir()
    (tmp_path / "pairs" / "file").touch()
    assert data_sets(store.root) == ["another", "set"]
    assert data_sets(str(tmp_path / "nowhere")) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_version_described(store, publish):
    judged = publish(store, "a", 3, finding=["normal"])
    described = describe(judged)
    assert described["pairs"]["accepted"] + described["pairs"]["rejected"] == 3
    assert described["label_maps"]["phantom-chest-xray"]["background"] == 0
    assert described["snapshot"] == judged.id


def test_what_a_grown_and_a_remade_version_changed(store, publish):
    first = publish(store, "a", 2, finding=["normal"])
    grown = publish(store, "b", 3, finding=["normal"])
    assert diff(first, first).empty
    added = diff(first, grown)
    assert added["change"].tolist() == ["added"]
    assert added[["old_row", "new_row"]].to_numpy().tolist() == [[-1, 2]]
    assert added["finding"].tolist() == ["normal"]
    assert diff(grown, first)["change"].tolist() == ["removed"]
    remade = publish(store, "c", 3, generator="another", finding=["normal"])
    assert diff(grown, remade)["change"].tolist() == ["remade"] * 3


def test_a_changed_verdict_shows(store, publish):
    first = publish(store, "a", 3, finding=["normal"])
    accepted = first.reason == 0
    reasons = np.where(np.arange(3) == np.flatnonzero(accepted)[0], Reason.NEAR_COPY, first.reason)
    second = judge(store, "run-a", reasons)
    assert diff(first, second)["change"].tolist() == ["rejected"]
    assert diff(second, first)["change"].tolist() == ["accepted"]


def test_changes_add_up_where_pairs_are_rejected(store, publish, generator):
    def half_black(prompts, seeds):
        made = generator.generate(prompts, seeds)
        for image, seed in zip(made.images, seeds, strict=True):
            image[:] *= seed % 2
        return made

    first = publish(store, "a", 6, generate=half_black, finding=["normal"])
    second = publish(store, "b", 9, generate=half_black, finding=["pneumonia"])
    changes = diff(first, second)["change"].tolist()
    before, after = (each.counts()["accepted"] for each in (first, second))
    assert 0 < before < 6
    assert changes.count("added") == after
    assert changes.count("removed") == before


def test_a_published_version_is_whole(store, publish):
    judged = publish(store, "a", 10)
    seen = []
    whole = verify(judged, lambda done, count: seen.append((done, count)))
    assert whole.problems == ()
    assert whole.counts["accepted"] + whole.counts["rejected"] == len(judged)
    assert seen[-1] == (len(judged), len(judged))


def test_every_damage_is_reported_at_once(store, publish):
    publish(store, "a", 10, finding=["normal"])
    session = store.writable(MAIN)
    group = arrays(session)
    group["status"][3] = 0
    group["status"][4] = 1
    group["prompt"][5] = 0
    group["seed"][6] = 1
    group["shard_done"][1] = False
    group["mask"][7] = 200
    group["checksum"][7] = 0  # as if an earlier release had written it
    group["image"][8, 3, 5] ^= 1
    store.commit(session, "damage", {})
    problems = verify(store.snapshot()).problems
    assert problems == (
        "1 rows hold no pair: 3",
        "1 rows were never judged: 4",
        "1 rows name another prompt: 5",
        "1 shards are not marked as done: 1",
        "1 rows were made from another seed: 6",
        "1 rows hold other bytes than were written: 8",
        "1 rows have pixels that their stored reasons do not explain: 7",
    )


def test_a_flipped_bit_in_any_chunk_of_pixels_is_found(store, publish):
    judged = publish(store, "a", 8, finding=["normal"])
    assert verify(judged).problems == ()
    chunks = (Path(store.uri) / "chunks").iterdir()
    largest = max(chunks, key=lambda path: path.stat().st_size)  # of images
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    (problem,) = verify(Store(store.root, store.name).snapshot()).problems
    assert re.fullmatch(
        r"\d+ rows (cannot be read|hold other bytes than were written): .*", problem
    )
    largest.unlink()
    (problem,) = verify(Store(store.root, store.name).snapshot()).problems
    assert problem in ("4 rows cannot be read: 0-3", "4 rows cannot be read: 4-7")


def test_a_data_set_without_checksums_is_read_verified_and_grown(store, publish, monkeypatch):
    without = {k: v for k, v in PAIR_ARRAYS.items() if k != "checksum"}
    with monkeypatch.context() as patch:
        for module in (snapshot, runs):
            patch.setattr(module, "PAIR_ARRAYS", without)
        old = publish(store, "a", 2, finding=["normal"])
    assert "checksum" not in old.group
    assert verify(old).problems == ()
    grown = publish(store, "b", 4, finding=["normal"])
    assert (grown.checksum != 0).tolist() == [False, False, True, True]
    assert verify(grown).problems == ()


@pytest.mark.parametrize("masked", [True, False])
def test_pairs_without_a_mask_raise_no_alarm(store, publish, generator, masked):
    doubts = "class not found" if masked else ""

    def generate(prompts, seeds):
        pairs = generator.generate(prompts, seeds)
        facets = pairs.facets.assign(doubts=doubts)
        blank = np.zeros_like(pairs.masks)
        return replace(pairs, masks=blank, has_mask=np.zeros(len(pairs), bool), facets=facets)

    judged = publish(store, "a", 3, generate=generate, masked=masked, finding=["normal"])
    assert len(judged.rejected()) == (3 if masked else 0)
    assert verify(judged).problems == ()
