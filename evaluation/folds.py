"""Folds: every patient is tried by segmenters that were trained on the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.pairs import Pairs, by_domain, units_of


def folds_of(pairs: Pairs, folds: int) -> NDArray[np.intp]:
    """(N,) fold of each pair, 0 to folds - 1; those of one patient and domain share one.

    Domain by domain, since each has segmenters of its own. Patients are dealt in an order that
    depends on their number alone, those with more pairs first, each to the fold that has fewest.

    Raises:
        InputError: if a domain has fewer patients than there are folds.
    """
    units, found = units_of(pairs), np.zeros(len(pairs), np.intp)
    for _, at in by_domain(pairs):
        found[at] = _assign_folds(np.unique(units[at], return_inverse=True)[1], folds)
    return found


def _assign_folds(units: NDArray[np.intp], folds: int) -> NDArray[np.intp]:
    sizes = np.bincount(units)
    if len(sizes) < folds:
        raise InputError(
            f"{folds} folds are asked for of {len(sizes)} patients: a patient must not be in two; "
            "ask for fewer folds, or have more patients"
        )
    shuffled = np.random.default_rng(0).permutation(len(sizes))
    fold_of, held = np.zeros(len(sizes), np.intp), np.zeros(folds, np.intp)
    for unit in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold_of[unit] = held.argmin()
        held[fold_of[unit]] += sizes[unit]
    return fold_of[units]
