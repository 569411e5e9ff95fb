"""How many different pairs a set effectively holds: the Vendi score.

Source: Friedman & Dieng 2023 (arXiv 2210.02410, eq. 2).
"""

from __future__ import annotations

import numpy as np

from evaluation.fidelity.frechet import Features, finite
from evaluation.fidelity.mmd import Kernel


def vendi(features: Features, kernel: Kernel) -> float:
    """Effective number of different vectors among (N, D), from 1 (all equal) to N.

    The exponential of the entropy of the kernel's eigenvalues. It grows with N, so that only sets
    of one size compare; NaN for no vectors.

    Args:
        features: of the set.
        kernel: one for all sets that are compared: that of the real reference.

    Raises:
        ValueError: if a feature is not finite.
    """
    if not len(features):
        return float("nan")
    table = finite(features)
    shares = np.linalg.eigvalsh(kernel.gram(table, table) / len(table))
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))
