"""The standard error of a mean over images of which some are of one patient."""

from __future__ import annotations

import numpy as np

from evaluation.statistics.bootstrap import Floats, Units


def standard_error(values: Floats, units: Units) -> float:
    """Of a mean over images, when those of one patient are alike; NaN for fewer than two patients.

    With one image of each patient it is the usual one.

    Source: Liang & Zeger 1986, Biometrika 73:13, of an intercept alone.

    Args:
        values: (N,) one of each image.
        units: (N,) number of the patient of each.
    """
    own = np.unique(units, return_inverse=True)[1]
    patients = own.max(initial=-1) + 1
    if patients < 2:
        return float("nan")
    sums = np.bincount(own, values - values.mean())
    return float(np.sqrt(patients / (patients - 1) * (sums**2).sum()) / len(values))
