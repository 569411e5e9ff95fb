"""What the pairs are worth: segmenters trained with and without them, tried on real pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.metrics import Score, over_domains
from evaluation.overlap import overlaps, positive_dice, summary
from evaluation.pairs import Block, Pairs, by_domain, domain_of, take, units_of, with_masks
from evaluation.sections import UtilitySection
from evaluation.statistics import Estimate, crossed_mean

if TYPE_CHECKING:
    from evaluation.learners import Segmenter, Step

Kind = Literal["real", "synthetic", "both"]

SEEDS_APART = 1000  # between the seed of an arm's real images and that of its training
MACRO = "macro"


@dataclass(frozen=True)
class Arm:
    """One segmenter to train.

    Attributes:
        segmenter: name in `SEGMENTERS`.
        domain: of all its pairs.
        kind: trained on real pairs, on synthetic ones, or on both, half of each batch.
        real: how many real images, as the recipe names it; "" for the synthetic arm.
        images: how many real images that is.
        seed: draws its real images, its first weights and its batches.
    """

    segmenter: str
    domain: str
    kind: Kind
    real: str
    images: int
    seed: int

    @property
    def name(self) -> str:
        """Short and unique among the arms of a run."""
        real = f"-{self.real}" if self.real else ""
        return f"{self.segmenter}-{self.domain}-{self.kind}{real}-seed{self.seed}"


def arms(section: UtilitySection, train: Pairs, synthetic: Pairs) -> list[Arm]:
    """Every arm of a run: synthetic only, and real and both for each number of real images.

    Raises:
        InputError: if a domain is unknown, or has fewer real images than the recipe asks.
    """
    counts = {name: int(np.sum(train.has_mask[at])) for name, at in by_domain(train)}
    made = [name for name, _ in by_domain(synthetic)]
    names = section.domains or made
    missing = sorted(set(names) - set(made))
    if missing:
        raise InputError(f"utility.domains names {missing}, but the pairs only hold {made}")
    return [
        Arm(segmenter, domain, kind, real, images, seed)
        for segmenter in section.segmenters
        for domain in names
        for seed in range(section.seeds)
        for kind, real, images in _kinds(section, domain, counts)
    ]


def start_arm(
    arm: Arm, train: Pairs, synthetic: Pairs, classes: Sequence[str], steps: int
) -> tuple[Segmenter, Iterator[Step]]:
    """An arm's segmenter and the loop that trains it: exhaust the loop, then use the segmenter.

    It ends with its last weights: a checkpoint chosen on the pairs that are scored would flatter.

    Args:
        arm: from `arms(...)`.
        train: all real training pairs; the arm takes its own.
        synthetic: the accepted pairs of the version.
        classes: names of the domain's classes.
        steps: of training.
    """
    # Recipes are read through this package's sections and must not wait for torch.
    from evaluation.learners import new_segmenter, train_segmenter

    parts = []
    if arm.kind != "synthetic":
        real = _of_domain(train, arm.domain)
        parts.append(take(real, nested_subset(real, arm.images, arm.seed)))
    if arm.kind != "real":
        parts.append(_of_domain(synthetic, arm.domain))
    channels = parts[0].images.shape[-1]
    segmenter = new_segmenter(arm.segmenter, channels, classes, seed=arm.seed)
    loop = train_segmenter(segmenter, parts, steps=steps, seed=arm.seed + SEEDS_APART)
    return segmenter, loop


def try_arm(arm: Arm, segmenter: Segmenter, test: Pairs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tries a trained arm on the real test pairs of its domain that have a mask.

    Returns:
        Rows, one per class and one for `macro`, with the arm's fields and the columns of
        `overlap.summary`; and cases, one per test pair and class that its mask shows (and `macro`,
        the mean over those), with the arm's fields, case (row of `test`), unit (its patient),
        class, dice.

    Raises:
        InputError: if there is no such pair.
    """
    at = np.flatnonzero((domain_of(test) == arm.domain) & np.asarray(test.has_mask, bool))
    if not len(at):
        raise InputError(f"domain {arm.domain!r} has no real test pairs with a mask")
    block, classes = take(test, at), segmenter.classes
    found = overlaps(segmenter.predict(block.images), block.masks, len(classes))
    per_class = dict(zip(classes, found.dice.T, strict=True)) | {MACRO: positive_dice(found)}
    shown = dict(zip(classes, found.positive.T, strict=True)) | {MACRO: found.positive.any(1)}
    units = units_of(test)[at]
    cases = [
        pd.DataFrame({"case": at[s], "unit": units[s], "class": name, "dice": per_class[name][s]})
        for name, s in shown.items()
    ]
    return _of_arm(arm, summary(found, classes)), _of_arm(arm, pd.concat(cases))


