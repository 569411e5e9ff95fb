"""What there is: the data sets of a home, what a version holds, whether it is whole, what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import fs

from factory.identity import PLAIN_NAME
from factory.pairs import PairBatch
from factory.store.checks import Reason, check, names
from factory.store.checksums import UNKNOWN, checksums
from factory.store.repository import Store, local_folder
from factory.store.shards import Status
from factory.store.snapshot import FACETS, Rows, Snapshot

PIXEL_REASONS = np.uint32(  # what `check` sees in the pixels; the others are said by somebody
    Reason.CONSTANT_IMAGE
    | Reason.MASK_MISSING
    | Reason.UNKNOWN_CLASS_INDEX
    | Reason.ASKED_CLASS_ABSENT
    | Reason.UNASKED_CLASS_PRESENT
)
Pairs = PairBatch | None
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
    by_hand = snapshot.attributes.get("by_hand")
    reasons = {names(reason)[0]: int((rejected & reason).astype(bool).sum()) for reason in Reason}
    return {
        "name": snapshot.name,
        "snapshot": snapshot.id,
        "pairs": snapshot.counts(),
        "rejected_for": {reason: count for reason, count in reasons.items() if count},
        **kept_attributes,
        **({} if by_hand is None else {"by_hand": by_hand}),
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
    """Whether a published snapshot is whole: every row made and judged, every pixel as written.

    Rows of earlier releases have no checksum: of them only what their reasons say is held against
    their pixels.
    """
    counts = snapshot.counts()
    problems = [*_rows_at_fault(snapshot)]
    rows = np.sort(snapshot.rows(Status.ACCEPTED, Status.REJECTED, Status.OUTSIDE))
    for here, pairs in _read(snapshot, rows):
        if pairs is None:
            problems += _line(here, "cannot be read")
        else:
            problems += _pixels_at_fault(snapshot, here, pairs)
        progress(int(np.searchsorted(rows, here[-1], "right")), len(rows))
    return Verification(tuple(problems), counts)


def _read(snapshot: Snapshot, rows: Rows, size: int = 1024) -> Iterator[tuple[Rows, Pairs]]:
    """The pairs of some rows, a block at a time; None where they cannot be read, chunk by chunk."""
    for start in range(0, len(rows), size):
        here = rows[start : start + size]
        try:
            yield here, snapshot.read(here)
        except Exception:  # noqa: BLE001  # whatever storage and codecs raise at damaged bytes
            chunks = here // snapshot.layout.chunk
            if len(np.unique(chunks)) == 1:
                yield here, None
            else:
                middle = int(np.searchsorted(chunks, chunks[len(chunks) // 2]))
                cut = middle or int(np.searchsorted(chunks, chunks[0], "right"))
                yield from _read(snapshot, here[:cut], size)
                yield from _read(snapshot, here[cut:], size)


def _pixels_at_fault(snapshot: Snapshot, here: Rows, pairs: PairBatch) -> list[str]:
    written = snapshot.checksum[here]
    changed = (written != UNKNOWN) & (written != checksums(pairs))
    masked = bool(snapshot.attributes.get("masked", True))
    found = check(pairs, snapshot.label_maps, masked=masked) & PIXEL_REASONS
    wrong = (found != (snapshot.reason[here] & PIXEL_REASONS)) & ~changed
    return [
        *_line(here[changed], "hold other bytes than were written"),
        *_line(here[wrong], "have pixels that their stored reasons do not explain"),
    ]


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
