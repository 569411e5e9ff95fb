"""`medpair datasets verify --repair`: what is damaged is made again, named, and told to the lake."""

import shutil
from pathlib import Path

import pytest

from factory.store.repository import MAIN, Store, arrays


def verify(medpair, place, ref="", *words):
    return medpair("datasets", "verify", f"tiny{ref}", *words, "--home", place.folder)


@pytest.mark.slow
def test_damage_is_named_by_rows_and_repaired_as_a_version_that_follows(medpair, place):
    damaged = place.store.tags()["v2"]
    place.lose_images("v2")
    said = verify(medpair, place)
    assert said.code == 1
    assert said.out == "12 rows cannot be read: 0-11\n"
    assert said.err.count("Traceback") == 0
    said = verify(medpair, place, "", "--repair")
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1].startswith("repaired: v3 holds the pairs of v2 whole")
    store = Store(place.store.root, "tiny")
    tags = store.tags()
    assert (tags["v2"], tags["v3"]) == (damaged, store.head(MAIN))
    assert verify(medpair, place).out.startswith("whole: ")
    assert verify(medpair, place, "@v2").code == 1
    events = place.lake.versions("tiny").set_index(["number", "event"])["reason"]
    assert events[3, "repaired"] == "repaired from v2: 12 rows cannot be read: 0-11"
    assert events[2, "withdrawn"] == "damaged; v3 holds the same pairs whole"
    assert place.lake.champion("tiny") == (3, tags["v3"])
    assert [score.value for score in place.lake.scores(tags["v3"])] == [0.8]
    assert store.head(f"run-{store.snapshot().attributes['run']}") == tags["v3"]


@pytest.mark.slow
def test_an_older_version_is_repaired_beside_the_newest(medpair, place):
    place.lose_images("v1")
    assert verify(medpair, place, "@v1").out == "4 rows cannot be read: 0-3\n"
    assert verify(medpair, place).code == 0
    said = verify(medpair, place, "@v1", "--repair")
    assert said.code == 0, said.err
    assert "v1-repaired holds the pairs of v1 whole" in said.out
    assert verify(medpair, place, "@v1-repaired").out.startswith("whole: ")
    assert sorted(Store(place.store.root, "tiny").tags()) == ["v1", "v1-repaired", "v2"]


def test_a_generator_of_another_digest_is_refused_in_a_line(medpair, place):
    place.lose_images("v2")
    session = place.store.writable(MAIN)
    arrays(session).attrs["generator"] = "f" * 64
    place.store.tag("v3", place.store.commit(session, "as if another had made them", {}))
    said = verify(medpair, place, "@v3", "--repair")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "were made by generator ffffffffffff, and this release makes generator" in said.lines[0]
    assert list(Store(place.store.root, "tiny").tags()) == ["v1", "v2", "v3"]


def test_what_is_not_published_is_not_repaired(medpair, place):
    place.store.point("run-000000000000", place.store.tags()["v2"])
    session = place.store.writable("run-000000000000")
    arrays(session)["image"][3, 5, 5] ^= 1
    place.store.commit(session, "damage", {})
    said = verify(medpair, place, "@run-000000000000", "--repair")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "is no published version" in said.lines[0]
    place.store.point("run-000000000001", place.store.first())
    said = verify(medpair, place, "@run-000000000001")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "holds nothing at" in said.lines[0]


@pytest.mark.parametrize("ref", ["branch.main", "tag.v1"])
def test_an_empty_name_is_one_line_and_is_written_again(ref, medpair, place):
    place.damage(f"refs/{ref}/ref.json", b"")
    at = "@v1" if ref == "tag.v1" else ""
    said = verify(medpair, place, at)
    assert (said.code, len(said.lines)) == (1, 1)
    assert f"refs/{ref}/ref.json cannot be read" in said.lines[0]
    assert "Traceback" not in said.err
    said = verify(medpair, place, at, "--repair")
    assert said.code == 0, said.err
    assert f"refs/{ref}/ref.json was written anew" in said.err
    assert said.out.startswith("whole: ")


def test_a_lost_name_is_known_to_the_lake(medpair, place):
    snapshot = place.store.tags()["v1"]
    shutil.rmtree(Path(place.store.uri) / "refs" / "tag.v1")
    said = verify(medpair, place)
    assert said.code == 1
    assert said.out == f"refs/tag.v1/ref.json of 'tiny' is lost; it named snapshot {snapshot}\n"
    freed = medpair("datasets", "gc", "tiny", "--delete", "--home", place.folder)
    assert (freed.code, len(freed.lines)) == (1, 1)
    assert "nothing was freed" in freed.lines[0]
    assert verify(medpair, place, "", "--repair").code == 0
    assert Store(place.store.root, "tiny").tags()["v1"] == snapshot
    assert medpair("datasets", "gc", "tiny", "--delete", "--home", place.folder).code == 0


def test_one_damaged_data_set_hides_no_other(medpair, place):
    shutil.copytree(place.store.uri, Path(place.store.root) / "other")
    place.damage("refs/branch.main/ref.json", b"")
    listed = medpair("datasets", "list", "--home", place.folder)
    assert listed.code == 0
    assert "other" in listed.out
    assert "data set 'tiny' in" in listed.out.replace("\n", " ")
    stands = medpair("status", "--json", "--home", place.folder).json["datasets"]
    assert [(each["name"], bool(each["damage"])) for each in stands] == [
        ("other", False),
        ("tiny", True),
    ]
    found = medpair("doctor", "--json", "--home", place.folder)
    assert found.code == 1
    lines = [check["found"] for check in found.json["checks"] if not check["well"]]
    assert any("data set 'tiny'" in line for line in lines)


def test_what_a_killed_declaration_left_is_named_and_dropped(medpair, place):
    place.store.point("declare-0123456789ab", place.store.first())
    told = "branches declare-0123456789ab"
    assert told in medpair("datasets", "gc", "tiny", "--home", place.folder).out
    assert told in medpair("datasets", "gc", "tiny", "--delete", "--home", place.folder).out
    assert told not in medpair("datasets", "gc", "tiny", "--home", place.folder).out
