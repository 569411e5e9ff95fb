"""Damaged pairs made anew: the same bytes again, in a new snapshot beside the damaged one.

Icechunk's objects never change and it names none of them, so nothing is rewritten in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.errors import DamagedError
from factory.identity import aside_of
from factory.pairs import PairBatch
from factory.store.at_rest.verification import Cure, Progress, Verification
from factory.store.checksums import checksums
from factory.store.damage import ranges
from factory.store.quarantine import Generate, pairs_or_blanks
from factory.store.repository import Group, Session, Store, arrays
from factory.store.shards import finished
from factory.store.snapshot import PAIR_ARRAYS, Rows, Snapshot, new_array

VERDICTS = ("status", "reason")
Values = dict[str, NDArray[Any]]


def repair(
    store: Store,
    snapshot: Snapshot,
    found: Verification,
    generate: Generate,
    progress: Progress = lambda done, whole: None,
) -> str:
    """Writes a snapshot in which the damaged pairs of another are made anew, bit for bit.

    Args:
        store: the data set.
        snapshot: the damaged one, which stays as it is.
        found: what is wrong with it.
        generate: the generator that made it.
        progress: told how many pairs are done.

    Returns:
        The id of the new snapshot, which follows the damaged one.

    Raises:
        DamagedError: if something is beyond repair, or a pair made anew is not the one that was
            written; nothing is changed then.
    """
    _refuse_what_is_beyond(snapshot, found)
    aside = aside_of("repair", snapshot.id)
    with store.lock("repair"):
        store.point(aside, snapshot.id)
        try:
            session = store.writable(aside)
            _write(session, snapshot, found, generate, progress)
            words = {"kind": "repair", "pairs": snapshot.pairs_id, "of": snapshot.id}
            return store.commit(session, "repair", {**words, "rows": ranges(found.rows)})
        finally:
            store.drop(aside)


def same_pair(snapshot: Snapshot, row: int, pair: PairBatch) -> bool:
    """Whether a pair made anew is the one that was written, by its checksum or its pixels."""
    sums = int(checksums(pair)[0])
    with suppress(DamagedError):
        if sums == int(snapshot.column("checksum", slice(row, row + 1))[0]):
            return True
    with suppress(DamagedError):  # the checksum itself may be what is damaged
        return bool(checksums(snapshot.pixels(np.array([row]), pair.facets))[0] == sums)
    return False


def remade(snapshot: Snapshot, rows: Rows, generate: Generate) -> PairBatch:
    """The pairs of some rows, made anew from their prompts and seeds; none is compared."""
    prompts = [snapshot.table[int(row)] for row in rows]
    shape = snapshot.array("image").shape[1:]
    return pairs_or_blanks(generate, prompts, [prompt.seed for prompt in prompts], shape)


def _refuse_what_is_beyond(snapshot: Snapshot, found: Verification) -> None:
    if beyond := found.cured_by(Cure.NONE):
        raise DamagedError(
            f"{snapshot.name} at {snapshot.id} was not repaired, for pairs made anew do not mend "
            f"all of it: {'; '.join(map(str, beyond))}; restore its folder from a copy"
        )


def _write(
    session: Session,
    snapshot: Snapshot,
    found: Verification,
    generate: Generate,
    progress: Progress,
) -> None:
    group, done = arrays(session), 0
    _begin_anew(group, snapshot)
    if found.cured_by(Cure.DERIVED):
        _derive(group, snapshot)
    for here in _by_chunk(found.rows, snapshot.layout.chunk):
        for name, values in _columns(snapshot, here, generate).items():
            if name in group:
                _put(group[name], here, values)
        progress(done := done + len(here), len(found.rows))


def _begin_anew(group: Group, snapshot: Snapshot) -> None:
    """Makes arrays again of which nothing can be read: where their chunks lie may be lost."""
    names = (name for name in (*PAIR_ARRAYS, "shard_done") if name not in VERDICTS)
    for name in names:
        if name in group and not _anything_readable(snapshot, name):
            count = group[name].shape[0]
            del group[name]
            new_array(group, name, snapshot.layout, count)


def _anything_readable(snapshot: Snapshot, name: str) -> bool:
    array = snapshot.array(name)
    for start in range(0, array.shape[0], array.chunks[0]):
        with suppress(DamagedError):
            snapshot.column(name, slice(start, start + array.chunks[0]))
            return True
    return False


def _derive(group: Group, snapshot: Snapshot) -> None:
    """Writes what follows from the prompts and from rows that are all made."""
    group["prompt"][:] = np.arange(len(snapshot))
    group["seed"][:] = snapshot.table.seeds
    group["shard_done"][:] = finished(snapshot.status, snapshot.layout.shard)


def _by_chunk(rows: Rows, chunk: int) -> Iterator[Rows]:
    yield from np.split(rows, np.flatnonzero(np.diff(rows // chunk)) + 1) if len(rows) else ()


def _columns(snapshot: Snapshot, here: Rows, generate: Generate) -> Values:
    """What the arrays hold of some rows once more.

    Raises:
        DamagedError: naming the rows whose pairs are not the same.
    """
    pairs = remade(snapshot, here, generate)
    same = np.array([same_pair(snapshot, int(row), pairs[[i]]) for i, row in enumerate(here)])
    if not same.all():
        raise DamagedError(
            f"rows {ranges(here[~same])} of {snapshot.name} at {snapshot.id} were made anew and "
            "are not the bytes that were written, so nothing was changed: they came from "
            "elsewhere, or another kind of machine or release made them (medpair-factory "
            f"{snapshot.attributes.get('code_version', 'unknown')}); repair them there"
        )
    return {
        "image": pairs.images,
        "mask": pairs.masks,
        "has_mask": pairs.has_mask,
        "spacing_mm": pairs.spacing_mm,
        "checksum": checksums(pairs),
    }


def _put(array: Any, here: Rows, values: NDArray[Any]) -> None:  # noqa: ANN401  # a zarr.Array
    """Writes rows of one chunk; a whole chunk is not read before, for it may not be readable."""
    first, last = int(here[0]), int(here[-1]) + 1
    if last - first == len(here):
        array[first:last] = values
    else:
        array.oindex[here] = values
