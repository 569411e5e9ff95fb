"""How a segmenter does on pairs it did not learn from: overlap and contours, case by case.

Empty masks: where neither prediction nor mask shows a class, Dice, IoU and NSD are 1 and HD95 0,
and the case is left out of means over what is shown. Where one of them shows it, Dice, IoU and NSD
are 0 and HD95 the image's diagonal, and the case is counted, as missed or as false. So missing a
lesion never improves a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.agreement.surface_distance import surfaces
from evaluation.dice import overlaps
from evaluation.pairs import Masks, Pairs

if TYPE_CHECKING:
    from evaluation.networks.segmenter import Segmenter

MACRO = "macro"
MEASURES = ("dice", "iou", "hd95", "nsd")

Columns = dict[str, NDArray[Any]]  # of arrays (N, K), or (N,) of one class


def segmenter_cases(
    segmenter: Segmenter,
    block: Pairs,
    place: Mapping[str, NDArray[np.intp]],
    tolerance_mm: float,
) -> pd.DataFrame:
    """Tests a segmenter on pairs that have a mask.

    Args:
        segmenter: trained.
        block: N pairs.
        place: (N,) columns that say where each pair is from.
        tolerance_mm: contours this close count as one in NSD.

    Returns:
        A row per pair and class, and one per pair for `macro`: its place, class, shown (whether
        the mask shows it), dice, iou, hd95 (mm), nsd, missed, false. Macro is the mean over the
        classes that the mask shows, over all where it shows none, and the sum of the counts.
        Without spacing hd95 and nsd are NaN.
    """
    classes, predictions = segmenter.classes, segmenter.predict(block.images)
    measured = measure(predictions, block.masks, len(classes), block.spacing_mm, tolerance_mm)
    return table_of(measured, classes, place)


def table_of(
    measured: Columns, classes: Sequence[str], place: Mapping[str, NDArray[np.intp]]
) -> pd.DataFrame:
    """A row per case and class, and one per case for `macro`, as of `segmenter_cases`.

    Args:
        measured: from `measure`.
        classes: names of the K foreground classes.
        place: (N,) columns that say where each case is from.
    """
    shown = measured["shown"]
    whole = _macro(measured, shown)
    rows = [
        pd.DataFrame({**place, "class": name, "shown": shown[:, k]} | _column(measured, k))
        for k, name in enumerate(classes)
    ]
    rows.append(pd.DataFrame({**place, "class": MACRO, "shown": shown.any(1)} | whole))
    return pd.concat(rows, ignore_index=True)


def measure(
    predictions: Masks,
    masks: Masks,
    classes: int,
    spacing_mm: NDArray[np.floating],
    tolerance_mm: float,
) -> Columns:
    """Every number of N predictions against N masks, or volumes (N, D, H, W), for K classes.

    Returns:
        (N, K) arrays: dice, iou, nsd (shares), hd95 (mm), shown, missed and false (flags).
    """
    # Pixels count alike, wherever they lie: a volume is one long image.
    ours, truth = (each.reshape(*each.shape[:2], -1) for each in (predictions, masks))
    found = overlaps(ours, truth, classes)
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
