"""An earlier version that readers get again: nothing is deleted, and the lake says why."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.lake.lake import Lake
from factory.errors import InputError
from factory.store.repository import MAIN, Store
from flows.datasets import Version, current_version
from tasks.provenance import version_of
from tasks.services.settings import Settings
from tasks.withdrawal import versions_left, withdrawal


@dataclass(frozen=True)
class RolledBack:
    """A data set whose current version was chosen.

    Attributes:
        dataset: its name.
        version: that readers get now.
        before: that they got before, the same where nothing was to be done.
    """

    dataset: str
    version: str
    before: str


def roll_back(asked: Version, reason: str, settings: Settings) -> RolledBack:
    """Makes a published version the current one again.

    Runs that start from now on go on from it, and the next version has the next number. Those that
    were published meanwhile keep their tags.

    Args:
        asked: the version, by its tag or a label.
        reason: for the record.
        settings: of the home.

    Raises:
        InputError: if there is no such version, it is withdrawn, or no reason is given.
    """
    if asked.ref == MAIN:
        raise InputError(
            f"{asked} is its current version already; name the one to go back to: {asked}@v1"
        )
    name = asked.name
    store, lake = Store(settings.pairs, name), Lake(settings.lake)
    snapshot = store.snapshot(asked.ref)
    version, left = version_of(lake, snapshot), versions_left(lake.versions(name))
    if int(version[1:] or 0) not in left:
        gone = withdrawal(lake, name, snapshot.id) or f"{asked} was never published"
        known = ", ".join(f"v{number}" for number in left) or "none"
        raise InputError(f"{gone}, so it cannot be the current version; versions left: {known}")
    with store.lock():
        head, before = str(store.head(MAIN)), current_version(store)
        if head != snapshot.id:
            lake.restore(name, int(version[1:]), reason)
            store.move(MAIN, snapshot.id, head)
    return RolledBack(name, version, before)
