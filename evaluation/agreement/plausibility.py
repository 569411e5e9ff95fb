"""Could this be anatomy? Every number of a mask is held against the range of the real masks.

No network is asked: area, place, number of pieces and touching neighbours of each class are read
off the masks. What real held-out masks reach is the control, for few training masks span a range
that the next patient may leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from evaluation.pairs import Masks

MARGIN = 0.1  # of the range: added at both of its ends
PIECE = 0.001  # of the image's area: smaller components are specks, not pieces
TRAITS = ("area", "row", "column", "pieces")

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What the masks of a set look like.

    Attributes:
        traits: (N, K, 4) of each class its area (share of the image), the row and column of its
            centroid in [0, 1] and its number of pieces; NaN where the class is absent.
        touching: (N, K, K) whether two classes have pixels side by side.
    """

    traits: Table
    touching: NDArray[np.bool_]

    @staticmethod
    def of(masks: Masks, classes: int) -> Anatomy:
        """Measures (N, H, W) masks of so many foreground classes."""
        traits = np.full((len(masks), classes, len(TRAITS)), np.nan)
        for row, column in zip(*np.nonzero(_present(masks, classes)), strict=True):
            traits[row, column] = _measured(masks[row] == column + 1)
        touching = np.zeros((len(masks), classes, classes), bool)
        for row, mask in enumerate(masks):
            touching[row] = _touching(mask, classes)
        return Anatomy(traits, touching)


@dataclass(frozen=True, eq=False)
class Range:
    """What real masks span.

    Attributes:
        low: (K, 4) least trait of each class, the margin taken off; NaN for a class that none shows.
        high: (K, 4) greatest trait, the margin added.
        touching: (K, K) whether two classes ever touch.
    """

    low: Table
    high: Table
    touching: NDArray[np.bool_]

    @staticmethod
    def of(real: Anatomy) -> Range:
        """The range of real masks, a tenth wider at both ends.

        Raises:
            ValueError: if there is no mask.
        """
        if not len(real.traits):
            raise ValueError("there is no real mask, so nothing says what is plausible")
        absent = np.isnan(real.traits)
        low = np.where(absent, np.inf, real.traits).min(0)
        high = np.where(absent, -np.inf, real.traits).max(0)
        shown = np.isfinite(low)
        wider = MARGIN * np.where(shown, high - low, 0.0)
        return Range(
            np.where(shown, low - wider, np.nan),
            np.where(shown, high + wider, np.nan),
            np.asarray(real.touching.any(0)),
        )

    def breaches(self, anatomy: Anatomy) -> NDArray[np.bool_]:
        """(N, K, 5) whether a class breaks the range by each trait, and by whom it touches.

        An absent class breaks nothing; one that no real mask shows breaks every trait.
        """
        present = np.asarray(np.isfinite(anatomy.traits))
        inside = (anatomy.traits >= self.low) & (anatomy.traits <= self.high)
        strangers = np.asarray((anatomy.touching & ~self.touching).any(2))
        return np.concatenate([present & ~inside, strangers[..., None]], axis=2)


def plausible(masks: Masks, real: Masks, classes: int) -> NDArray[np.bool_]:
    """(N,) whether every trait of every class of a mask lies in the range of the real masks."""
    breaches = Range.of(Anatomy.of(real, classes)).breaches(Anatomy.of(masks, classes))
    return np.asarray(~breaches.any((1, 2)))


def _present(masks: Masks, classes: int) -> NDArray[np.bool_]:
    shown = [(masks == index + 1).any((1, 2)) for index in range(classes)]
    return np.stack(shown, axis=1)


def _measured(inside: NDArray[np.bool_]) -> list[float]:
    height, width = inside.shape
    rows, columns = np.nonzero(inside)
    labels, count = ndimage.label(inside, np.ones((3, 3)))
    sizes = np.bincount(labels[rows, columns], minlength=count + 1)[1:]
    pieces = max(1, int((sizes >= PIECE * inside.size).sum()))
    place = (rows.mean() + 0.5) / height, (columns.mean() + 0.5) / width
    return [len(rows) / inside.size, *place, float(pieces)]


def _touching(mask: NDArray[np.uint8], classes: int) -> NDArray[np.bool_]:
    """(K, K) symmetric: which classes lie side by side, right or below."""
    table = np.zeros((classes + 1, classes + 1), bool)
    table[mask[:, :-1], mask[:, 1:]] = True
    table[mask[:-1], mask[1:]] = True
    table |= table.T
    np.fill_diagonal(table, False)
    return table[1:, 1:]
