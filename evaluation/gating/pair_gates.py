"""Gates on single pairs: bounds that a pair must meet to be part of a version.

What the judge says of a pair is no such bound: it would then score its own choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator

from evaluation.errors import InputError
from evaluation.gating.pair_metrics import PAIR_NUMBERS
from evaluation.gating.version_gates import Bound

REJECTING = tuple(name for name, number in PAIR_NUMBERS.items() if number.rejects)


def missed(gates: Mapping[str, str], table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Which pairs miss each gate; a number that is unknown meets no bound.

    Args:
        gates: number -> bound, for example {"nearest_distance": ">= 0.2"}.
        table: N rows with a column for each number.

    Returns:
        Number -> (N,) whether the pair misses its bound.
    """
    return {name: _missed(Bound.parse(text), table[name]) for name, text in gates.items()}


def reason(name: str, bound: str, value: float) -> str:
    """Why a pair was rejected: "nearest_distance = 0.12 misses >= 0.2 by 0.08"."""
    limit = Bound.parse(bound)
    if math.isnan(value):
        return f"{name} could not be measured, and it must be {limit}"
    return f"{name} = {value:.4g} misses {limit} by {abs(limit.margin(value)):.4g}"


def _missed(bound: Bound, values: pd.Series) -> NDArray[np.bool_]:
    return np.array([not bound.met_by(float(value)) for value in values], np.bool_)


def _known(gates: dict[str, str]) -> dict[str, str]:
    for name, bound in gates.items():
        Bound.parse(bound)
        if name == "dice":
            raise InputError(
                "the judge never rejects pairs, so 'dice' is no gate on them: it would then score "
                "its own choice; gate the version instead, with gates.consistency_closed"
            )
        if name not in REJECTING:
            near = ", ".join(get_close_matches(name, REJECTING, n=3, cutoff=0))
            raise InputError(
                f"no number of a pair that may reject it is called {name!r}; nearest: {near}"
            )
    return gates


# The recipe's section: number of a pair -> bound, checked when the recipe is read.
PairGates = Annotated[dict[str, str], AfterValidator(_known)]
