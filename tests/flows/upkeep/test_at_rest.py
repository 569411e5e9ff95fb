"""A damaged lake or database: a line that says which file and what to do, and `doctor` finds it."""

import shutil

import pytest

from factory.errors import DamagedError
from flows.upkeep.at_rest import damage_at_rest
from tasks.faults.machine import check_database
from tasks.services.mlflow_tracking import Tracker
from tasks.services.settings import load_settings


def logs(place, table):
    return sorted((place.folder / "lake" / table / "_delta_log").glob("*.json"))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_the_rows(place):
    for path in (place.folder / "lake" / "versions").glob("*.parquet"):
        cut(path)


LAKE = {
    "a cut log": lambda place: cut(logs(place, "versions")[-1]),
    "a lost first log": lambda place: logs(place, "versions")[0].unlink(),
    "cut rows": cut_the_rows,
    "lost rows": lambda place: [
        path.unlink() for path in (place.folder / "lake" / "versions").glob("*.parquet")
    ],
}


@pytest.mark.parametrize("case", LAKE)
def test_a_damaged_table_of_the_lake_is_one_line(case, medpair, place):
    assert [*damage_at_rest(load_settings(place.folder))] == []
    LAKE[case](place)
    (line,) = set(damage_at_rest(load_settings(place.folder)))
    assert str(place.folder / "lake" / "versions") in line
    assert "move that folder away" in line
    for words in (("datasets", "log", "tiny"), ("scores", "select * from versions")):
        said = medpair(*words, "--home", place.folder)
        assert (said.code, len(said.lines)) == (1, 1), said.err
        assert "Traceback" not in said.err
    stands = medpair("status", "--json", "--home", place.folder)
    assert stands.code == 0
    assert "table versions of the lake" in stands.json["datasets"][0]["damage"]
    shutil.rmtree(place.folder / "lake" / "versions")  # or moved away, as the line says
    assert medpair("datasets", "log", "tiny", "--home", place.folder).code == 0


def garbage(path):
    path.write_bytes(b"no database at all, but text of some length " * 200)


def spoil_a_page(path):
    content = bytearray(path.read_bytes())
    for at in range(4096, len(content), 4096):
        content[at : at + 64] = b"\xff" * 64
    path.write_bytes(content)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database of MLflow, whose tables take their time to be made."""
    home = tmp_path_factory.mktemp("mlflow")
    Tracker.of(load_settings(home))
    return home / "mlflow.db"


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [garbage, spoil_a_page])
def test_a_damaged_record_of_runs_is_named_and_made_again(spoil, database, tmp_path):
    settings = load_settings(tmp_path)
    file = tmp_path / "mlflow.db"
    shutil.copy(database, file)
    assert [*damage_at_rest(settings)] == []
    spoil(file)
    (line,) = damage_at_rest(settings)
    assert line.startswith(f"{file} is damaged (")
    assert "move it away" in line
    if spoil is garbage:
        with pytest.raises(DamagedError, match="move it away"):
            Tracker.of(settings)
    file.rename(tmp_path / "aside")
    assert Tracker.of(settings).client.search_experiments()


def test_a_database_that_is_not_there_or_empty_will_be_made(tmp_path):
    check_database(tmp_path / "none.db", "")
    (tmp_path / "empty.db").touch()
    check_database(tmp_path / "empty.db", "", thorough=True)
    assert not (tmp_path / "none.db").exists()
