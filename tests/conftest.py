"""Fixtures of all tests: a quiet environment, and the real data where it is at hand."""

import logging
import os
import sys
from pathlib import Path

os.environ.update(
    DO_NOT_TRACK="true",
    MLFLOW_DISABLE_TELEMETRY="true",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    # Prefect reads its settings when any test first imports it.
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="240",
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"),
)

import pytest
from absl.logging import get_absl_handler
from hypothesis import settings

# That of mlcroissant: where MLflow sets logging up anew, it closes the stream that it found, pytest's.
get_absl_handler().python_handler.stream = sys.__stderr__

# How long an example takes is the machine's affair: on a busy one any is slow now and then.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_unconfigure() -> None:
    """Prefect's server takes its leave at exit, on a stream that pytest has closed by then."""
    logging.raiseExceptions = False


SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real image-mask pairs; the test is skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real image-mask pairs in ../shared/data, which are not distributed")
    return SHARED / "data"


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Recorded numbers of the public MedSegFactory UNet; the test is skipped where absent."""
    if not (SHARED / "reference" / "medsegfactory").is_dir():
        pytest.skip("needs the recorded numbers in ../shared/reference, which are not distributed")
    return SHARED / "reference" / "medsegfactory"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: what is handed out last is short, and no process waits."""
    weight = {item.path: 0 for item in items}
    for item in items:
        for heavy, marker in enumerate(("slow", "integration"), start=1):
            if item.get_closest_marker(marker):
                weight[item.path] = max(weight[item.path], heavy)
    items.sort(key=lambda item: -weight[item.path])
