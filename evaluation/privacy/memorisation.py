"""Is a synthetic image nearly a copy of a training image? Could one tell who was trained on?

A bare distance says nothing, so the yardstick is real: images held out from training are also
near some training image, and only what is nearer than nearly all of those counts as a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evaluation.pairs import Images, Pairs, units_of
from evaluation.privacy.image_distance import DistanceCache, Distances, distances
from evaluation.statistics.bootstrap import NOTHING, Estimate, Units, bca_mean
from evaluation.statistics.exact_share import exact_share
from evaluation.statistics.permutation import permuted_sides

QUANTILE = 0.01
DRAWS = 200  # of equal pools
TAIL = 0.2  # share of all images, the nearest, among which copies are looked for
SAME = 0.01  # images nearer than this are one image twice: rounding alone leaves less than 0.001

Floats = NDArray[np.float64]
Measure = Callable[[Images, Images], Distances]


@dataclass(frozen=True, eq=False)
class NearestNeighbourDistances:
    """How near synthetic images come to real ones, and real ones to one another.

    Attributes:
        to_train: (N, T) distance of each synthetic image to each training image, in [0, 2].
        to_held_out: (N, M) to each held-out real image.
        held_out_to_train: (M, T) of each held-out real image to each training image.
        train_to_train: (T, T); infinite between images of one unit, itself included, and between
            an image and its repeats.
        units: (N,) unit of each synthetic image: itself, or the volume that it is a slice of.
        train_units: (T,) unit (patient) of each training image.
        held_out_units: (M,) likewise.
        repeats: (T,) whether an earlier training image is the same one; None where none is.
    """

    to_train: Distances
    to_held_out: Distances
    held_out_to_train: Distances
    train_to_train: Distances
    units: Units
    train_units: Units
    held_out_units: Units
    repeats: NDArray[np.bool_] | None = None

    @staticmethod
    def of(
        synthetic: Pairs,
        train: Pairs,
        held_out: Pairs,
        measure: Measure = distances,
        cache: DistanceCache | None = None,
    ) -> NearestNeighbourDistances:
        """Compares all images of the three sets.

        Args:
            synthetic: pairs of one domain.
            train: all pairs that the generator was trained on.
            held_out: real pairs of other patients, without near-duplicates of train.
            measure: (N, T) distances of N images to T others.
            cache: of distances that may have been worked out before, by `distances`.

        Raises:
            ValueError: if there is no training image.
        """
        if not len(train):
            raise ValueError("there is no training image to search for copies of")
        units = np.asarray(units_of(train))
        among = measure(train.images, train.images)
        # What rounding leaves is known of images alone; any other measure must find no difference.
        repeats = _without_own(among, units, SAME if measure is distances else 0.0)
        to_pool = measure if cache is None else cache.take
        return NearestNeighbourDistances(
            to_pool(synthetic.images, train.images),
            measure(synthetic.images, held_out.images),
            to_pool(held_out.images, train.images),
            among,
            units_of(synthetic),
            units,
            np.asarray(units_of(held_out)),
            repeats,
        )

    def among(self, index: NDArray[np.intp]) -> NearestNeighbourDistances:
        """The same of only some synthetic images."""
        return replace(
            self,
            to_train=self.to_train[index],
            to_held_out=self.to_held_out[index],
            units=self.units[index],
        )

    @cached_property
    def distance(self) -> Floats:
        """(N,) of each synthetic image to its nearest training image."""
        return self.to_train.min(1).astype(np.float64)

    @cached_property
    def nearest(self) -> NDArray[np.intp]:
        """(N,) index of that training image."""
        return self.to_train.argmin(1)

    @cached_property
    def held_out_distance(self) -> Floats:
        """(M,) of each held-out real image to its nearest training image."""
        return self.held_out_to_train.min(1).astype(np.float64)

    @cached_property
    def train_distance(self) -> Floats:
        """(T,) of each training image to its nearest of other units; inf if there is none."""
        return self.train_to_train.min(1).astype(np.float64)

    @property
    def unlike(self) -> NDArray[np.bool_]:
        """(T,) whose `train_distance` is finite, a repeated image being counted once."""
        once = True if self.repeats is None else ~self.repeats
        return np.asarray(once & np.isfinite(self.train_distance))

    @property
    def threshold(self) -> float:
        """Distance below which an image counts as copied, see `copy_threshold`."""
        return copy_threshold(self.held_out_distance)

    @property
    def copied(self) -> NDArray[np.bool_]:
        """(N,) whether each synthetic image lies below the threshold."""
        return self.distance < self.threshold

    @property
    def share(self) -> Estimate:
        """Share of synthetic images below the threshold."""
        return self._share(self.distance, self.units)

    @property
    def held_out_share(self) -> Estimate:
        """Share of held-out images below the threshold that they set: what no copying gives."""
        return self._share(self.held_out_distance, self.held_out_units)

    @property
    def certifiable(self) -> Estimate:
        """The smallest memorised share that so many synthetic units could rule out, at 95 %."""
        none = exact_share(np.zeros(len(self.distance)), self.units)
        return Estimate(none.high, float("nan"), float("nan"), none.n)

    def _share(self, distance: Floats, units: Units) -> Estimate:
        if not np.isfinite(self.threshold):
            return Estimate(float("nan"), float("nan"), float("nan"), len(distance))
        return exact_share(distance < self.threshold, units)


def copy_threshold(held_out_distance: Floats) -> float:
    """The 1 % quantile of the held-out distances; NaN where nothing was held out.

    Interpolated between neighbours in rank: with fewer than 100 held-out images it lies
    between the two nearest of them.
    """
    held = held_out_distance
    return float(np.quantile(held, QUANTILE)) if len(held) else float("nan")


def _without_own(among: Distances, units: Units, same: float) -> NDArray[np.bool_]:
    """Makes distances (T, T) infinite, in place, within a patient and to the same image again.

    Row by row: a copy of 10 000 by 10 000 distances is 0.4 GiB.

    Returns:
        (T,) whether an image repeats an earlier one.
    """
    repeats = np.zeros(len(among), bool)
    for row, distance in enumerate(among):
        near = distance <= same
        repeats[row] = near[:row].any()
        distance[near | (units == units[row])] = np.inf
    return repeats


def authenticity(
    found: NearestNeighbourDistances, *, held_out: bool = False, seed: int = 0
) -> Estimate:
    """Share of images farther from their nearest training image than that one's own neighbour is.

    Args:
        found: distances.
        held_out: of held-out real images, the value that no copying gives, not of synthetic ones.
        seed: of the interval over units.

    Source: Alaa et al. 2022, ICML, section 3.3, from the definition: the reference code indexes
    the distances between real images by synthetic ones.
    """
    table = found.held_out_to_train if held_out else found.to_train
    if not table.size or not np.isfinite(found.train_distance).all():
        return NOTHING
    authentic = table.min(1) > found.train_distance[table.argmin(1)]
    units = found.held_out_units if held_out else found.units
    return bca_mean(authentic.astype(float), units, seed=seed)


def dcr_share(found: NearestNeighbourDistances, *, seed: int = 0) -> Estimate:
    """Share of synthetic images nearer to a training than to a held-out image; 0.5 if unbiased.

    Both pools are of equal size: as many images of whole random units of the larger one as the
    smaller one has, 200 times; ties count half. The interval resamples synthetic units over all
    these draws.
    """
    train, held = found.to_train, found.to_held_out
    if not train.size or not held.size:
        return NOTHING
    size, rng = min(train.shape[1], held.shape[1]), np.random.default_rng(seed)
    nearer = np.zeros(len(train))
    for _ in range(DRAWS):
        one = train[:, pool_of_units(found.train_units, size, rng)].min(1)
        other = held[:, pool_of_units(found.held_out_units, size, rng)].min(1)
        nearer += (one < other) + 0.5 * (one == other)
    return bca_mean(nearer / DRAWS, found.units, seed=seed)


def membership_advantage(found: NearestNeighbourDistances, *, seed: int = 0) -> Estimate:
    """How well distance to the nearest synthetic image tells training from held-out images.

    2 AUC - 1: 0 is a guess, 1 gives every training image away. It needs only the pairs, no access
    to the generator. The interval resamples units of both sets, and is unknown where one has a single
    unit.

    Source: Yeom et al. 2018, IEEE CSF, definition 4 (advantage), averaged over all thresholds.
    """
    members, others = (part.min(0, initial=np.inf) for part in (found.to_train, found.to_held_out))
    if not len(others) or not len(found.to_train):
        return NOTHING
    # A difference of two independent mean placements (DeLong): each image against the other set.
    inside, outside = _placements(-members, -others)
    one = bca_mean(2 * inside - 1, found.train_units, seed=seed)
    other = bca_mean(2 * outside - 1, found.held_out_units, seed=seed + 1)
    half = np.hypot((one.high - one.low) / 2, (other.high - other.low) / 2)
    # Clipping leaves what is unknown unknown, where min and max would make -1 and 1 of it.
    low, high = np.clip([one.value - half, one.value + half], -1, 1)
    return Estimate(one.value, float(low), float(high), len(members) + len(others))


def copying_p(found: NearestNeighbourDistances, *, seed: int = 0) -> float:
    """Probability of so many synthetic images among those nearest to training, by chance.

    Real images' distances (held-out to training; of training images, each counted once, to those
    of other units) and synthetic ones are ranked together; among the nearest fifth the greatest
    excess of synthetic ones counts, whatever the number of images at which it occurs, against 999
    permutations in which all images of a unit change sides together (`permuted_sides`). NaN without
    two units of each.
    """
    train = found.train_distance[found.unlike]
    order = np.argsort(
        np.concatenate([found.distance, found.held_out_distance, train]), kind="stable"
    )
    units = _apart(found.units, found.held_out_units, found.train_units[found.unlike])
    sides = permuted_sides(units, len(found.distance), np.random.default_rng(seed))
    if not len(sides):
        return float("nan")
    excess = _greatest_excess(sides[:, order])
    return float(np.mean(excess >= excess[0]))


def _greatest_excess(sides: NDArray[np.bool_]) -> Floats:
    """(P,) largest standardised excess of True among the first 1, 2, ... of (P, N) in order."""
    total = sides.shape[1]
    count = np.arange(1, max(2, int(TAIL * total)) + 1)
    share = sides.mean(1, keepdims=True)
    # Of so many drawn without replacement: the hypergeometric mean and spread.
    spread = np.sqrt(count * share * (1 - share) * (total - count) / (total - 1))
    excess: Floats = (np.cumsum(sides[:, : len(count)], axis=1) - count * share) / spread
    return np.asarray(excess.max(1))


def _apart(*sets: Units) -> Units:
    """Units of several sets, numbered so that no two sets share one."""
    names = [(at, unit) for at, units in enumerate(sets) for unit in units]
    return np.unique(names, axis=0, return_inverse=True)[1]


def pool_of_units(units: Units, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(size,) indices of images of whole units, taken in random order."""
    turn = rng.permutation(units.max() + 1)
    return np.argsort(turn[units], kind="stable")[:size]


def _placements(members: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Share of the other set that lies below each member, and of members above each other."""
    ranks = rankdata(np.concatenate([members, others]))
    own = rankdata(members), rankdata(others)
    inside = (ranks[: len(members)] - own[0]) / len(others)
    outside = 1 - (ranks[len(members) :] - own[1]) / len(members)
    return inside, outside
