"""Does the mask fit the image? A judge trained on real pairs answers, beside three controls.

The judge's Dice alone misleads: one constant lung mask already scores 0.8 on chest X-rays. So
the score is read between what the judge reaches on real held-out pairs and what the same
synthetic images reach with the masks of other pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.agreement.surface_distance import surfaces
from evaluation.dice import Overlaps, overlaps, positive_dice
from evaluation.pairs import Images, Masks, Pairs, take, units_of
from evaluation.statistics.bootstrap import (
    NOTHING,
    Estimate,
    Floats,
    Units,
    bca_mean,
    function_of_means,
    percentile,
    resampled_means,
)

NAN = float("nan")


class Judge(Protocol):
    """A model trained on real pairs of one domain; it scores pairs and never rejects them."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def digest(self) -> str: ...
    def predict(self, images: Images) -> Masks: ...


@dataclass(frozen=True, eq=False)
class Consistency:
    """The judge's verdict on pairs of one domain.

    The interval of each estimate resamples units, synthetic ones (pairs, or volumes of which they
    are slices) and real ones (patients); the judge itself is taken as given.

    Attributes:
        pairs: Dice of judge and mask, mean over the synthetic pairs whose mask is not empty.
        real: the same on real held-out pairs: what a perfect pair would reach.
        shuffled: the same synthetic images, each with the mask of another pair, of another volume
            where they are slices; NaN for one.
        constant: the same synthetic images, all with the mean mask of the real training pairs.
        closed: (pairs - shuffled) / (real - shuffled): 1 is as good as real, 0 no better than
            chance; NaN where the judge does no better on real pairs than on shuffled ones.
        over_constant: pairs - constant.
        dice: (N,) of each synthetic pair, mean over the classes that its mask shows; NaN where
            the mask is empty or absent.
        found: pixel counts of judge against mask for all N pairs, for tables per class.
        surface: contours of judge and mask, over pairs of known spacing.
        surface_real: the same on real held-out pairs.
    """

    pairs: Estimate
    real: Estimate
    shuffled: Estimate
    constant: Estimate
    closed: Estimate
    over_constant: Estimate
    dice: NDArray[np.float64]
    found: Overlaps
    surface: Agreement
    surface_real: Agreement


@dataclass(frozen=True)
class Agreement:
    """How far apart judge and mask draw their contours, over the classes the masks show.

    Attributes:
        nsd: surface Dice, mean over pairs of the mean over a pair's classes.
        hd95: in mm, likewise; a class that the judge misses counts with the image's diagonal.
    """

    nsd: Estimate
    hd95: Estimate


def consistency(
    synthetic: Pairs,
    held_out: Pairs,
    mean_mask: Masks,
    judge: Judge,
    *,
    seed: int,
    tolerance_mm: float = 2.0,
) -> Consistency:
    """Asks the judge once for every image, then reads four scores from its answers.

    Args:
        synthetic: N pairs of one domain.
        held_out: real pairs of the same domain, unknown to the judge and to the generator.
        mean_mask: (H, W) from `mean_mask(...)` of the real training pairs.
        judge: trained on the real training pairs.
        seed: of the shuffling and of the bootstrap.
        tolerance_mm: contours this close count as one.
    """
    count = len(judge.classes)
    answers = judge.predict(synthetic.images)
    found = overlaps(answers, synthetic.masks, count)
    dice = np.where(synthetic.has_mask, positive_dice(found), np.nan)
    used = np.flatnonzero(np.isfinite(dice))
    own = units_of(synthetic)[used]
    ours, other = answers[used], used[derangement(own, seed)]
    shuffled = positive_dice(overlaps(ours, synthetic.masks[other], count))
    same = np.broadcast_to(mean_mask, ours.shape)
    constant = np.nan_to_num(positive_dice(overlaps(ours, same, count)), nan=0.0)
    shown = take(held_out, np.asarray(held_out.has_mask, bool) & held_out.masks.any((1, 2)))
    theirs = judge.predict(shown.images)
    real, units = positive_dice(overlaps(theirs, shown.masks, count)), units_of(shown)
    paired = np.stack([dice[used], shuffled, constant], axis=1)
    return Consistency(
        pairs=bca_mean(paired[:, 0], own, seed=seed),
        real=bca_mean(real, units, seed=seed),
        shuffled=bca_mean(paired[:, 1], own, seed=seed) if len(used) > 1 else NOTHING,
        constant=bca_mean(paired[:, 2], own, seed=seed),
        closed=closed_gap(paired[:, :2], real, own, units, seed=seed),
        over_constant=function_of_means(lambda m: m[:, 0] - m[:, 2], paired, own, seed=seed),
        dice=dice,
        found=found,
        surface=_agreement(ours, take(synthetic, used), count, tolerance_mm, seed),
        surface_real=_agreement(theirs, shown, count, tolerance_mm, seed),
    )


