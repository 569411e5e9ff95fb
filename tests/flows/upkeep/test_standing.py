"""Labels of versions, an earlier version made current again, and what is said of withdrawn ones."""

import shutil
import warnings
from pathlib import Path

import pytest

import medpair as package
from factory.errors import WithdrawnWarning
from factory.store.repository import MAIN, Store, arrays


@pytest.fixture
def call(medpair, place):
    return lambda *words: medpair(*words, "--home", place.folder)


def fresh(place):
    """The store as another process sees it."""
    return Store(place.store.root, place.name)


def test_a_label_names_a_version_wherever_one_is_named(call, place):
    assert call("datasets", "tag", "tiny@v1", "approved").out == "tiny@approved names v1\n"
    assert call("datasets", "tag", "tiny@v1", "approved").code == 0
    assert len(package.open("tiny@approved", place.folder)) == 4
    snapshot = place.store.tags()["v1"]
    shown = call("datasets", "show", "tiny@approved", "--json").json
    assert shown["snapshot"] == snapshot
    assert call("datasets", "diff", "tiny", "approved", "v2", "--json").json["counts"]
    assert call("datasets", "verify", "tiny@approved").out.startswith("whole: 4")
    assert call("datasets", "export", "tiny@approved", place.folder / "out").code == 0
    told = call("datasets", "log", "tiny", "--json").json
    assert [snapshot, "labelled", "approved"] in [
        [each["snapshot"], each["event"], each["reason"]] for each in told["versions"]
    ]
    assert any({"v1", "approved"} <= set(entry["refs"]) for entry in told["log"])


def test_a_label_stays_unless_it_is_moved_and_the_record_keeps_both(call, place):
    call("datasets", "tag", "tiny@v1", "approved")
    refused = call("datasets", "tag", "tiny", "approved")
    assert (refused.code, len(refused.lines)) == (2, 1)
    assert "tiny@approved names v1" in refused.lines[0]
    assert "--move has it name v2" in refused.lines[0]
    moved = call("datasets", "tag", "tiny", "approved", "--move", "--json")
    assert moved.json == {"label": "tiny@approved", "version": "v2"}
    call("datasets", "tag", "tiny@v1", "approved", "--move")
    events = place.lake.versions("tiny")
    history = events[events["event"] == "labelled"].sort_values("recorded_at")["number"]
    assert history.tolist() == [1, 2, 1]
    assert place.lake.labels("tiny") == {"approved": (1, place.store.tags()["v1"])}
    assert fresh(place).snapshot("approved").id == place.store.tags()["v1"]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("main", "reads as the name of a version or of a run"),
        ("v3", "reads as the name of a version or of a run"),
        ("v1-repaired", "reads as the name of a version or of a run"),
        ("run-0123456789ab", "reads as the name of a version or of a run"),
        ("a/b", "is not a plain name"),
    ],
)
def test_what_would_name_something_else_is_no_label(label, why, call, place):
    said = call("datasets", "tag", "tiny@v1", label)
    assert (said.code, len(said.lines)) == (2, 1)
    assert why in said.lines[0]
    assert not place.lake.labels("tiny")


def test_only_published_versions_get_a_label(call, place):
    session = place.store.writable(MAIN)
    arrays(session)["status"][0] = 0
    snapshot = place.store.commit(session, "nobody published this", {})
    said = call("datasets", "tag", f"tiny@{snapshot}", "early")
    assert (said.code, len(said.lines)) == (2, 1)
    assert f"tiny@{snapshot} was never published" in said.lines[0]
    rolled = call("datasets", "rollback", f"tiny@{snapshot}", "--reason", "because")
    assert (rolled.code, len(rolled.lines)) == (2, 1)
    assert "was never published, so it cannot be the current version" in rolled.lines[0]
    assert "versions left: v1, v2" in rolled.lines[0]


@pytest.mark.slow
def test_an_earlier_version_is_current_again_and_nothing_is_gone(call, place):
    tags = place.store.tags()
    said = call("datasets", "rollback", "tiny@v1", "--reason", "v2 drifted")
    assert said.code == 0, said.err
    assert said.out == (
        "v1 is the current version of tiny again; before it was v2, which keeps its name\n"
    )
    store = fresh(place)
    assert (store.tags(), store.head(MAIN)) == (tags, tags["v1"])
    assert len(package.open("tiny", place.folder)) == 4
    assert len(package.open("tiny@v2", place.folder)) == 12
    assert call("datasets", "list", "--json").json["datasets"][0]["version"] == "v1"
    assert call("status", "--json").json["datasets"][0]["version"] == "v1"
    bare = call("datasets", "rollback", "tiny", "--reason", "v2 drifted")
    assert (bare.code, len(bare.lines)) == (2, 1)
    assert "name the one to go back to: tiny@v1" in bare.lines[0]
    again = call("datasets", "rollback", "tiny@v1", "--reason", "v2 drifted")
    assert again.out == "v1 is the current version of tiny already\n"
    assert call("datasets", "rollback", "tiny@v2", "--reason", "it did not").code == 0
    assert call("datasets", "rollback", "tiny@v1", "--reason", "it did").code == 0
    events = place.lake.versions("tiny")
    restored = events[events["event"] == "restored"].sort_values("recorded_at")
    assert restored[["number", "reason"]].to_numpy().tolist() == [
        [1, "v2 drifted"],
        [2, "it did not"],
        [1, "it did"],
    ]
    assert place.lake.current("tiny") == (1, tags["v1"])


