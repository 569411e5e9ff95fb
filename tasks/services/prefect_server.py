"""Prefect's server: the one that is configured, or an embedded one that lives with the process."""

from __future__ import annotations

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.events import emit_event


def start_server() -> str:
    """Starts the embedded server where no other is configured, and gives the server's address.

    It takes 10 to 40 s on a slow machine, once per process.

    Raises:
        ConnectionError: if the configured server does not answer.
    """
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
        if problem is not None:
            raise ConnectionError(
                f"the Prefect server at {client.api_url} does not answer ({problem}); start it, or "
                "unset PREFECT_API_URL to use an embedded one"
            )
        return str(client.api_url)


def flow_run() -> str:
    """The flow run that is under way: "flow: name (id)"; "" outside of any."""
    run = runtime.flow_run
    return f"{run.flow_name}: {run.name} ({run.id})" if run.id else ""


def announce(dataset: str, version: str, snapshot: str) -> None:
    """Tells Prefect that a version is out, so that what waits for one is started."""
    emit_event(
        "medpair.version.published",
        resource={
            "prefect.resource.id": f"medpair.dataset.{dataset}",
            "medpair.dataset": dataset,
            "medpair.version": version,
        },
        payload={"snapshot": snapshot},
    )