def _agreement(
    answers: Masks, pairs: Pairs, classes: int, tolerance_mm: float, seed: int
) -> Agreement:
    found = surfaces(answers, pairs.masks, classes, pairs.spacing_mm, tolerance_mm)
    known = np.flatnonzero(found.shown.any(1) & np.isfinite(pairs.spacing_mm).all(1))
    units = np.asarray(units_of(pairs))[known]

    def over_pairs(values: NDArray[np.float64]) -> Estimate:
        each = np.nanmean(np.where(found.shown, values, np.nan)[known], axis=1)
        return bca_mean(each, units, seed=seed) if len(known) else NOTHING

    return Agreement(over_pairs(found.nsd), over_pairs(found.hd95))


def judged(pairs: Pairs, judge: Judge) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The judge's Dice on each pair with a mask that is not empty, and that pair's unit."""
    shown = np.asarray(pairs.has_mask, bool) & pairs.masks.any((1, 2))
    kept = take(pairs, shown)
    answers = judge.predict(kept.images)
    return positive_dice(overlaps(answers, kept.masks, len(judge.classes))), units_of(kept)


def derangement(units: Units, seed: int) -> NDArray[np.intp]:
    """(N,) random permutation that leaves nothing in place, and none with its own unit.

    Things of one unit take each other's places only where it has more than half of them all. A
    single thing has no other to change with and stays.

    Args:
        units: (N,) unit of each thing: slices of one volume are nearly alike.
        seed: of the permutation.
    """
    order = np.random.default_rng(seed).permutation(len(units))
    _, first, code, sizes = np.unique(
        units[order], return_index=True, return_inverse=True, return_counts=True
    )
    # Units side by side, in the order in which their first things were drawn.
    order = order[np.argsort(first[code], kind="stable")]
    step = min(int(sizes.max(initial=0)), len(units) // 2)
    partner = np.empty(len(units), np.intp)
    partner[order] = np.roll(order, step)
    return partner


def mean_mask(masks: Masks, classes: int) -> Masks:
    """(H, W) the one mask that stands for all: the control a generator must beat.

    The likeliest foreground pixels, as many as the average mask has, each with its likeliest
    class: a plain majority vote would leave it empty where structures are small and move about.

    Args:
        masks: (N, H, W) uint8; the empty ones count.
        classes: number of foreground classes.
    """
    share = np.stack([(masks == index + 1).mean(0) for index in range(classes)])
    foreground = share.sum(0)
    area = round(float(foreground.sum()))
    order = np.argsort(-foreground, axis=None, kind="stable")[:area]
    chosen = np.zeros(foreground.size, bool)
    chosen[order] = True
    best = share.argmax(0).astype(np.uint8) + 1
    return np.where(chosen.reshape(foreground.shape), best, 0).astype(np.uint8)


def closed_gap(
    paired: Floats, real: Floats, own_units: Units, real_units: Units, *, seed: int
) -> Estimate:
    """(pairs - shuffled) / (real - shuffled); NaN where the judge does no better on real ones.

    Args:
        paired: (N, 2) Dice of each synthetic image with its own mask, and with another's.
        real: (M,) Dice on real held-out pairs.
        own_units: (N,) unit of each synthetic image, as its volume.
        real_units: (M,) patients of the real ones.
        seed: of the bootstrap, over both kinds of units.
    """
    n = len(paired)
    if n < 2 or not len(real):
        return Estimate(NAN, NAN, NAN, n)
    (pairs, shuffled), reached = paired.mean(0), real.mean()
    if reached <= shuffled:
        return Estimate(NAN, NAN, NAN, n)
    value = float((pairs - shuffled) / (reached - shuffled))
    if min(len(np.unique(units)) for units in (own_units, real_units)) < 2:
        return Estimate(value, NAN, NAN, n)
    ours = resampled_means(paired, own_units, seed=seed)
    theirs = resampled_means(real, real_units, seed=seed + 1)[:, 0]
    gap = theirs - ours[:, 1]
    return percentile(((ours[:, 0] - ours[:, 1]) / gap)[gap > 0], value, n)
