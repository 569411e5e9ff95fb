"""What there is: the data sets of a home, what a version holds, whether it is whole, what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import fs

from factory.identity import PLAIN_NAME
from factory.store.checks import GATED, Reason, check, names
from factory.store.repository import Store, local_folder
from factory.store.shards import Status
from factory.store.snapshot import FACETS, Rows, Snapshot

PIXEL_REASONS = ~np.uint32(GATED | Reason.NOT_FINITE)  # what `check` sees in a pair
Progress = Callable[[int, int], None]  # pairs done, pairs in all


@dataclass(frozen=True)
class Verification:
    """What is wrong with a snapshot, one line each, and how many rows are in each state."""

    problems: tuple[str, ...]
    counts: dict[str, int]


def data_sets(root: str) -> list[str]:
    """Names of the data sets below a folder or bucket; none where it does not exist."""
    folder = local_folder(root)
    uri = root if folder is None else Path(folder).absolute().as_uri()
    filesystem, path = fs.FileSystem.from_uri(uri)
    found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    plain = sorted(info.base_name for info in found if PLAIN_NAME.fullmatch(info.base_name))
    return [name for name in plain if Store(root, name).exists()]


def describe(snapshot: Snapshot) -> dict[str, object]:
    """What a snapshot holds, as plain values."""
    kept = ("run", "base", "generator", "grid", "layout", "label_maps", "code_version", "sections")
    kept_attributes = {name: snapshot.attributes.get(name) for name in kept}
    rejected = snapshot.reason[snapshot.rows(Status.REJECTED)]
    reasons = {names(reason)[0]: int((rejected & reason).astype(bool).sum()) for reason in Reason}
    return {
        "name": snapshot.name,
        "snapshot": snapshot.id,
        "pairs": snapshot.counts(),
        "rejected_for": {reason: count for reason, count in reasons.items() if count},
        **kept_attributes,
    }


def diff(old: Snapshot, new: Snapshot) -> pd.DataFrame:
    """Prompts whose pair differs between two versions.

    Returns:
        Columns `change`, `old_row`, `new_row` (-1 where there is none) and the facets. A change is
        "added", "removed", "remade" (by another generator), "accepted" or "rejected" (only now).
    """
    before, after = _asked_rows(old), _asked_rows(new)
    both = before.merge(
        after, "outer", left_index=True, right_index=True, suffixes=("_old", "_new")
    )
    remade = old.attributes["generator"] != new.attributes["generator"]
    judged = both["status_old"] != both["status_new"]
    accepted = both["status_new"] == Status.ACCEPTED
    change = np.select(
        [both["row_old"].isna(), both["row_new"].isna(), np.full(len(both), remade), ~judged],
        ["added", "removed", "remade", ""],
        np.where(accepted, "accepted", "rejected"),
    )
    facets = pd.concat([old.facets(old.asked()), new.facets(new.asked())])
    facets = facets.drop_duplicates("prompt").set_index("prompt")[list(FACETS[2:])]
    rows = {
        f"{side}_row": both[f"row_{side}"].fillna(-1).astype("int64") for side in ("old", "new")
    }
    table = pd.DataFrame({"change": change, **rows}, index=both.index).join(facets)
    return table[table["change"] != ""].sort_values(["new_row", "old_row"]).reset_index()


def verify(snapshot: Snapshot, progress: Progress = lambda done, whole: None) -> Verification:
    """Whether a published snapshot is whole: every row made and judged, every pixel explained."""
    counts = snapshot.counts()
    problems = [*_rows_at_fault(snapshot)]
    rows = np.sort(snapshot.rows(Status.ACCEPTED, Status.REJECTED, Status.OUTSIDE))
    for pairs in snapshot.blocks(rows):
        here = pairs.facets["row"].to_numpy()
        found = check(pairs, snapshot.label_maps) & PIXEL_REASONS
        wrong = here[found != (snapshot.reason[here] & PIXEL_REASONS)]
        problems += _line(wrong, "have pixels that their stored reasons do not explain")
        progress(int(np.searchsorted(rows, here[-1], "right")), len(rows))
    return Verification(tuple(problems), counts)


def _rows_at_fault(snapshot: Snapshot) -> list[str]:
    prompt, seed = snapshot.group["prompt"][:], snapshot.group["seed"][:]
    asked_seed = snapshot.table.to_pandas()["seed"].to_numpy("uint64")
    made = snapshot.status != Status.EMPTY
    return [
        *_line(np.flatnonzero(~made), "hold no pair"),
        *_line(snapshot.rows(Status.MADE), "were never judged"),
        *_line(np.flatnonzero(made & (prompt != np.arange(len(snapshot)))), "name another prompt"),
        *_line(np.flatnonzero(made & (seed != asked_seed)), "were made from another seed"),
        *_line(np.flatnonzero(~snapshot.shard_done), "are not marked as done", "shards"),
    ]


def _line(at: Rows, fault: str, kind: str = "rows") -> list[str]:
    some = ", ".join(map(str, at[:5])) + (", ..." if len(at) > 5 else "")
    return [f"{len(at)} {kind} {fault}: {some}"] if len(at) else []


def _asked_rows(snapshot: Snapshot) -> pd.DataFrame:
    rows = snapshot.asked()
    prompts = snapshot.table.to_pandas()["prompt"].iloc[rows]
    return pd.DataFrame({"row": rows, "status": snapshot.status[rows]}, index=pd.Index(prompts))
