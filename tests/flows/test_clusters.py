"""Clusters of others, as docs/clusters.md sets them up."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from distributed import Client

from benchmarks.faults_run.servers import DaskCluster, running
from factory.errors import InputError
from tasks.services.dask_cluster import ONE_EACH, open_cluster

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clusters.md").read_text()


def block(language, word):
    """The code of the page in a language that holds a word."""
    blocks = re.findall(rf"```{language}[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    (found,) = (code for code in blocks if word in code)
    return found


@pytest.mark.slow
def test_the_job_of_slurm_starts_a_worker_that_takes_shards(tmp_path):
    code, _ = block("python", "SLURMCluster").split("cluster.scale")
    (tmp_path / "slurm.py").write_text(code)
    with runpy.run_path(tmp_path / "slurm.py")["cluster"] as cluster:
        script = cluster.job_script().splitlines()
        assert {"#SBATCH -p gpu", "#SBATCH --gres=gpu:1", "#SBATCH -t 08:00:00"} <= set(script)
        *_, command = (line for line in script if line)
        assert script.index("source /shared/medpair/.venv/bin/activate") < script.index(command)
        assert f"dask_worker {cluster.scheduler_address} " in command
        assert "--nthreads 1 " in command
        assert command.endswith("--resources GPU=1")


def test_the_manifest_of_kubernetes_holds_together():
    scheduler, service, worker = yaml.safe_load_all(block("yaml", "kind: Deployment"))
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    command = container["command"]
    (port,) = service["spec"]["ports"]
    assert f"tcp://{service['metadata']['name']}:{port['port']}" in command
    assert service["spec"]["selector"] == scheduler["spec"]["template"]["metadata"]["labels"]
    assert command[command.index("--resources") + 1] in {f"{k}={n}" for k, n in ONE_EACH.items()}
    assert command[command.index("--nthreads") + 1] == "1"


@pytest.fixture
def certificates(tmp_path):
    """A key, a certificate, and the file that tells Dask of them."""
    (command,) = re.findall(r"^\$ (openssl .*)$", PAGE, re.MULTILINE)
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    told = tmp_path / "dask.yaml"
    told.write_text(block("yaml", "require-encryption").replace("/shared/", f"{tmp_path}/"))
    return told


def test_an_address_that_asks_for_a_certificate_is_told_from_one_that_is_silent():
    said = pytest.raises(InputError, match=r"asks for a certificate, .* DASK_CONFIG")
    with said, open_cluster("tls://127.0.0.1:9"):
        pass


@pytest.mark.integration
@pytest.mark.timeout(1200)
def test_a_cluster_with_certificates_serves_who_has_the_key(
    certificates, recipe, tmp_path, monkeypatch
):
    monkeypatch.setenv("DASK_CONFIG", str(certificates))
    cluster = DaskCluster("127.0.0.1", [()], "tls")
    with running(cluster):
        ran = subprocess.run(
            [sys.executable, "-m", "medpair", "run", recipe(utility=None)],
            env={**os.environ, **cluster.environment, "MEDPAIR_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
        with pytest.raises(OSError, match="closed"):
            Client(cluster.address.replace("tls", "tcp"), timeout=5)
    assert ran.returncode == 0, ran.stderr
    assert "tiny@v1 is published" in ran.stdout + ran.stderr
