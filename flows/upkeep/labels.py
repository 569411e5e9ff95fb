"""Labels: names that people give to versions, such as `approved`."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.lake.lake import Lake
from factory.errors import InputError
from factory.identity import label_name
from factory.store.repository import Store
from factory.store.snapshot import Snapshot
from flows.datasets import Version
from tasks.provenance import version_of
from tasks.services.settings import Settings


@dataclass(frozen=True)
class Labelled:
    """A label and the version that it names."""

    label: str
    version: str


def label_version(version: Version, label: str, move: bool, settings: Settings) -> Labelled:
    """Has a label name a published version; repeating the same is nothing.

    It is a branch of the store, so whatever reads a version reads it by its label, too.

    Args:
        version: that is named.
        label: letters, digits, "-" and "_"; nothing that names something else already.
        move: let it name another version than before.
        settings: of the home.

    Raises:
        InputError: if it is no published version, or the label cannot be given.
    """
    store, lake = Store(settings.pairs, version.name), Lake(settings.lake)
    snapshot = version.snapshot(settings)
    tag = version_of(lake, snapshot)
    if not tag:
        raise InputError(
            f"{version} was never published, and only what is kept for good gets a label; see "
            f"`medpair datasets log {version.name}`"
        )
    _check(label, store)
    with store.lock():
        _point(store, lake, label, snapshot, int(tag[1:]), move)
    return Labelled(f"{version.name}@{label}", tag)


def _check(label: str, store: Store) -> None:
    if label_name(label) in store.tags():
        raise InputError(f"{label!r} is a version of {store.name} already; choose another label")


def _point(
    store: Store, lake: Lake, label: str, snapshot: Snapshot, number: int, move: bool
) -> None:
    held = store.head(label)
    if held == snapshot.id:
        return
    if held is not None and not move:
        named = version_of(lake, store.snapshot(held)) or held
        raise InputError(
            f"{store.name}@{label} names {named}, and who reads it relies on that; --move has it "
            f"name v{number}"
        )
    lake.label(store.name, number, label)
    if held is None:
        store.point(label, snapshot.id)
    else:
        store.move(label, snapshot.id, held)
