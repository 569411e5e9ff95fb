"""Numbers of single pairs: what each is called, and which of them may reject a pair."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.pairs import Block, Masks, Pairs, by_domain, real_part, take, with_masks

if TYPE_CHECKING:
    from evaluation.privacy.image_distance import DistanceCache


@dataclass(frozen=True)
class PairNumber:
    """What a number of a pair stands for.

    Attributes:
        unit: of its value.
        version: goes up whenever an equal pair would get another value.
        description: one sentence for people.
        rejects: whether a recipe may reject pairs by it.
    """

    unit: str
    version: int
    description: str
    rejects: bool


PAIR_NUMBERS: Mapping[str, PairNumber] = {
    "dice": PairNumber(
        "Dice",
        1,
        "Judge against mask, mean over the classes the mask shows; unknown where it shows none.",
        rejects=False,
    ),
    "upper_power": PairNumber(
        "1",
        1,
        "Power in the upper half of the image's radial spectrum: low is blurred, high is noisy.",
        rejects=True,
    ),
    "nearest": PairNumber("row", 2, "Row of the nearest training pair.", rejects=False),
    "nearest_distance": PairNumber(
        "1",
        2,
        "Distance to the nearest training image, in [0, 2]: 0 is the same image, also mirrored, "
        "tilted or moved.",
        rejects=True,
    ),
    "copied": PairNumber(
        "1",
        2,
        "1 where that distance is below that of all but 1 % of held-out real images, else 0.",
        rejects=True,
    ),
    "plausible": PairNumber(
        "1",
        1,
        "1 where every class of the mask has an area, a place, a number of pieces and neighbours as "
        "real training masks have them, else 0; unknown where the mask is absent.",
        rejects=True,
    ),
    "fold_agreement": PairNumber(
        "Dice",
        1,
        "Dice between the mask and a segmenter trained on other pairs of the same run, in three "
        "folds; of an empty mask 1 where the answer is empty too. Costs three trainings of the judge's kind.",
        rejects=True,
    ),
}
TRAINED = "fold_agreement"  # the one number that models have to be trained for
NEARNESS = {"nearest_distance", "copied"}


def pair_numbers(
    synthetic: Pairs,
    train: Pairs,
    held_out: Pairs,
    names: Collection[str],
    cache: DistanceCache | None = None,
) -> pd.DataFrame:
    """Numbers of every pair that need no model.

    Args:
        synthetic: N pairs of any domains.
        train: all real training pairs.
        held_out: real pairs of other patients, for the threshold of `copied`.
        names: of `PAIR_NUMBERS`; those that are found together come together.
        cache: that keeps the distances between images for the scores of the same pairs.

    Returns:
        N rows in the order of the pairs: pair (0 to N - 1), domain, and a column per number.

    Raises:
        InputError: if a domain has no real pairs.
    """
    parts = [
        _of_domain(
            take(synthetic, at),
            real_part(train, domain, "training"),
            real_part(held_out, domain, "held-out"),
            names,
            cache,
        ).assign(domain=domain, pair=at)
        for domain, at in by_domain(synthetic)
    ]
    return pd.concat(parts).sort_values("pair", ignore_index=True)


def _of_domain(
    synthetic: Block,
    train: Block,
    held_out: Block,
    names: Collection[str],
    cache: DistanceCache | None,
) -> pd.DataFrame:
    # They load scipy, which a recipe that is only read must not wait for.
    from evaluation.features.spectrum import upper_power
    from evaluation.privacy.image_distance import distances
    from evaluation.privacy.memorisation import copy_threshold

    columns: dict[str, object] = {}
    if "upper_power" in names:
        columns["upper_power"] = upper_power(synthetic.images)
    if NEARNESS & set(names):
        measure = distances if cache is None else cache.keep
        nearest = measure(synthetic.images, train.images).min(1).astype(np.float64)
        held = measure(held_out.images, train.images).min(1).astype(np.float64)
        threshold = copy_threshold(held)
        columns["nearest_distance"] = nearest
        # Unknown, not "no", where nothing was held out to tell.
        near = (nearest < threshold).astype(np.float64)
        columns["copied"] = near if np.isfinite(threshold) else np.nan
    if "plausible" in names:
        columns["plausible"] = _plausible(synthetic, with_masks(train).masks)
    return pd.DataFrame(columns)


def _plausible(synthetic: Block, real: Masks) -> NDArray[np.float64]:
    from evaluation.agreement.plausibility import plausible

    found = np.full(len(synthetic), np.nan)
    known = np.flatnonzero(synthetic.has_mask)
    # Images alone may be held against images alone: then nothing says what is plausible.
    if len(known) and len(real):
        masks = synthetic.masks[known]
        count = int(max(real.max(initial=0), masks.max(initial=0)))
        found[known] = plausible(masks, real, count)
    return found
