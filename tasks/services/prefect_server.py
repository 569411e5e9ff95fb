"""Prefect's server: the one that is configured, or an embedded one that lives with the process."""

from __future__ import annotations

import atexit
import logging
import subprocess
from functools import cache
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from prefect import runtime
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient, ServerType
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL

from factory.errors import InputError
from tasks.faults.interruption import unheard
from tasks.services.leash import leash

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

log = logging.getLogger(__name__)

CONNECTED_BEFORE = "_has_connected"  # by which Prefect's clients decide; each sets it for itself
MOST_STARTS = 3
STOPPING_SECONDS = 1.0
SENDING_SECONDS = 30.0  # an event needs well below one where the machine is not busy


def start_server() -> str:
    """Starts the embedded server where no other is configured, and gives the server's address.

    It takes 10 to 40 s on a slow machine, once per process. One that dies is started again.

    Raises:
        InputError: if the configured server does not answer.
    """
    if not PREFECT_API_URL.value():
        embedded()  # before Prefect makes its own, which is then this one
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
        if problem is not None:
            raise InputError(
                f"the Prefect server at {client.api_url} does not answer ({problem}); start it, or "
                "unset PREFECT_API_URL to use an embedded one"
            )
        be_patient()
        if client.server_type == ServerType.EPHEMERAL:
            revived()
        return str(client.api_url)


def be_patient() -> None:
    """Has clients that Prefect makes from now on try again where they cannot connect.

    Prefect's own give up at once at their first request, and it makes one for every nested flow: a
    server that was there a moment ago is rather being started again.
    """
    for kind in (PrefectHttpxAsyncClient, PrefectHttpxSyncClient):
        setattr(kind, CONNECTED_BEFORE, property(lambda _: True, lambda _, _value: None))


def embedded() -> SubprocessASGIServer:
    """The one embedded server, which does not hear Ctrl-C: a run that ends well needs it to the end."""
    from prefect.server.api.server import SubprocessASGIServer  # slow, and embedded alone

    class Deaf(SubprocessASGIServer):
        def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
            with unheard():
                return super()._run_uvicorn_command()

    return Deaf()


@cache
def revived() -> Thread:
    """A thread that starts the embedded server again where it ends before this process does.

    A server whose process is killed ends as well.

    Prefect's client tries again for minutes, so a run goes on at the server's old address.
    """
    ending = Event()
    atexit.register(ending.set)
    watch = Thread(target=_revive, args=(ending,), name="embedded server", daemon=True)
    watch.start()
    return watch


def _revive(ending: Event) -> None:
    for _ in range(MOST_STARTS):
        server = embedded()
        if server.server_process is None:
            return
        with leash(server.server_process.pid):
            code = server.server_process.wait()
        # Prefect stops it when the process ends, and marks it so a moment after.
        if ending.wait(STOPPING_SECONDS) or not server.running:
            return
        log.warning("Prefect's embedded server ended (%s) and is started again", code)
        server.running = False  # else starting it does nothing
        server.start()


def flow_run() -> str:
    """The flow run that is under way: "flow: name (id)"; "" outside of any."""
    run = runtime.flow_run
    return f"{run.flow_name}: {run.name} ({run.id})" if run.id else ""


def announce(dataset: str, version: str, snapshot: str) -> bool:
    """Tells Prefect that a version is out, so that what waits for one is started.

    Returns:
        Whether it was sent; a server that does not answer is not waited for any longer.
    """
    emit_event(
        "medpair.version.published",
        resource={
            "prefect.resource.id": f"medpair.dataset.{dataset}",
            "medpair.dataset": dataset,
            "medpair.version": version,
        },
        payload={"snapshot": snapshot},
        # The same for the same version, so that the server keeps one of two.
        id=uuid5(NAMESPACE_URL, f"medpair:{dataset}/{version}/{snapshot}"),
    )
    sending = Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    sending.start()
    sending.join(SENDING_SECONDS)
    return not sending.is_alive()