@pytest.mark.slow
def test_the_next_version_follows_the_restored_one(call, place, recipe, tiny, publish):
    call("datasets", "rollback", "tiny@v1", "--reason", "v2 drifted")
    _, lake, judged = publish(recipe(grid={**tiny["grid"], "replicates": 6}), place.folder)
    store = fresh(place)
    assert judged.attributes["base"] == store.tags()["v1"]
    assert (store.tags()["v3"], store.head(MAIN)) == (judged.id, judged.id)
    assert lake.current("tiny") == (3, judged.id)


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("v7", "no version, branch or snapshot 'v7'"),
        ("v1", "tiny@v1 is withdrawn: shifted; v2 followed it, so it cannot be the current"),
    ],
)
def test_a_version_that_is_unknown_or_withdrawn_is_not_rolled_back_to(ref, why, call, place):
    call("datasets", "withdraw", "tiny@v1", "--reason", "shifted")
    said = call("datasets", "rollback", f"tiny@{ref}", "--reason", "because")
    assert (said.code, len(said.lines)) == (2, 1)
    assert why in said.lines[0]
    assert fresh(place).head(MAIN) == place.store.tags()["v2"]


STILL = (
    "it is still the current version of tiny; medpair datasets rollback tiny@v1 --reason WHY "
    "makes v1 that"
)
LINE = "tiny@v1 is withdrawn: masks were shifted; v2 followed it"


@pytest.fixture
def gone(call, place):
    """The home with v1 withdrawn."""
    said = call("datasets", "withdraw", "tiny@v1", "--reason", "masks were shifted")
    assert said.out == "withdrawn: tiny@v1\n"
    return place


@pytest.mark.parametrize(
    "words",
    [
        ["datasets", "show", "tiny@v1"],
        ["datasets", "show", "tiny@v1", "--pair", "0"],
        ["datasets", "verify", "tiny@v1"],
        ["datasets", "diff", "tiny", "v1", "v2"],
        ["datasets", "export", "tiny@v1", "OUT", "--as", "folder"],
        ["datasets", "remake", "tiny@v1", "0", "OUT"],
        ["datasets", "tag", "tiny@v1", "once"],
        pytest.param(["utility", "tiny@v1", "--dry-run"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_who_uses_a_withdrawn_version_is_told_once(words, call, gone, tmp_path):
    said = call(*(str(tmp_path / "out") if word == "OUT" else word for word in words))
    assert said.code == 0, said.err
    assert said.lines == [f"medpair: {LINE}"]


@pytest.mark.parametrize(
    "words", [["datasets", "show", "tiny"], ["datasets", "list"]], ids=" ".join
)
def test_nothing_is_said_of_other_versions(words, call, gone):
    assert call(*words).lines == []


@pytest.mark.integration
@pytest.mark.parametrize("command", ["evaluate", "utility", "report"])
def test_scores_of_a_withdrawn_version_come_with_the_line(command, call, gone):
    said = call(command, "tiny@v1")
    assert said.code == 0, said.err
    assert said.lines == [f"medpair: {LINE}"]


def test_python_warns(gone):
    with pytest.warns(WithdrawnWarning, match=LINE) as told:
        assert len(package.open("tiny@v1", gone.folder)) == 4
    assert Path(told[0].filename) == Path(__file__)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        package.open("tiny", gone.folder)


@pytest.mark.slow
def test_a_withdrawn_version_that_is_still_current_is_told_with_the_way_back(call, place):
    said = call("datasets", "withdraw", "tiny@v2", "--reason", "shifted")
    assert said.out.splitlines() == [
        "withdrawn: tiny@v2",
        STILL,
    ]
    line = "medpair: tiny@v2 is withdrawn: shifted; no version has followed it"
    assert call("datasets", "list").lines == [line]
    assert call("status", "--json").json["datasets"][0]["withdrawn"] == line.partition(" ")[2]
    assert call("datasets", "rollback", "tiny@v1", "--reason", "v2 is shifted").code == 0
    assert call("datasets", "list").lines == []
    (told,) = call("datasets", "show", "tiny@v2").lines
    assert told.endswith("shifted; v1 was made the current one again")


def test_a_version_is_withdrawn_by_its_label(call, place):
    call("datasets", "tag", "tiny@v1", "broken")
    assert call("datasets", "withdraw", "tiny@broken", "--reason", "shifted").code == 0
    assert call("datasets", "show", "tiny@v1").lines


def test_pairs_are_read_where_the_lake_cannot_be(gone):
    shutil.rmtree(gone.folder / "lake" / "versions" / "_delta_log")
    (gone.folder / "lake" / "versions" / "_delta_log").mkdir()
    (gone.folder / "lake" / "versions" / "_delta_log" / f"{0:020d}.json").write_text("{")
    with pytest.warns(WithdrawnWarning, match="was withdrawn is not known: table versions"):
        assert len(package.open("tiny@v1", gone.folder)) == 4


@pytest.mark.parametrize("ref", ["branch.main", "branch.approved"])
def test_lost_names_come_back_as_they_stood(ref, call, place):
    call("datasets", "tag", "tiny@v2", "approved")
    call("datasets", "rollback", "tiny@v1", "--reason", "v2 drifted")
    stood = fresh(place).branches()[ref.removeprefix("branch.")]
    place.damage(f"refs/{ref}/ref.json", b"")
    said = call("datasets", "verify", "tiny@v2", "--repair")
    assert f"refs/{ref}/ref.json was written anew: {stood}" in said.err
    assert fresh(place).branches()[ref.removeprefix("branch.")] == stood
