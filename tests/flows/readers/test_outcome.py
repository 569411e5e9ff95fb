"""From the command line: a list, sheets of simulated readers, what they come to, lake and SQL."""

import json
from itertools import cycle

import pytest

from evaluation.lake.lake import Lake
from evaluation.lake.readings import readings_of
from evaluation.report.reading_table import ReadingTable
from flows.console.tables import reading_tables
from flows.console.tables.eighty_columns import is_whole, printed
from flows.readers.frozen_list import open_key
from flows.readers.outcome import outcome_of


@pytest.fixture
def truths(reading, settings):
    """item -> what it is."""
    words = {True: "synthetic", False: "real"}
    return {
        item: words[truth.synthetic] for item, truth in open_key(reading, settings).truths.items()
    }


@pytest.fixture
def read(medpair, fill, truths, settings):
    """Simulated readers have read "first": one always right, one always wrong, one at chance."""
    other = {"synthetic": "real", "real": "synthetic"}
    # Of each kind half: drawn at random, one such reader in ten would not look like one.
    called = {kind: cycle(("real", "synthetic")) for kind in other}
    readers = {
        "right": truths.__getitem__,
        "wrong": lambda item: other[truths[item]],
        "chance": lambda item: next(called[truths[item]]),
    }
    for name, say in readers.items():
        said = medpair(
            "readers", "import", "first", fill(name, say), "--home", settings.home, "--json"
        )
        assert said.json == {"added": 12, "known": 0, "blank": 0}


def test_simulated_readers_are_recognised(medpair, read, settings):
    said = medpair("readers", "result", "first", "--home", settings.home, "--json")
    lines = {line["reader"]: line for line in said.json["result"]["lines"]}
    right, wrong = (lines[name]["detection"] for name in ("right", "wrong"))
    assert (right["accuracy"]["value"], wrong["accuracy"]["value"]) == (1, 0)
    assert right["d_prime"]["value"] == -wrong["d_prime"]["value"] > 2
    assert right["d_prime"]["high"] is None  # no answer speaks against any
    chance = lines["chance"]["detection"]
    assert chance["accuracy"]["low"] < 0.5 < chance["accuracy"]["high"]
    assert chance["d_prime"]["low"] < 0 < chance["d_prime"]["high"]
    assert said.json["answered"] == {"right": 12, "wrong": 12, "chance": 12}
    (dice,) = said.json["result"]["correlations"]
    assert dice["number"] == "dice"
    assert dice["called_real"]["n"] == 6


@pytest.mark.slow
def test_the_lake_answers_who_said_what(read, settings, truths):
    found = outcome_of("first", settings)
    lake = Lake(settings.lake)
    wrong = lake.query("select truth, answer, row from reader_answers where reader = 'wrong'")
    assert len(wrong) == 12
    assert (wrong["truth"] != wrong["answer"]).all()
    assert ((wrong["row"] >= 0) == (wrong["truth"] == "synthetic")).all()
    asked = "select value from reader_scores where reader = 'right' and statistic = 'accuracy'"
    assert lake.query(asked)["value"].tolist() == [1.0]
    outcome_of("first", settings)  # again replaces, and adds nothing
    assert lake.query(asked)["value"].tolist() == [1.0]
    table = ReadingTable.of(*next(iter(readings_of(lake, found.snapshot).items())))
    assert [who for who, _ in table.lines] == ["all answers", "chance", "right", "wrong"]
    assert dict(table.lines)["right"]["d_prime"] == found.result.lines[2].detection.d_prime
    assert next(each for _, each in table.agreement) == found.result.agreement.kappa


def test_the_table_fits_80_columns(read, settings):
    text = reading_tables.outcome(outcome_of("first", settings))
    assert is_whole(text)
    assert "[1.000, 1.000]" not in printed(text)
    assert max(map(len, printed(text).splitlines())) <= 80


def test_a_reading_without_answers_says_what_to_do(medpair, settings):
    said = medpair("readers", "result", "first", "--home", settings.home)
    assert said.code == 2
    (line,) = said.lines
    assert "medpair readers serve first" in line


def test_a_reading_that_is_not_there_names_those_that_are(medpair, settings):
    said = medpair("readers", "result", "second", "--home", settings.home)
    (line,) = said.lines
    assert "there are: first" in line


@pytest.mark.slow
def test_a_changed_list_is_one_line_and_its_answers_are_kept(medpair, read, settings, tmp_path):
    file = settings.readings / "first/list.json"
    whole = file.read_bytes()
    told = json.loads(whole)
    told["items"][0]["domain"] = "elsewhere"
    file.write_text(json.dumps(told))
    for command in (("result", "first"), ("serve", "first", "--no-browser")):
        said = medpair("readers", *command, "--home", settings.home)
        (line,) = said.lines
        assert said.code == 1
        assert "changed after it was frozen" in line
    file.write_bytes(whole)
    assert medpair("readers", "result", "first", "--home", settings.home).code == 0


def test_doctor_sees_a_changed_list(medpair, settings):
    image = next((settings.readings / "first/images").iterdir())
    image.write_bytes(b"")
    said = medpair("doctor", "--home", settings.home, "--json")
    assert said.code == 1
    assert "changed after it was frozen" in said.out


def test_a_list_is_made_from_the_command_line(medpair, settings):
    words = ("readers", "new", "tiny@v1", "--images", 8, "--grade", "text", "--name", "words")
    said = medpair(*words, "--home", settings.home, "--json")
    assert said.json["images"] == 8
    assert said.json["grade"] == "text"
    again = medpair(*words, "--home", settings.home)
    (line,) = again.lines
    assert "give another --name" in line
