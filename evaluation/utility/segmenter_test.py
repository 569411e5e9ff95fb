"""How a trained arm does on pairs it did not learn from: overlap and contours, case by case.

Empty masks: where neither prediction nor mask shows a class, Dice, IoU and NSD are 1 and HD95 0,
and the case is left out of means over what is shown. Where one of them shows it, Dice, IoU and NSD
are 0 and HD95 the image's diagonal, and the case is counted, as missed or as false. So missing a
lesion never improves a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.surface_distance import surfaces
from evaluation.dice import overlaps
from evaluation.errors import InputError
from evaluation.pairs import Masks, Pairs, domain_of, take, units_of
from evaluation.utility.arms import Arm

if TYPE_CHECKING:
    from evaluation.networks.segmenter import Segmenter

MACRO = "macro"
MEASURES = ("dice", "iou", "hd95", "nsd")

Columns = dict[str, NDArray[Any]]  # of arrays (N, K), or (N,) of one class


def try_arm(
    arm: Arm,
    segmenter: Segmenter,
    pairs: Pairs,
    tolerance_mm: float,
    tried: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Tries a trained arm on the pairs of its domain that have a mask.

    Args:
        arm: whose fields mark the rows.
        segmenter: trained.
        pairs: real ones of other patients; for a `reversed` arm the synthetic ones.
        tolerance_mm: contours this close count as one in NSD.
        tried: (N,) whether a pair is tried, as in a fold; None tries all.

    Returns:
        A row per pair and class, and one per pair for `macro`, with the arm's fields and: case (row
        of `pairs`), unit (its patient), class, shown (whether the mask shows it), dice, iou, hd95
        (mm), nsd, missed, false. Macro is the mean over the classes that the mask shows, over all
        where it shows none, and the sum of the counts. Without spacing hd95 and nsd are NaN.

    Raises:
        InputError: if there is no such pair.
    """
    wanted = np.asarray(pairs.has_mask, bool) & (True if tried is None else tried)
    at = np.flatnonzero(wanted & (domain_of(pairs) == arm.domain))
    if not len(at):
        raise InputError(f"domain {arm.domain!r} has no pairs with a mask to try segmenters on")
    block, classes = take(pairs, at), segmenter.classes
    predictions = segmenter.predict(block.images)
    measured = measure(predictions, block.masks, len(classes), block.spacing_mm, tolerance_mm)
    shown = measured.pop("shown")
    whole = _macro(measured, shown)
    place = {"case": at, "unit": units_of(pairs)[at]}
    rows = [
        pd.DataFrame({**place, "class": name, "shown": shown[:, k]} | _column(measured, k))
        for k, name in enumerate(classes)
    ]
    rows.append(pd.DataFrame({**place, "class": MACRO, "shown": shown.any(1)} | whole))
    table, fields = pd.concat(rows, ignore_index=True), arm.fields
    return table.assign(**fields)[[*fields, *table.columns]]


def measure(
    predictions: Masks,
    masks: Masks,
    classes: int,
    spacing_mm: NDArray[np.floating],
    tolerance_mm: float,
) -> Columns:
    """Every number of N predictions against N masks for K classes.

    Returns:
        (N, K) arrays: dice, iou, nsd (shares), hd95 (mm), shown, missed and false (flags).
    """
    found = overlaps(predictions, masks, classes)
    contours = surfaces(predictions, masks, classes, spacing_mm, tolerance_mm)
    return {
        "dice": found.dice,
        "iou": found.iou,
        "hd95": contours.hd95,
        "nsd": contours.nsd,
        "shown": found.positive,
        "missed": found.missed,
        "false": found.false,
    }


def _macro(measured: Columns, shown: NDArray[Any]) -> Columns:
    counted = np.where(shown.any(1, keepdims=True), shown, True)
    means = {
        name: np.where(counted, measured[name], 0.0).sum(1) / counted.sum(1) for name in MEASURES
    }
    return means | {name: measured[name].sum(1) for name in ("missed", "false")}


def _column(measured: Columns, index: int) -> Columns:
    return {name: values[:, index] for name, values in measured.items()}


def by_seed(cases: pd.DataFrame, value: str = "dice") -> pd.DataFrame:
    """One number of one arm and class: a row per case, by unit and case, and a column per seed."""
    return cases.pivot(index=["unit", "case"], columns="seed", values=value)
