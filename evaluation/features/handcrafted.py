"""What an extractor of features is, and the handcrafted one: of image AND mask, no weights.

Each group of handcrafted features names what has shifted. Every feature is scaled by design to a natural range of about one unit (shares, decades, octaves,
standard deviations), so that one floor can say when a feature of the reference is constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.features.mask_shape import boundary, geometry
from evaluation.features.spectrum import CHUNK, luminance
from evaluation.features.texture import (
    Table,
    chroma,
    co_occurrence,
    first_order,
    laplacian,
    spectrum,
)
from evaluation.pairs import Images, Masks


class Extractor(Protocol):
    """What turns pairs of one domain into features: numbers that distances compare.

    Attributes:
        name: of the set, as in the metrics: `frechet_<name>`.
        fingerprint: changes whenever equal pairs would get other features.
        scaled: whether distances see the features robustly scaled on the real training pairs,
            or as they are: only so do distances agree with published ones.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def scaled(self) -> bool: ...
    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """Features of N pairs by group, each (N, D of the group) float64.

        A pair's features depend on no other pair.

        Args:
            images: (N, H, W, C) uint8, C as in training.
            masks: (N, H, W) uint8.
        """
        ...


@dataclass(frozen=True)
class Handcrafted:
    """Extractor of features from pairs of one domain.

    Groups: `first_order` (grey-level statistics), `texture` (co-occurrence, Laplacian of
    Gaussian), `spectrum` (power in rings of frequency), `geometry` (presence, size, place, shape
    and topology of each class) and `boundary` (what the image does at the mask's contour: the
    group that sees a mask paired with the wrong image).

    Attributes:
        classes: names of the foreground classes; class i of the masks is classes[i - 1].
    """

    classes: tuple[str, ...]
    name: str = "handcrafted"
    fingerprint: str = "2"
    scaled: bool = True

    def groups(self, images: Images, masks: Masks) -> dict[str, Table]:
        """Raw features of N pairs by group, each (N, D of the group).

        NaN stands for a property of a class that the mask does not show (the `present` feature
        says so); nothing else is NaN. Constant images give finite values: no contrast reads as
        `FLOOR` grey levels.

        Args:
            images: (N, H, W, C) uint8, H and W at least 32.
            masks: (N, H, W) uint8.

        Raises:
            ValueError: if a mask holds an index that no class has, or shapes disagree.
        """
        check_pairs(images, masks, len(self.classes))
        if not len(images):
            blank = np.zeros((1, *images.shape[1:]), np.uint8)
            return {name: t[:0] for name, t in self._chunk(blank, blank[..., 0]).items()}
        starts = range(0, len(images), CHUNK)
        parts = [self._chunk(images[at : at + CHUNK], masks[at : at + CHUNK]) for at in starts]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _chunk(self, images: Images, masks: Masks) -> dict[str, Table]:
        grey = luminance(images)
        return {
            "first_order": np.hstack([first_order(grey), chroma(images)]),
            "texture": np.hstack([co_occurrence(grey), laplacian(grey)]),
            "spectrum": spectrum(grey),
            "geometry": geometry(masks, len(self.classes)),
            "boundary": boundary(grey, masks, len(self.classes)),
        }


def check_pairs(images: Images, masks: Masks, classes: int) -> None:
    """Whether masks fit images and hold no index beyond the number of foreground classes.

    Raises:
        ValueError: if not.
    """
    if masks.shape != images.shape[:3]:
        raise ValueError(f"masks {masks.shape} do not fit images {images.shape}")
    if masks.size and masks.max() > classes:
        raise ValueError(f"mask index {masks.max()} but only {classes} classes")


@dataclass(frozen=True, eq=False)
class RobustScale:
    """Centre and scale of features, fitted on the real reference and applied to everything.

    Plain standard deviations let one near-constant feature swamp a distance; here the scale is
    a quantile range with a floor, and the result is clipped.

    Attributes:
        centre: (D,) medians of the reference.
        scale: (D,) positive scales.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    FLOOR = 0.02  # of a natural unit: below it, a feature of the reference counts as constant
    LIMIT = 6.0

    @staticmethod
    def fit(reference: Table) -> RobustScale:
        """Medians and (q95 - q05) / 3.29 of (N, D) raw features, those that are NaN set aside.

        A feature that no reference pair has is centred at 0 with the floor as its scale.

        Raises:
            ValueError: if the reference is empty.
        """
        if not len(reference):
            raise ValueError("the reference holds no pairs, so features cannot be scaled to it")
        shown = np.where(np.isfinite(reference).any(0), reference, 0.0)
        low, centre, high = np.nanquantile(shown, [0.05, 0.5, 0.95], axis=0)
        return RobustScale(centre, np.maximum((high - low) / 3.29, RobustScale.FLOOR))

    def apply(self, raw: Table) -> Table:
        """Scaled (N, D) features in [-6, 6]; a property of an absent class becomes 0."""
        scaled = (raw - self.centre) / self.scale
        return np.nan_to_num(scaled, nan=0.0).clip(-self.LIMIT, self.LIMIT)
