import subprocess
import sys
from pathlib import Path

import pytest

from factory.errors import InputError
from tasks.services.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MEDPAIR_{name.upper()}", raising=False)


def test_everything_lies_below_the_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("here"))
    home = tmp_path / "here"
    assert settings.home == home
    assert settings.pairs == str(home / "pairs")
    assert settings.lake == str(home / "lake")
    assert settings.models == home / "models"
    assert settings.reports == home / "reports"
    assert settings.mlflow == f"sqlite:///{home}/mlflow.db"
    assert settings.artifacts == home / "mlartifacts"
    assert settings.tracking_file == home / "mlflow.db"


def test_nothing_is_written_by_looking(tmp_path):
    load_settings(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_an_object_store_stays_a_uri_and_a_folder_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDPAIR_PAIRS", "s3://bucket/pairs")
    monkeypatch.setenv("MEDPAIR_LAKE", "lake")
    settings = load_settings()
    assert settings.pairs == "s3://bucket/pairs"
    assert settings.lake == str(tmp_path / "lake")


def test_a_database_of_mlflow_leaves_files_below_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPAIR_HOME", str(tmp_path))
    monkeypatch.setenv("MEDPAIR_MLFLOW", "postgresql+psycopg2://me@db/mlflow")
    settings = load_settings()
    assert settings.artifacts == tmp_path / "mlartifacts"
    assert settings.tracking_file is None


def test_a_tracking_server_keeps_its_own_artefacts(monkeypatch):
    monkeypatch.setenv("MEDPAIR_MLFLOW", "http://127.0.0.1:5000")
    settings = load_settings()
    assert settings.artifacts is None
    assert settings.tracking_file is None


def test_the_option_beats_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDPAIR_HOME", str(tmp_path / "variable"))
    assert load_settings(tmp_path / "option").home == tmp_path / "option"


def test_a_bad_variable_is_named(monkeypatch):
    monkeypatch.setenv("MEDPAIR_WORKERS", "many")
    with pytest.raises(InputError, match="MEDPAIR_WORKERS='many'"):
        load_settings()


@pytest.mark.parametrize(
    "name", ["what?", "per%20cent", "back\\slash", "[1]", "a|b", "a\nb", "\udc80"]
)
def test_a_home_that_no_database_takes_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"^--home '.*' holds '.*choose a folder without it$"):
        load_settings(tmp_path / name / "home")


@pytest.mark.parametrize("name", ["a#b", "a b", "100 %", "co:lon", "Übung-дом", "~x", "-dash"])
def test_any_other_home_is_taken(tmp_path, name):
    assert load_settings(tmp_path / name).home == tmp_path / name


@pytest.mark.parametrize("home", ["s3://bucket/x", "gs://bucket", "file:///data"])
def test_a_home_is_no_address(tmp_path, monkeypatch, home):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^--home .*: the home is a folder of this machine"):
        load_settings(Path(home))
    monkeypatch.setenv("MEDPAIR_HOME", home)
    with pytest.raises(InputError, match=r"^MEDPAIR_HOME "):
        load_settings()


def test_a_colon_makes_no_address_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDPAIR_PAIRS", "co:lon")
    assert load_settings().pairs == str(tmp_path / "co:lon")
    monkeypatch.setenv("MEDPAIR_LAKE", "what?")
    with pytest.raises(InputError, match=r"^MEDPAIR_LAKE "):
        load_settings()


@pytest.mark.parametrize("given", ["", "http://127.0.0.1:4200/api"])
def test_the_embedded_server_lives_in_the_home_unless_there_is_another(tmp_path, given):
    code = (
        "import os; from pathlib import Path; from tasks.services.settings import load_settings;"
        f"load_settings(Path({str(tmp_path)!r})).enter(); print(os.environ.get('PREFECT_HOME'))"
    )
    env = {"PATH": "/usr/bin", "PREFECT_API_URL": given} if given else {"PATH": "/usr/bin"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ("None" if given else str(tmp_path / "prefect"))


def test_telemetry_is_off_once_tasks_is_imported():
    code = "import tasks, os; print(os.environ['DO_NOT_TRACK'], os.environ['HF_HUB_OFFLINE'])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["true", "1"]


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("~nosuchuser/x", "nobody of that name"),
        ("a" * 300, "more than 255 bytes"),
        ("/".join(["a" * 100] * 60), "more than 4095 bytes"),
        ("file", "is a file"),
        ("file/below", "is a file"),
        ("loop/below", "is a link to nothing"),
    ],
)
def test_a_home_that_no_folder_can_be_is_refused_before_anything_is_made(
    home, said, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        load_settings(Path(home))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]
