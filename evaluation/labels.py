"""Labels of whole images, as a facets column tells them: texts outside, indices inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.pairs import Pairs
from evaluation.pairs import column as texts

FINDING = "finding"  # the column that most labels are of
UNLABELLED = -1

Labels = NDArray[np.intp]  # (N,)


def labels_of(pairs: Pairs, column: str) -> tuple[str, ...]:
    """The different labels of some pairs in order of name; blanks are none."""
    return tuple(sorted(set(map(str, texts(pairs, column))) - {""}))


def label_indices(pairs: Pairs, column: str, known: Sequence[str]) -> Labels:
    """(N,) index of each pair's label among the known ones, `UNLABELLED` where the text is blank.

    Raises:
        InputError: if a label is not among them.
    """
    strange = sorted(set(labels_of(pairs, column)) - set(known))
    if strange:
        raise InputError(
            f"{column!r} holds {strange}, but only {list(known)} can be told apart; "
            "leave these pairs out or name their labels too"
        )
    return known_indices(pairs, column, known)


def known_indices(pairs: Pairs, column: str, known: Sequence[str]) -> Labels:
    """As `label_indices`, but a label that is not known counts as none."""
    place = {name: index for index, name in enumerate(known)}
    found = [place.get(str(text), UNLABELLED) for text in texts(pairs, column)]
    return np.array(found, np.intp)
