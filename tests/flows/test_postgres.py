"""Prefect's server and MLflow on a real PostgreSQL server, as for several workers."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from benchmarks.faults_run.servers import PrefectServer, running
from tasks.services.ports import LOOPBACK, free_port

PASSWORD = "sesame-of-this-test"
OWNER = "nobody"  # PostgreSQL refuses to be run by root
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PROGRAM = shutil.which("pg_ctl", path=os.pathsep.join([*map(str, DEBIAN), os.environ["PATH"]]))

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(PROGRAM is None, reason="no PostgreSQL server is installed"),
]


@dataclass
class Postgres:
    """A server that lives in a folder, with a database for each of two."""

    folder: Path
    port: int

    def run(self, *words):
        user = OWNER if os.geteuid() == 0 else None
        subprocess.run(words, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL)

    def start(self):
        data = str(self.folder / "data")
        self.run(PROGRAM, "initdb", "-D", data, "-o", f"--auth=trust --username={OWNER}")
        given = f"-c listen_addresses={LOOPBACK} -p {self.port} -k {self.folder}"
        self.run(PROGRAM, "start", "-w", "-D", data, "-l", str(self.folder / "log"), "-o", given)

    def stop(self):
        self.run(PROGRAM, "stop", "-m", "fast", "-D", str(self.folder / "data"))

    def url(self, database, driver="postgresql"):
        return f"{driver}://{OWNER}:{PASSWORD}@{LOOPBACK}:{self.port}/{database}"

    def rows(self, database, statement):
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True  # databases are made outside of transactions
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows


@pytest.fixture
def postgres():
    # Not in pytest's own folders, which nobody but their owner may enter.
    with tempfile.TemporaryDirectory(prefix="medpair-postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, OWNER)
        server = Postgres(folder, free_port(0, "port"))
        server.start()
        try:
            for database in ("prefect", "mlflow"):
                server.rows("postgres", f"CREATE DATABASE {database}")
            yield server
        finally:
            server.stop()


def test_a_run_is_recorded_in_postgres(postgres, recipe, tmp_path, monkeypatch):
    driver = "postgresql+asyncpg"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", postgres.url("prefect", driver))
    prefect = PrefectServer(tmp_path / "prefect")
    with running(prefect):
        told = {
            "MEDPAIR_HOME": str(tmp_path / "home"),
            "MEDPAIR_MLFLOW": postgres.url("mlflow"),
            "MEDPAIR_WORKERS": "1",
        }
        ran = subprocess.run(
            [sys.executable, "-m", "medpair", "run", str(recipe(utility=None))],
            env={**os.environ, **prefect.environment, **told},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert "tiny@v1 is published" in ran.stdout + ran.stderr
    states = postgres.rows("prefect", "SELECT state_type FROM flow_run WHERE name = 'tiny'")
    assert states
    assert {state for (state,) in states} == {"COMPLETED"}
    runs = postgres.rows("mlflow", "SELECT status, artifact_uri FROM runs")
    assert {status for status, _ in runs} == {"FINISHED"}
    kept = (tmp_path / "home" / "mlartifacts").as_uri()
    assert all(place.startswith(kept) for _, place in runs)
    assert not (tmp_path / "home" / "mlflow.db").exists()
    assert PASSWORD not in ran.stdout + ran.stderr
    files = [file for file in (tmp_path / "home").rglob("*") if file.is_file()]
    assert not [file for file in files if PASSWORD.encode() in file.read_bytes()]
