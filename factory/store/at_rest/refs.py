"""Files of names: 35 bytes that a power cut empties, and without which a whole data set is lost."""

from __future__ import annotations

import json
from pathlib import Path


def mend_ref(repository: Path, ref: str, snapshot: str) -> bool:
    """Writes the file of a name anew, where it is lost or cannot be read.

    Args:
        repository: folder of the data set.
        ref: "branch.main" or "tag.v1".
        snapshot: that it names.

    Returns:
        Whether it had to be written.
    """
    file = repository / "refs" / ref / "ref.json"
    if _names_a_snapshot(file, repository):
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"snapshot": snapshot}, separators=(",", ":")))
    partial.replace(file)
    return True


def _names_a_snapshot(file: Path, repository: Path) -> bool:
    try:
        snapshot = json.loads(file.read_bytes())["snapshot"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return (repository / "snapshots" / str(snapshot)).is_file()
