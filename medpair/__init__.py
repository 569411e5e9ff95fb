"""The factory in Python: open a version, make pairs, score a folder, run a recipe.

    >>> import medpair
    >>> pairs = medpair.open("tiny@v1")
    >>> len(pairs), pairs.images.shape, pairs.masks.shape
    (4, (4, 32, 32, 1), (4, 32, 32))

Importing this loads nothing heavy: numpy, pandas, torch and Prefect come with the first call that
needs them. A wrong input raises a `ValueError` of one line: what arrived, why it matters, what to
do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from medpair.hidden import refuse_hidden

if TYPE_CHECKING:
    from medpair.data_set import DataSet
    from medpair.filling import fill
    from medpair.generation import generate
    from medpair.opening import open
    from medpair.painting import paint
    from medpair.running import run
    from medpair.scoring import score

__all__ = ["DataSet", "fill", "generate", "open", "paint", "run", "score"]

FILES = {
    "DataSet": "medpair.data_set",
    "fill": "medpair.filling",
    "generate": "medpair.generation",
    "open": "medpair.opening",
    "paint": "medpair.painting",
    "run": "medpair.running",
    "score": "medpair.scoring",
}

# Before anything of ours is imported: a user's own tasks.py would be imported for our tasks.
refuse_hidden()


def __getattr__(name: str) -> object:
    """What is asked for, from its file, which is imported only then."""
    if name not in FILES:
        raise AttributeError(f"module 'medpair' has no attribute {name!r}")
    return getattr(import_module(FILES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
