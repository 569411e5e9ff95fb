"""What there is: the data sets of a home, what a version holds, what changed between two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import fs

from factory.errors import DamagedError
from factory.identity import PLAIN_NAME
from factory.store.checks import Reason, names
from factory.store.repository import Store
from factory.store.shards import Status
from factory.store.snapshot import FACETS, Snapshot
from factory.store.storage import local_folder


def data_sets(root: str) -> list[str]:
    """Names of the data sets below a folder or bucket, damaged ones too; none where it is not."""
    folder = local_folder(root)
    uri = root if folder is None else Path(folder).absolute().as_uri()
    filesystem, path = fs.FileSystem.from_uri(uri)
    found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    plain = sorted(info.base_name for info in found if PLAIN_NAME.fullmatch(info.base_name))
    return [name for name in plain if _is_there(Store(root, name))]


def _is_there(store: Store) -> bool:
    try:
        return store.exists()
    except DamagedError:
        return True


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
    """Prompts whose accepted pair differs between two versions.

    Returns:
        Columns `change`, `old_row`, `new_row` (-1 where there is none) and the facets. A change is
        "added" or "removed" where only one version asks for the pair, "accepted" or "rejected"
        (only now) where both do, "remade" (by another generator) where both accept it. So many
        more pairs has the newer one as are added or accepted, less those removed or rejected.
    """
    before, after = _asked_rows(old), _asked_rows(new)
    both = before.merge(
        after, "outer", left_index=True, right_index=True, suffixes=("_old", "_new")
    )
    remade = old.attributes["generator"] != new.attributes["generator"]
    was, now = (both[f"status_{side}"] == Status.ACCEPTED for side in ("old", "new"))
    change = np.select(
        [
            now & both["row_old"].isna(),
            now & ~was,
            was & both["row_new"].isna(),
            was & ~now,
            was & now & remade,
        ],
        ["added", "accepted", "removed", "rejected", "remade"],
        "",
    )
    facets = pd.concat([old.facets(old.asked()), new.facets(new.asked())])
    facets = facets.drop_duplicates("prompt").set_index("prompt")[list(FACETS[2:])]
    rows = {
        f"{side}_row": both[f"row_{side}"].fillna(-1).astype("int64") for side in ("old", "new")
    }
    table = pd.DataFrame({"change": change, **rows}, index=both.index).join(facets)
    return table[table["change"] != ""].sort_values(["new_row", "old_row"]).reset_index()


def _asked_rows(snapshot: Snapshot) -> pd.DataFrame:
    rows = snapshot.asked()
    prompts = snapshot.table.digests[rows]
    return pd.DataFrame({"row": rows, "status": snapshot.status[rows]}, index=pd.Index(prompts))