def nested_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, taken patient after patient in an order drawn by the seed.

    The smaller of two subsets of one seed lies within the larger; of the last patient only part
    may be taken.
    """
    units = units_of(real)
    turn = np.random.default_rng(seed).permutation(units.max(initial=-1) + 1)
    return np.argsort(turn[units], kind="stable")[:images]


def levels(cases: pd.DataFrame) -> pd.DataFrame:
    """How well each kind of training does: a row per segmenter, domain, kind, real and class.

    Args:
        cases: of all arms, concatenated.

    Returns:
        segmenter, domain, kind, real, images, class, dice (mean over cases whose mask shows the
        class, and over seeds), low, high (resampling patients and seeds), n (cases), seeds.
    """
    keys = ["segmenter", "domain", "kind", "real", "images", "class"]
    rows = []
    for values, group in cases.groupby(keys, sort=False):
        by_seed = _by_seed(group)
        e = crossed_mean(by_seed, by_seed.index.get_level_values("unit").to_numpy())
        found = {"dice": e.value, "low": e.low, "high": e.high, "n": e.n}
        rows.append({**dict(zip(keys, values, strict=True)), **found, "seeds": by_seed.shape[1]})
    return pd.DataFrame(rows)


def gains(cases: pd.DataFrame) -> pd.DataFrame:
    """What synthetic pairs add, per segmenter, domain, number of real images and class.

    Args:
        cases: of all arms, concatenated.

    Returns:
        A row for `both - real` and one for `synthetic - real`: segmenter, domain, comparison,
        real, images, class, gain (mean Dice difference over cases whose mask shows the class,
        case by case and seed by seed), low, high (resampling patients and seeds), n (cases),
        seeds, seed_sd (spread of the gain between seeds, NaN for one).
    """
    rows = []
    for _, group in cases.groupby(["segmenter", "domain", "class"], sort=False):
        real = group[group["kind"] == "real"]
        for size, base in real.groupby("real", sort=False):
            both = group[(group["kind"] == "both") & (group["real"] == size)]
            alone = group[group["kind"] == "synthetic"]
            rows += [_gain(base, other) for other in (both, alone) if len(other)]
    return pd.DataFrame(rows)


def utility_scores(table: pd.DataFrame) -> list[Score]:
    """`utility_gain` of each segmenter, domain and number of real images, then one headline.

    The headline is the gain of the first segmenter at the fewest real images, mean over domains.
    """
    if table.empty:
        return []
    rows = table[(table["comparison"] == "both - real") & (table["class"] == MACRO)]
    first = rows[rows["segmenter"] == rows["segmenter"].iloc[0]]
    fewest = first.loc[first.groupby("domain")["images"].idxmin()]
    return [*_gain_scores(rows), over_domains(_gain_scores(fewest))]


def _gain_scores(rows: pd.DataFrame) -> list[Score]:
    return [
        Score.of(
            "utility_gain",
            Estimate(row["gain"], row["low"], row["high"], row["n"]),
            domain=row["domain"],
            segmenter=row["segmenter"],
            real=row["real"],
        )
        for row in rows.to_dict("records")
    ]


def _kinds(
    section: UtilitySection, domain: str, counts: Mapping[str, int]
) -> Iterator[tuple[Kind, str, int]]:
    available = counts.get(domain, 0)
    yield "synthetic", "", 0
    for real in section.real:
        images = available if real == "all" else real
        if images > available or not available:
            raise InputError(
                f"utility.real asks for {real} real images of domain {domain!r}, which has "
                f"{available} for training; ask for fewer or for 'all'"
            )
        yield "real", str(real), images
        yield "both", str(real), images


def _of_domain(pairs: Pairs, domain: str) -> Block:
    return with_masks(take(pairs, domain_of(pairs) == domain))


def _of_arm(arm: Arm, table: pd.DataFrame) -> pd.DataFrame:
    fields = asdict(arm)
    return table.assign(**fields)[[*fields, *table.columns]].reset_index(drop=True)


def _gain(base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
    gap = _by_seed(other) - _by_seed(base)
    estimate = crossed_mean(gap, gap.index.get_level_values("unit").to_numpy())
    first = base.iloc[0]
    return {
        "segmenter": first["segmenter"],
        "domain": first["domain"],
        "comparison": f"{other['kind'].iloc[0]} - real",
        "real": first["real"],
        "images": int(first["images"]),
        "class": first["class"],
        "gain": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "seeds": gap.shape[1],
        "seed_sd": float(gap.mean(axis=0).std(ddof=1)),
    }


def _by_seed(cases: pd.DataFrame) -> pd.DataFrame:
    return cases.pivot(index=["unit", "case"], columns="seed", values="dice")
