"""The environment is the one the project was measured in, and it keeps to itself."""

import os
import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
# Needed by `make docs` alone.
FOR_DOCS = {
    *("babel", "backrefs", "ghp-import", "mergedeep", "mkdocs", "mkdocs-get-deps"),
    *("mkdocs-material", "mkdocs-material-extensions", "paginate"),
    *("pymdown-extensions", "pyyaml_env_tag", "watchdog"),
    # Notebooks as pages.
    *(
        "beautifulsoup4",
        "bleach",
        "defusedxml",
        "jupyterlab_pygments",
        "jupytext",
        "mdit-py-plugins",
    ),
    # Docstrings as a page.
    *("mkdocs-autorefs", "mkdocstrings", "mkdocstrings-python"),
    *("mistune", "mkdocs-jupyter", "nbconvert", "pandocfilters", "soupsieve"),
}


def installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize("name", ["torchvision", "torch-fidelity"])
def test_a_package_that_breaks_the_others_is_absent(name):
    # torchvision is built against one torch: transformers imports it when present and then fails on
    # a missing operator. torch-fidelity brings it along, and would name our features FID.
    remedy = f"{name} crept in; remove it: .venv/bin/pip uninstall -y {name}"
    assert installed(name) is None, remedy


@pytest.mark.parametrize("name", sorted(set(PINS) - FOR_DOCS))
def test_version_is_the_constrained_one(name):
    found = installed(name)
    # A local suffix (2.13.0+cpu) names a build of the same release.
    assert (found or "absent").split("+")[0] == PINS[name], (
        f"{name} is {found}, constraints.txt says {PINS[name]}: "
        "run 'rm .venv/.installed; make setup'"
    )


def test_every_direct_dependency_is_constrained():
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in PINS}
    direct = {
        re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", line)[0]).lower()
        for line in metadata.requires("medpair-factory") or ()
    }
    assert direct <= pinned


def test_no_library_phones_home():
    assert os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
