import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from mlflow.data.dataset_source_registry import get_dataset_source_from_json

from evaluation.lake.lake import Lake
from factory.store.repository import Store
from factory.store.versions import data_sets
from tasks.services.mlflow_tracking import StoreSource, Tracker
from tasks.services.progress import Silence, shown_on
from tasks.services.settings import load_settings


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A home whose database has its tables; making them takes seconds, copying does not."""
    home = tmp_path_factory.mktemp("migrated")
    Tracker.of(load_settings(home))
    return home / "mlflow.db"


@pytest.fixture
def tracker(migrated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow puts files that nobody gave a place
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return Tracker.of(load_settings(tmp_path))


pytestmark = pytest.mark.slow


def test_a_run_started_again_is_gone_on_with(tracker):
    with tracker.run("phantoms", "0123456789ab", "first") as first:
        first.parameters({"steps": 3})
        with first.child("training") as child:
            child.metrics({"loss": 1.0}, step=1)
    with tracker.run("phantoms", "0123456789ab", "first") as again:
        again.parameters({"steps": 3, "train": {"batch": 2}})
        with again.child("training") as same:
            assert same.id == child.id
    assert again.id == first.id
    data = tracker.client.get_run(first.id).data
    assert data.params == {"steps": "3", "train.batch": "2"}
    assert tracker.client.get_run(child.id).data.tags["mlflow.parentRunId"] == first.id


def test_a_run_left_by_an_error_is_failed(tracker):
    with pytest.raises(RuntimeError, match="boom"), tracker.run("phantoms", "a", "a") as record:
        raise RuntimeError("boom")
    assert tracker.client.get_run(record.id).info.status == "FAILED"


def test_a_curve_longer_than_one_call(tracker):
    with tracker.run("phantoms", "a", "a") as record:
        record.curve([(step, {"loss": 1 / step, "other": 2.0}) for step in range(1, 801)])
    history = tracker.client.get_metric_history(record.id, "loss")
    assert [(m.step, m.value) for m in history] == [(i, 1 / i) for i in range(1, 801)]


def test_the_digest_of_a_data_set_is_its_snapshot(tracker, tmp_path):
    store = Store(str(tmp_path / "pairs"), "phantoms").create()
    snapshot = store.head("main")
    with tracker.run("phantoms", "a", "a") as record:
        record.dataset(store, snapshot, "published")
    experiment = tracker.experiment("phantoms")
    found = tracker.client.search_runs([experiment], f"dataset.digest = '{snapshot}'")
    assert [run.info.run_id for run in found] == [record.id]
    read = found[0].inputs.dataset_inputs[0].dataset
    source = get_dataset_source_from_json(read.source, read.source_type)
    assert isinstance(source, StoreSource)
    assert source.load() == store
    assert source.snapshot == snapshot


def test_a_model_is_registered_once_per_digest(tracker, tmp_path):
    with tracker.run("phantoms", "a", "a") as record:
        first = record.register("phantoms-generator", tmp_path, "d1", "candidate", {"steps": "3"})
        same = record.register("phantoms-generator", tmp_path, "d1", "champion", {})
        other = record.register("phantoms-generator", tmp_path, "d2", "candidate", {})
    assert (first, same, other) == ("1", "1", "2")
    aliases = tracker.client.get_registered_model("phantoms-generator").aliases
    assert {name: str(number) for name, number in aliases.items()} == {
        "candidate": "2",
        "champion": "1",
    }
    source = tracker.client.get_model_version("phantoms-generator", "1").source
    assert source == Path(tmp_path).as_uri()


def test_a_model_without_an_alias_is_found_by_its_tags(tracker, tmp_path):
    with tracker.run("phantoms", "a", "a") as record:
        for digest in ("d1", "d2", "d1"):
            record.register("phantoms-unet", tmp_path, digest, None, {"snapshot": f"S-{digest}"})
    fresh = Tracker(tracker.uri).client
    found = fresh.search_model_versions("name = 'phantoms-unet' and tags.snapshot = 'S-d2'")
    assert [version.tags["digest"] for version in found] == ["d2"]
    assert len(fresh.search_model_versions("name = 'phantoms-unet'")) == 2
    assert fresh.get_registered_model("phantoms-unet").aliases == {}


def test_a_server_is_given_the_files_of_a_model(tracker, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    elsewhere = Tracker(tracker.uri, artifacts=None)
    with elsewhere.run("phantoms", "a", "a") as record:
        number = record.register("phantoms-unet", folder, "d1", None, {})
    version = elsewhere.client.get_model_version("phantoms-unet", number)
    assert version.source.endswith("/artifacts/weights")
    kept = [file.path for file in elsewhere.client.list_artifacts(record.id, "weights")]
    assert kept == ["weights/model.safetensors"]


def test_figures_lie_below_the_home(tracker, tmp_path):
    with tracker.run("phantoms", "a", "a") as record:
        record.figure(Figure(figsize=(1, 1)), "pairs/v1.png")
    assert list((tmp_path / "mlartifacts" / "phantoms").rglob("v1.png"))


def test_a_moved_home_finds_its_files_models_and_data_sets(tracker, tmp_path):
    with tracker.run("phantoms", "a", "a") as record:
        record.figure(Figure(), "v1.png")
        record.dataset(Store(str(tmp_path / "pairs"), "phantoms").create(), "S", "published")
        record.register("m", tmp_path / "models" / "m", "d1", None, {})
    new = tmp_path.with_name(f"{tmp_path.name} moved")
    tmp_path.rename(new)
    client = Tracker.of(load_settings(new)).client
    assert Path(client.download_artifacts(record.id, "v1.png")).is_file()
    assert client.get_model_version("m", "1").source == (new / "models" / "m").as_uri()
    source = client.get_run(record.id).inputs.dataset_inputs[0].dataset.source
    assert json.loads(source)["root"] == str(new / "pairs")
    with Tracker.of(load_settings(new)).run("phantoms", "b", "b") as later:
        later.figure(Figure(), "v2.png")
    assert list(new.rglob("v2.png"))
    assert not tmp_path.exists()


def test_a_home_of_an_odd_name_holds_all_of_its_own(migrated, tmp_path):
    home = tmp_path / "a#b 100 % co:lon é"
    home.mkdir()
    shutil.copy(migrated, home / "mlflow.db")
    settings = load_settings(home)
    store = Store(settings.pairs, "phantoms").create()
    with Tracker.of(settings).run("phantoms", "a", "a") as record:
        record.figure(Figure(), "v1.png")
    Lake(settings.lake).allot("phantoms", store.first(), "run", above=0)
    assert data_sets(settings.pairs) == ["phantoms"]
    assert Lake(settings.lake).versions("phantoms")["number"].tolist() == [1]
    assert Path(record.client.download_artifacts(record.id, "v1.png")).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [home.name]


def test_a_deleted_experiment_is_restored_and_that_is_said(tracker):
    with tracker.run("phantoms", "a", "a") as record:
        pass
    tracker.client.delete_experiment(tracker.experiment("phantoms"))
    said = Titles()
    with shown_on(said), tracker.run("phantoms", "a", "a") as again:
        again.metrics({"loss": 1.0})
    assert again.id == record.id
    assert said.titles == ["warning: restoring phantoms, which was deleted on MLflow's page"]


class Titles(Silence):
    def __init__(self):
        self.titles = []

    def open(self, title, total):
        self.titles.append(title)
        return 0


KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.services.mlflow_tracking import Tracker
from tasks.services.settings import load_settings
with Tracker.of(load_settings(Path(sys.argv[1]))).run("phantoms", "a", "a") as record:
    record.tags({"medpair.run": "0123456789ab"})
    with record.child("training"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_was_killed_is_gone_on_with_and_its_children_end(tracker, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    experiment = tracker.experiment("phantoms")
    (left,) = tracker.client.search_runs([experiment], "tags.mlflow.runName = 'a'")
    with tracker.run("phantoms", "a", "a") as again, tracker.run("phantoms", "b", "b"):
        states = {
            run.data.tags["mlflow.runName"]: run.info.status
            for run in tracker.client.search_runs([experiment])
        }
    assert again.id == left.info.run_id
    assert states == {"a": "RUNNING", "training": "KILLED", "b": "RUNNING"}
