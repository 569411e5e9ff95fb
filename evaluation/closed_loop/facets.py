"""Facets: parts of a domain that prompts can ask for and real images show, such as a finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.pairs import Pairs, column


def facet_name(parts: Sequence[str]) -> str:
    """What people and tables call the facet of these parts; empty ones are left out."""
    return ", ".join(part for part in parts if part)


def facets_of(pairs: Pairs, by: Sequence[str]) -> NDArray[np.object_]:
    """(N,) name of the facet of each pair.

    Args:
        pairs: N of them.
        by: columns of their facets, such as domain and finding.
    """
    parts = zip(*(column(pairs, name) for name in by), strict=True)
    return np.array([facet_name(each) for each in parts], object)
