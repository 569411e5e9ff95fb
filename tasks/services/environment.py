"""What the libraries read from the environment before they are imported."""

from __future__ import annotations

import os

QUIET = {
    # Prefect's server heartbeat and the events of its SDK.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Prefect takes 1, true or yes; MLflow the literal "true" only.
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "YES",  # diffusers and transformers before they asked the hub's library
    # Weights are local folders: a wrong path must fail at once, not look for a hub.
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def quieten() -> None:
    """Turns telemetry and hub access off, unless the user's environment says otherwise."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
