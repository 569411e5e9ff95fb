"""Pairs and lake in an S3-compatible store, as a real server process holds it, and on local disk."""

import subprocess
import sys

import httpx
import numpy as np
import pytest

from benchmarks.faults_run.servers import until
from factory.store.repository import Store
from tasks.services.ports import LOOPBACK, free_port

SECRET = "sesame-of-this-test"
SCORES = "select metric, value, low, high, n from scores order by all"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A server with an empty bucket, which the environment names."""
    address = f"http://{LOOPBACK}:{(port := free_port(0, 'port'))}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    with (tmp_path / "moto.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)

    def made():
        try:
            return httpx.put(f"{address}/bucket").is_success
        except httpx.HTTPError:
            return False

    try:
        until(made, "the S3-compatible server")
        yield "s3://bucket"
    finally:
        server.kill()
        server.wait()


@pytest.mark.integration
@pytest.mark.timeout(1200)
def test_an_object_store_holds_what_a_disk_holds(medpair, recipe, bucket, tmp_path, monkeypatch):
    path = recipe(utility=None)
    here = tmp_path / "here"
    assert medpair("run", path, "--home", here).code == 0
    there = tmp_path / "there"
    monkeypatch.setenv("MEDPAIR_PAIRS", f"{bucket}/pairs")
    monkeypatch.setenv("MEDPAIR_LAKE", f"{bucket}/lake")
    for _ in range(2):  # the second finds all of it
        said = medpair("run", path, "--home", there)
        assert said.code == 0
        assert SECRET not in said.out + said.err
    assert not (there / "pairs").exists()
    assert not (there / "lake").exists()
    assert medpair("datasets", "verify", "tiny", "--home", there).code == 0

    snapshots = [
        Store(root, "tiny").snapshot("v1") for root in (str(here / "pairs"), f"{bucket}/pairs")
    ]
    ours, theirs = (each.read() for each in snapshots)
    assert np.array_equal(ours.images, theirs.images)
    assert np.array_equal(ours.masks, theirs.masks)
    said = medpair("scores", SCORES, "--home", there, "--json").json
    monkeypatch.delenv("MEDPAIR_LAKE")
    assert said == medpair("scores", SCORES, "--home", here, "--json").json
    files = [file for file in there.rglob("*") if file.is_file()]
    assert any(file.name == "mlflow.db" for file in files)
    # Reports, logs, databases and artifacts go to others; what opens the store does not.
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]
