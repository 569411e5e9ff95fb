"""What changed between two versions of a data set: read from the store and the lake, and drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.lake.lake import Lake
from evaluation.report.changes import WORDS, Changes, facet_counts, kinds, score_changes
from evaluation.report.gallery import MANY, Beside, Card, Shelf, cards, pair_tiles
from factory.identity import is_version
from factory.store.checks import names
from factory.store.repository import Store
from factory.store.shards import Status
from factory.store.snapshot import Snapshot
from factory.store.versions import diff
from tasks.provenance import own_scores, version_of


def version_before(store: Store, lake: Lake, snapshot: Snapshot) -> str | None:
    """The tag of the version before a published snapshot, the newest where it is not published."""
    tags = sorted((int(tag[1:]) for tag in store.tags() if is_version(tag)), reverse=True)
    own = version_of(lake, snapshot)
    older = [tag for tag in tags if not own or tag < int(own.removeprefix("v"))]
    return f"v{older[0]}" if older else None


def changes_between(
    old: Snapshot, new: Snapshot, lake: Lake, called: tuple[str, str], *, drawn: bool = False
) -> Changes:
    """What changed from one snapshot to another.

    Args:
        old: the older one.
        new: the newer one.
        lake: the record of scores.
        called: what a reader calls them.
        drawn: whether some pairs of each change are shown.
    """
    table = diff(old, new)
    before, after = (side.facets(side.rows(Status.ACCEPTED)) for side in (old, new))
    return Changes(
        new.name,
        *called,
        (len(before), len(after)),
        kinds(table),
        facet_counts(before, after),
        score_changes(own_scores(lake, old), own_scores(lake, new)),
        [_shelf(kind, part, old, new) for kind, part in _parts(table)] if drawn else [],
    )


def _parts(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(kind, part) for kind in WORDS if len(part := table[table["change"] == kind])]


def _shelf(kind: str, changed: pd.DataFrame, old: Snapshot, new: Snapshot) -> Shelf:
    shown = changed.iloc[np.linspace(0, len(changed) - 1, min(MANY, len(changed))).astype(int)]
    found = tuple(_card(kind, line, old, new) for _, line in shown.iterrows())
    title = WORDS[kind][0].upper() + WORDS[kind][1:]
    return Shelf(kind, title, f"{len(found)} of {len(changed)}.", found)


def _card(kind: str, line: pd.Series, old: Snapshot, new: Snapshot) -> Card:
    """The pair of the newer version, or of the older one where it is gone; both where remade."""
    side, row = (old, line["old_row"]) if kind == "removed" else (new, line["new_row"])
    pairs = side.read(np.array([row]))
    beside = Beside(_classes(side), pd.DataFrame())
    why = f"rejected: {', '.join(names(int(new.reason[row])))}" if kind == "rejected" else ""
    (card,) = cards(pairs, np.array([0]), beside, notes=[why])
    if kind != "remade":
        return card
    earlier = old.read(np.array([line["old_row"]]))
    was, now = (pair_tiles(each, 0, beside.classes, when)[-1] for each, when in
                ((earlier, "before"), (pairs, "now")))  # fmt: skip
    return Card(card.name, card.notes, (was, now))


def _classes(side: Snapshot) -> dict[str, list[str]]:
    """Domain -> names of its classes, without the background."""
    return {
        domain: [name for name, index in sorted(found.items(), key=lambda each: each[1]) if index]
        for domain, found in side.label_maps.items()
    }
