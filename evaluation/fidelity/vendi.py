"""How many different pairs a set effectively holds: the Vendi score.

Source: Friedman & Dieng 2023 (arXiv 2210.02410, eq. 2); order 2 as in Jalali et al. 2023 (arXiv
2305.16303), which settles with far fewer samples than order 1.
"""

from __future__ import annotations

import numpy as np

from evaluation.fidelity.frechet import Features, finite
from evaluation.fidelity.mmd import Kernel


def vendi(features: Features, kernel: Kernel, *, order: int = 1) -> float:
    """Effective number of different vectors among (N, D), from 1 (all equal) to N.

    It grows with N, so that only sets of one size compare; NaN for no vectors.

    Args:
        features: of the set.
        kernel: one for all sets that are compared: that of the real reference.
        order: 1, the exponential of the entropy of the kernel's eigenvalues, or 2, the inverse of
            the sum of their squares.

    Raises:
        ValueError: if a feature is not finite, or the order is another one.
    """
    if order not in (1, 2):
        raise ValueError(f"the Vendi score of order {order} is not implemented, only 1 and 2")
    if not len(features):
        return float("nan")
    table = finite(features)
    similar = kernel.between(table, table) / len(table)
    if order == 2:
        return float(1 / np.square(similar).sum())
    shares = np.linalg.eigvalsh(similar)
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))
