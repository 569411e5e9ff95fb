"""How often the alarms of the evaluation notice a fault.

Half of a set's patients are the reference; 200 pairs of the other half, one fault put in, play
the synthetic ones. Without a fault both halves are alike, and every alarm is a false one. Sets
with few images also give their pairs mirrored, as pairs of the same patient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from tqdm import tqdm

from benchmarks.faults.planting import PLANTINGS, swapped
from evaluation.features.handcrafted import Handcrafted, RobustScale
from evaluation.features.mask_shape import boundary
from evaluation.features.spectrum import luminance
from evaluation.fidelity.frechet import Features
from evaluation.fidelity.two_sample_test import two_sample_p
from evaluation.metrics.alarms import significant
from evaluation.pairs import column, units_of
from evaluation.privacy.image_distance import Distances, distances
from evaluation.privacy.memorisation import NearestNeighbourDistances, copying_p
from evaluation.statistics.bootstrap import Estimate, wilson
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source
from factory.sources.folder import FolderSource
from factory.sources.phantom import PhantomSource

PAIRS = 200
COPIES = 0.1
MODES = 3  # clusters that stand for the findings of a set without any

Groups = Mapping[str, Features]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pool:
    """All pairs of a set with the features of each, plain and under every fault.

    Attributes:
        plain: features by group of the pairs as they are.
        faulty: the same under each fault that changes pixels; only the groups it can change.
        units: (N,) patient of each pair.
        mode: (N,) whether a pair belongs to the mode that is dropped.
        near: (N, N) distance of every image to every other.
        pairs: themselves.
        classes: names of the foreground classes.
    """

    plain: Groups
    faulty: Mapping[str, Groups]
    units: Index
    mode: NDArray[np.bool_]
    near: Distances
    pairs: PairBatch
    classes: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """Every fault that this set can have."""
        return [*self.faulty, "copies10", "mode_dropped", "shuffled"]


def phantoms(domain: str, count: int) -> tuple[PairBatch, Source]:
    """Phantoms of one domain at 128 x 128."""
    source = PhantomSource(domains=(domain,), train=count).build()
    return source.read("train", ImageSection(size=128, channels=1)), source


def folder(path: Path, channels: Literal[1, 3]) -> tuple[PairBatch, Source]:
    """All pairs of a folder at 128 x 128, with their mirror images."""
    source, image = FolderSource(path=path).build(), ImageSection(size=128, channels=channels)
    splits = (source.read(split, image) for split in ("train", "val", "test"))
    pairs = PairBatch.concatenate([part for part in splits if len(part)])
    named = pairs.facets.assign(patient=[f"unit {unit}" for unit in units_of(pairs)])
    pairs = replace(pairs, facets=named)
    return PairBatch.concatenate(
        [_mirrored(pairs, *axes) for axes in ((), (1,), (2,), (1, 2))]
    ), source


def _mirrored(pairs: PairBatch, *axes: int) -> PairBatch:
    return replace(pairs, images=np.flip(pairs.images, axes), masks=np.flip(pairs.masks, axes))


def pooled(
    pairs: PairBatch, source: Source, plantings: Collection[str] = PLANTINGS, *, seed: int = 0
) -> Pool:
    """Works out once what every repeat needs, with these of the faults that change pixels."""
    (domain,) = source.domains.values()
    extractor, rng = Handcrafted(domain.classes), np.random.default_rng(seed)
    images, masks = pairs.images, pairs.masks
    plain = extractor.groups(images, masks)
    faulty = {
        name: extractor.groups(*plant(images, masks, rng))
        for name, plant in tqdm(PLANTINGS.items(), desc="faults")
        if name in plantings
    }
    if len(domain.classes) > 1:
        faulty["swapped"] = extractor.groups(images, swapped(masks))
    units, near = np.asarray(units_of(pairs)), distances(images, images)
    return Pool(plain, faulty, units, _mode(pairs, plain), near, pairs, domain.classes)


def alarms(pool: Pool, fault: str, seed: int) -> tuple[str, ...]:
    """Draws reference and pairs, puts the fault in ("" for none) and returns the alarms raised."""
    rng = np.random.default_rng(seed)
    patients = rng.permutation(pool.units.max() + 1)
    known = np.isin(pool.units, patients[: len(patients) // 2])
    reference = _one_each(np.flatnonzero(known), pool, rng)
    free = ~known & ~pool.mode if fault == "mode_dropped" else ~known
    chosen = rng.choice(np.flatnonzero(free), PAIRS, replace=False)
    if fault == "copies10":
        copies = rng.choice(reference, round(COPIES * PAIRS), replace=False)
        chosen = np.concatenate([chosen[len(copies) :], copies])
    tables = {group: pool.faulty.get(fault, pool.plain)[group][chosen] for group in pool.plain}
    if fault == "shuffled":
        # The set of images and that of masks stay as they are: only their pairing changes.
        masks, grey = pool.pairs.masks[np.roll(chosen, 1)], luminance(pool.pairs.images[chosen])
        tables["boundary"] = boundary(grey, masks, len(pool.classes))
    p = {
        group: _differs(
            table, pool.plain[group][reference], pool.units[chosen], pool.units[reference]
        )
        for group, table in tables.items()
    }
    return significant({**p, "copying": _copied(pool, chosen, reference)})


def noticed(pool: Pool, fault: str, repeats: int) -> Estimate:
    """Share of repeats with an alarm."""
    loops = tqdm(range(repeats), desc=fault or "no fault")
    return wilson(sum(bool(alarms(pool, fault, seed)) for seed in loops), repeats)


def _differs(ours: Features, real: Features, our_units: Index, real_units: Index) -> float:
    scale = RobustScale.fit(real)
    a, b = scale.apply(ours), scale.apply(real)
    return two_sample_p(a, b, our_units, real_units)


def _copied(pool: Pool, chosen: Index, reference: Index) -> float:
    # An image and its mirror images lie equally near, and are no two independent chances.
    chosen = chosen[np.unique(pool.units[chosen], return_index=True)[1]]
    units = pool.units[reference]
    among = pool.near[np.ix_(reference, reference)]
    found = NearestNeighbourDistances(
        pool.near[np.ix_(chosen, reference)],
        np.zeros((len(chosen), 0), np.float32),
        np.zeros((0, len(reference)), np.float32),
        np.where(units[:, None] == units[None], np.float32(np.inf), among),
        np.arange(len(chosen)),
        units,
        np.zeros(0, np.intp),
    )
    return copying_p(found)


def _one_each(rows: Index, pool: Pool, rng: np.random.Generator) -> Index:
    """One of the rows of every image: with mirror images, one of four."""
    images = (
        len(np.unique(pool.pairs.facets["name"]))
        if "name" in pool.pairs.facets
        else len(pool.units)
    )
    mixed = rng.permutation(rows)
    return mixed[np.unique(mixed % images, return_index=True)[1]]


def _mode(pairs: PairBatch, plain: Groups) -> NDArray[np.bool_]:
    """The most frequent finding but one; of three clusters of features where no finding is known."""
    names = column(pairs, "finding").astype(str)
    if len(set(names) - {""}) < 2:
        tables = np.hstack([RobustScale.fit(table).apply(table) for table in plain.values()])
        names = KMeans(MODES, n_init=10, random_state=0).fit_predict(tables).astype(str)
    known, counts = np.unique(names[names != ""], return_counts=True)
    return np.asarray(names == known[np.argsort(-counts, kind="stable")[1]])
