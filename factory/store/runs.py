"""A run in the store: declared, filled shard by shard, judged, and rebased if `main` moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.errors import InputError
from factory.identity import aside_of, branch_of
from factory.pairs import PairBatch
from factory.prompts.picked import PickedPrompts
from factory.prompts.prompt import Prompt
from factory.prompts.volume_grid import AnyGrid
from factory.store.checks import Reason, Reasons, check, names
from factory.store.checksums import checksums
from factory.store.quarantine import Generate, pairs_or_blanks, sparing
from factory.store.repository import MAIN, ForkSession, Group, Session, Store, arrays
from factory.store.shards import Layout, Shard, Status, cut, finished
from factory.store.snapshot import (
    FORMAT,
    PAIR_ARRAYS,
    Rows,
    Snapshot,
    lay_out,
    prompts_at,
    read_table,
)
from factory.store.storage import local_folder

OWN_WORD = ("finite", "doubts")  # facets in which a generator speaks against its own pairs


@dataclass(frozen=True)
class Run:
    """One execution of a recipe, as the store sees it.

    Attributes:
        id: 12 hex digits, from `factory.identity.run_id`.
        grid: the prompts asked for.
        layout: of the arrays; its shard is what one worker makes at a time.
        generator: digest of the generator.
        label_maps: class name -> mask index for each domain of the grid.
        sections: the recipe's sections as JSON, kept as they are.
        digests: further digests that say where the pairs come from (source, grid, ...).
        masked: whether the generator makes masks; without, a pair may lack its mask.
        by_hand: what somebody chose of which requests, oldest first, as JSON; () where all pairs of
            a grid were judged by rule.
    """

    id: str
    grid: AnyGrid | PickedPrompts
    layout: Layout
    generator: str
    label_maps: Mapping[str, Mapping[str, int]]
    sections: Mapping[str, object]
    digests: Mapping[str, str]
    masked: bool = True
    by_hand: tuple[Mapping[str, object], ...] = ()

    @property
    def branch(self) -> str:
        return branch_of(self.id)


def declare(store: Store, run: Run) -> Snapshot:
    """Lays out every row of a run on its branch, before any worker starts.

    A run that was declared before is left as it is, so that it resumes. A new one starts from
    `main` if layout, label maps and generator agree, and then keeps its pairs and rows; else from
    the repository's first snapshot. A crash leaves the run undeclared or declared, never between.

    Returns:
        The head of the run's branch.

    Raises:
        InputError: if the run's label maps changed since it was declared.
    """
    with store.lock():
        declared = _declared(store, run)
        if declared is None:
            base = store.snapshot(MAIN)
            with _aside(store, run, base, "declare") as new:
                store.point(run.branch, new)
        _drop_asides(store, run)
    return declared or store.snapshot(run.branch)


def missing(snapshot: Snapshot) -> list[Shard]:
    """The shards that lack a pair, in order; all shards of a window are committed at once."""
    done = snapshot.shard_done
    return [shard for shard in cut(len(snapshot), snapshot.layout.shard) if not done[shard.index]]


@dataclass(frozen=True, eq=False)
class MadeShard:
    """What comes back from where a shard was made: its index, and the fork that holds its pairs."""

    index: int
    fork: ForkSession


def make(
    generate: Generate, fork: ForkSession, shard: Shard, spared: Sequence[int] = ()
) -> MadeShard:
    """Makes the missing pairs of a shard, checks and writes them; the pixels stay on the worker.

    A prompt at which the generator raises becomes a pair that is rejected for it.

    Args:
        generate: makes pairs.
        fork: to write through.
        shard: which one.
        spared: rows at which it is not even tried, since they end a worker; rejected likewise.
    """
    group = arrays(fork)
    rows = empty_rows(group, shard)
    prompts = prompts_at(group, rows)
    dangerous = {prompt.digest for prompt in prompts_at(group, np.array(spared, np.int64))}
    pairs = _attempted(sparing(generate, dangerous), group, prompts)
    write(group, shard, rows, prompts, pairs)
    return MadeShard(shard.index, fork)


def merge(session: Session, made: Iterable[MadeShard]) -> None:
    """Takes shards over into a session and marks them as done; what is committed is both or none."""
    shards = list(made)
    session.merge(*(each.fork for each in shards))
    arrays(session)["shard_done"].oindex[sorted(each.index for each in shards)] = True


def attempt(generate: Generate, fork: ForkSession, rows: Rows) -> None:
    """Makes the pairs of some rows and forgets them: only whether this process lives is asked."""
    group = arrays(fork)
    _attempted(generate, group, prompts_at(group, rows))


def empty_rows(group: Group, shard: Shard) -> Rows:
    """Rows of a shard that hold no pair yet."""
    return shard.start + np.flatnonzero(group["status"][shard.rows] == Status.EMPTY)


def _attempted(generate: Generate, group: Group, prompts: Sequence[Prompt]) -> PairBatch:
    seeds, shape = [prompt.seed for prompt in prompts], group["image"].shape[1:]
    return pairs_or_blanks(generate, prompts, seeds, shape)


def write(
    group: Group, shard: Shard, rows: Rows, prompts: Sequence[Prompt], pairs: PairBatch
) -> None:
    """Checks the pairs of some rows of a shard and writes them.

    Raises:
        ValueError: if there is not one pair of the declared size per row.
    """
    if (found := pairs.images.shape) != (len(rows), *group["image"].shape[1:]):
        raise ValueError(
            f"shard {shard.index} wants {len(rows)} images of {group['image'].shape[1:]} "
            f"and the generator gave {found}"
        )
    columns = {
        "image": pairs.images,
        "mask": pairs.masks,
        "has_mask": pairs.has_mask,
        "spacing_mm": pairs.spacing_mm,
        "prompt": rows,
        "seed": np.array([prompt.seed for prompt in prompts], np.uint64),
        "reason": _reasons(group, prompts, pairs),
        "status": np.full(len(rows), Status.MADE, np.uint8),
        "checksum": checksums(pairs),
    }
    for name, values in columns.items():
        if name in group:  # a run that an earlier release declared has no checksums
            group[name].oindex[rows] = values


def judge(store: Store, branch: str, reasons: Reasons | None = None) -> Snapshot:
    """Commits the verdicts of a branch: A, the snapshot that scores, gates and tags name.

    Args:
        store: the data set.
        branch: of the run.
        reasons: (N,) bits of `Reason` for every row; those found by the workers if None.

    Returns:
        The new snapshot, or the head if it holds exactly these verdicts already.

    Raises:
        ValueError: if pairs are missing.
    """
    snapshot = store.snapshot(branch)
    if lacking := len(snapshot.rows(Status.EMPTY)):
        raise ValueError(f"{branch} of {store.name} still lacks {lacking} pairs: make them first")
    reasons = snapshot.reason if reasons is None else reasons.astype(np.uint32)
    verdicts = np.where(reasons == 0, Status.ACCEPTED, Status.REJECTED).astype(np.uint8)
    verdicts[snapshot.rows(Status.OUTSIDE)] = Status.OUTSIDE
    if np.array_equal(verdicts, snapshot.status) and np.array_equal(reasons, snapshot.reason):
        return snapshot
    session = store.writable(branch)
    group = arrays(session)
    group["status"][:], group["reason"][:] = verdicts, reasons
    store.commit(session, "verdicts", {"kind": "verdicts", "pairs": snapshot.pairs_id})
    return store.snapshot(branch)


def rebase(store: Store, run: Run) -> Snapshot:
    """Declares a run anew on today's `main` and keeps the pairs it has made.

    Needed when `main` moved while the run was under way. Rows may change, so the pairs must be
    scored and judged again. A crash leaves the old branch or the new one, never a mixture.

    Returns:
        The new head of the run's branch.
    """
    with store.lock():
        old, base = store.snapshot(run.branch), store.snapshot(MAIN)
        with _aside(store, run, base, "rebase", old) as new:
            store.move(run.branch, new, old.id)
    return store.snapshot(run.branch)


@contextmanager
def _aside(
    store: Store, run: Run, base: Snapshot, kind: str, old: Snapshot | None = None
) -> Iterator[str]:
    """The rows of a run, with the pairs of an old snapshot, committed on a branch of their own.

    Only once they are does the block point the run's branch at them.
    """
    aside = aside_of(kind, run.id)
    store.point(aside, _parent(store, base, run))
    session = store.writable(aside)
    _lay_out(arrays(session), run, base.id)
    if old is not None:
        _copy_pairs(old, arrays(session))
    yield store.commit(session, kind, {"kind": kind, "run": run.id})
    store.drop(aside)


def _drop_asides(store: Store, run: Run) -> None:
    """Drops what a process left that died once the run's branch stood where it should."""
    for aside in (aside_of("declare", run.id), aside_of("rebase", run.id)):
        # In an object store a driver of another machine may be at work there.
        if local_folder(store.uri) is not None and store.head(aside) is not None:
            store.drop(aside)


