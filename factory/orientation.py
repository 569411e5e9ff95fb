"""Which way the columns, rows and slices of a volume run through the patient.

Three letters, as nibabel writes them: the end of the body that columns, rows and slices grow towards,
each of L or R, A or P, S or I. "" where nobody said.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOWARDS = dict(zip("RASLPI", np.concatenate([np.eye(3), -np.eye(3)]), strict=True))
OTHER_END = str.maketrans("LRAPSI", "RLPAIS")
AXIAL = "LPS"
"""To the patient's left, to the back, to the head: what is written where nobody said."""

Floats = NDArray[np.float64]


def directions(orientation: str) -> Floats:
    """(3, 3) unit vectors of columns, rows and slices, one a row: to the right, the front, the head."""
    return np.stack([TOWARDS[end] for end in orientation or AXIAL])


def orientation_of(columns: Floats, rows: Floats, slices: Floats) -> str:
    """The letters of three directions, each its nearest end; "" where they span no volume.

    Args:
        columns: (3,) to the right, the front and the head.
        rows: likewise.
        slices: likewise.
    """
    import nibabel  # takes longer than all that only names an orientation

    affine = np.eye(4)
    affine[:3, :3] = np.stack([columns, rows, slices], axis=1)
    if not np.isfinite(affine).all() or not np.linalg.det(affine):
        return ""
    return "".join(nibabel.aff2axcodes(affine))
