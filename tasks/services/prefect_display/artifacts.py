"""Artifacts of Prefect's flow and task runs, which never hold these up."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.settings import PREFECT_API_URL
from prefect.utilities.context import get_task_and_flow_run_ids

from tasks.services.prefect_display.courier import COURIER


class KeptClient:
    """The client of a server, kept: making one reads all certificates, as long as a shard may take."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._of: tuple[str | None, SyncPrefectClient] | None = None

    def client(self, address: str | None) -> SyncPrefectClient:
        """That of the server at an address; that of another is closed."""
        if self._of is None or self._of[0] != address:
            self.close()
            self._of = address, self._open.enter_context(get_client(sync_client=True))
        return self._of[1]

    def close(self) -> None:
        """Lets go of the connection."""
        self._of = None
        self._open.close()


KEPT = KeptClient()
atexit.register(KEPT.close)


class Artifact:
    """What the run that is under way shows; of several values only the newest need arrive.

    Args:
        kind: Prefect's type of it: progress (0 to 100) or markdown.
        description: what it is.
        key: its name in Prefect, in small letters, digits and "-"; without one it has no history.
    """

    def __init__(self, kind: str, description: str, key: str | None = None) -> None:
        self._task, self._flow = get_task_and_flow_run_ids()
        self._kind, self._description, self._key = kind, description, key
        self._id: UUID | None = None

    def show(self, data: float | str) -> None:
        """Has the server show a value, if it answers."""
        COURIER.send(self, lambda: self._deliver(data))

    def _deliver(self, data: float | str) -> None:
        # Plain requests: the client's own methods also emit events, one for each step of a bar, which
        # a process that is ending no longer can.
        client = KEPT.client(PREFECT_API_URL.value())
        if self._id is None:
            made = client.request("POST", "/artifacts/", json=_json(self._first(data)))
            self._id = UUID(made.json()["id"])
        else:
            newer = _json(ArtifactUpdate(data=data))
            client.request("PATCH", "/artifacts/{id}", path_params={"id": self._id}, json=newer)

    def _first(self, data: float | str) -> ArtifactCreate:
        return ArtifactCreate(
            key=self._key,
            type=self._kind,
            description=self._description,
            data=data,
            flow_run_id=self._flow,
            task_run_id=self._task,
        )


def _json(body: ArtifactCreate | ArtifactUpdate) -> dict[str, Any]:
    return body.model_dump(mode="json", exclude_unset=True)