def _declared(store: Store, run: Run) -> Snapshot | None:
    # Earlier releases made the branch first: one that died before its commit holds no rows.
    if store.head(run.branch) in (None, store.first()):
        return None
    snapshot = store.snapshot(run.branch)
    if snapshot.attributes.get("run") != run.id:
        return None  # likewise, where the run was to start from `main`
    if differing := _differing(snapshot.label_maps, run.label_maps):
        raise InputError(
            f"run {run.id} began with another label map of {differing}: its masks would mean two "
            "things; undo the change of the vocabulary, or give the data set another name"
        )
    return snapshot


def _parent(store: Store, base: Snapshot, run: Run) -> str:
    """Where a new run starts: `main` if its pairs can stay, else the first snapshot."""
    fits = (
        len(base) > 0
        and base.layout.same_arrays(run.layout)
        and base.attributes["generator"] == run.generator
        and not _differing(base.label_maps, run.label_maps)
    )
    return base.id if fits else store.first()


def _differing(
    old: Mapping[str, Mapping[str, int]], new: Mapping[str, Mapping[str, int]]
) -> list[str]:
    return sorted(name for name in old.keys() & new.keys() if dict(old[name]) != dict(new[name]))


def _lay_out(group: Group, run: Run, base: str) -> None:
    """Gives every prompt of the run a row, after the rows that are there already."""
    before = read_table(group)
    table, rows = before.extend(run.grid)
    lay_out(group, run.layout, table)
    held = group["status"][: len(before)]
    asked = np.isin(np.arange(len(before)), rows)
    kept = np.where(asked, Status.MADE, Status.OUTSIDE)
    _set_status(group, np.where(held == Status.EMPTY, held, kept), run.layout.shard)
    label_maps = {**group.attrs.get("label_maps", {}), **run.label_maps}
    group.attrs.update(_attributes(run, base) | {"label_maps": label_maps})


