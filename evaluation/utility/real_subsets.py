"""Which real images an arm of so many takes: of one seed the fewer always lie within the more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.labels import FINDING, Labels, known_indices, labels_of
from evaluation.pairs import Pairs, units_of


def nested_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, taken patient after patient in an order drawn by the seed.

    The smaller of two subsets of one seed lies within the larger; of the last patient only part
    may be taken.
    """
    units = units_of(real)
    turn = np.random.default_rng(seed).permutation(units.max(initial=-1) + 1)
    return np.argsort(turn[units], kind="stable")[:images]


def stratified_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, in which every finding occurs as soon as there is room for all.

    Of every finding the first image comes first, then the rest, patient after patient, so that
    findings come about as often as in all images. The seed draws the order of the patients; the
    smaller of two subsets of one seed lies within the larger.

    Args:
        real: pairs that all show a finding.
        images: how many.
        seed: of the drawing.
    """
    findings = labels_of(real, FINDING)
    labels, units = known_indices(real, FINDING, findings), units_of(real)
    order = np.argsort(_turns(labels, units, seed)[units], kind="stable")
    first = np.sort(np.unique(labels[order], return_index=True)[1])
    return np.concatenate([order[first], np.delete(order, first)])[:images]


def _turns(labels: Labels, units: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """(U,) when each patient's turn is; a patient of several findings counts for the first one."""
    stratum = labels[np.unique(units, return_index=True)[1]]
    drawn = np.random.default_rng(seed).permutation(len(stratum))
    place = np.empty(len(stratum))
    for label in np.unique(stratum):
        at = drawn[stratum[drawn] == label]
        # Evenly spread over the queue, each finding at its own pace.
        place[at] = (np.arange(len(at)) + 0.5) / len(at)
    turn = np.empty(len(stratum), np.intp)
    turn[drawn[np.argsort(place[drawn], kind="stable")]] = np.arange(len(stratum))
    return turn
