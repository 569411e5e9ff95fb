"""Gates on single pairs: their numbers worked out once, and what they say against each pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.lake import Lake
from evaluation.pair_gates import missed, reason
from evaluation.pair_numbers import pair_numbers
from evaluation.tables import About
from factory.checks import GATED, Reason, Reasons, names
from factory.snapshot import Snapshot
from factory.store import Store
from tasks.progress import stage
from tasks.reference import Reference

# Number of a pair -> the bit it sets; any other sets PAIR_GATE.
BITS = {"nearest_distance": Reason.NEAR_COPY, "copied": Reason.NEAR_COPY}


@dataclass(frozen=True, eq=False)
class Screening:
    """What is wrong with the pairs of a run.

    Attributes:
        reasons: (N,) bits of `Reason` for every row of the snapshot.
        told: row -> what the gates on single pairs say against it.
    """

    reasons: Reasons
    told: Mapping[int, tuple[str, ...]]


@task(task_run_name="screen-{branch}", cache_policy=NO_CACHE, persist_result=False)
def screen(
    store: Store, lake: Lake, branch: str, gates: Mapping[str, str], reference: Reference
) -> Screening:
    """Holds the pairs of a run against the gates on single pairs.

    What workers found wrong stays; what gates of another time said is forgotten.
    """
    snapshot = store.snapshot(branch)
    reasons = snapshot.reason & ~np.uint32(GATED)
    table = numbers_of(snapshot, lake, gates, reference)
    told: dict[int, tuple[str, ...]] = {}
    for name, miss in missed(gates, table).items():
        bit = BITS.get(name, Reason.PAIR_GATE)
        for row, value in table.loc[miss, ["row", name]].itertuples(index=False):
            reasons[int(row)] |= np.uint32(bit)
            told[int(row)] = (*told.get(int(row), ()), reason(name, gates[name], value))
    return Screening(reasons, told)


@task(task_run_name="rejections", cache_policy=NO_CACHE, persist_result=False)
def record_rejections(lake: Lake, snapshot: Snapshot, told: Mapping[int, tuple[str, ...]]) -> None:
    """Writes to the lake which pairs were rejected, and why."""
    lake.record_rejections(About(snapshot.id, data_set=snapshot.name), rejections(snapshot, told))


def numbers_of(
    snapshot: Snapshot, lake: Lake, gates: Mapping[str, str], reference: Reference
) -> pd.DataFrame:
    """The gated numbers of every pair that was asked for: those the lake has, else worked out."""
    rows = snapshot.asked()
    if not gates or not len(rows):
        return pd.DataFrame({"row": rows, **{name: np.empty(len(rows)) for name in gates}})
    about = About(snapshot.pairs_id, reference.digest, data_set=snapshot.name)
    known = lake.pair_numbers(about, list(gates), rows.tolist())
    if known is None:
        with stage(f"holding {len(rows)} pairs against their gates"):
            pairs = snapshot.read(rows)
            found = pair_numbers(pairs, reference.train, reference.held_out, list(gates))
        known = found.drop(columns="pair").assign(row=rows[found["pair"]])
        lake.record_pairs(about, known)
    return known


def rejections(snapshot: Snapshot, told: Mapping[int, tuple[str, ...]]) -> pd.DataFrame:
    """A row for each rejected pair: row, domain, reason in words."""
    rows = snapshot.rejected()
    table = snapshot.facets(rows)[["row", "domain"]]
    texts = ["; ".join(_words(int(snapshot.reason[row]), told.get(int(row), ()))) for row in rows]
    return table.assign(reason=texts)


def _words(bits: int, told: tuple[str, ...]) -> list[str]:
    """What workers saw, by name; what gates said, in their sentences where they are known."""
    gated = bits & GATED
    return [*names(bits & ~GATED), *(told or names(gated))]