def _set_status(group: Group, status: NDArray[np.uint8], shard: int) -> None:
    """Writes the state of the first rows; those after them, be they a million, are as laid out."""
    known = np.full(group["status"].shape, Status.EMPTY, np.uint8)
    known[: len(status)] = status
    if len(status):
        group["status"][: len(status)] = status.astype(np.uint8)
    group["shard_done"][:] = finished(known, shard)


def _attributes(run: Run, base: str) -> dict[str, object]:
    by_hand = {"by_hand": [dict(each) for each in run.by_hand]} if run.by_hand else {}
    return {
        **by_hand,
        "format": FORMAT,
        "run": run.id,
        "base": base,
        "layout": asdict(run.layout),
        "generator": run.generator,
        "masked": run.masked,
        "grid": run.grid.digest,
        "digests": dict(run.digests),
        "sections": dict(run.sections),
        "code_version": version("medpair-factory"),
        "status_words": {str(int(status)): status.name.lower() for status in Status},
        "reason_words": {str(int(reason)): names(reason)[0] for reason in Reason},
    }


def _copy_pairs(old: Snapshot, group: Group) -> None:
    """Fills the empty rows with the pairs that another snapshot holds for the same prompts."""
    status, prompts = group["status"][:], read_table(group).digests
    made = np.flatnonzero(old.status != Status.EMPTY)
    held = pd.Series(made, index=old.table.digests[made])
    rows = np.flatnonzero((status == Status.EMPTY) & prompts.isin(held.index))
    for shard in cut(len(rows), old.layout.shard):
        here = rows[shard.rows]
        there = held.loc[prompts[here]].to_numpy()
        for name in PAIR_ARRAYS.keys() & set(old.group):
            group[name].oindex[here] = old.group[name].oindex[there]
        group["prompt"].oindex[here] = here
    status[rows] = Status.MADE
    _set_status(group, status, old.layout.shard)


def _reasons(group: Group, prompts: Sequence[Prompt], pairs: PairBatch) -> Reasons:
    """What is wrong with the pairs, judged by what was asked, not by what the generator says.

    Against its own pairs a generator is believed.
    """
    asked = pd.DataFrame([prompt.facets() for prompt in prompts])
    for own in OWN_WORD:
        if own in pairs.facets:
            asked[own] = pairs.facets[own].to_numpy()
    judged = PairBatch(pairs.images, pairs.masks, asked, pairs.spacing_mm, pairs.has_mask)
    # Stores from before there were generators of images alone do not say.
    return check(judged, group.attrs["label_maps"], masked=bool(group.attrs.get("masked", True)))
