"""What the pairs are worth: how well every kind of training does, and what synthetic pairs add."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate, holm
from evaluation.statistics.two_way_bootstrap import crossed_mean
from evaluation.utility.classification import ClassUtility
from evaluation.utility.equivalent_images import equivalent_image_scores, equivalent_images
from evaluation.utility.gains import comparisons, with_headline
from evaluation.utility.segmenter_test import MACRO, MEASURES, by_seed
from evaluation.utility.unseen_classes import unseen_levels, unseen_scores

KEYS = ["segmenter", "domain", "kind", "ratio", "real", "class"]
STATED = ("provenance", "weights")


@dataclass(frozen=True, eq=False)
class Utility:
    """What all arms came to.

    Attributes:
        levels: how well each kind of training does, see `levels`.
        gains: what synthetic pairs add, see `gains`.
        equivalent_images: what they are worth in real images, see `worth.equivalent_images`.
        classes: the same of classifiers; the tables above are of segmenters.
        unseen: seen and unseen classes apart, see `unseen.unseen_levels`; empty where none are.
    """

    levels: pd.DataFrame
    gains: pd.DataFrame
    equivalent_images: pd.DataFrame
    classes: ClassUtility = field(default_factory=ClassUtility)
    unseen: pd.DataFrame = field(default_factory=pd.DataFrame)

    @staticmethod
    def of(cases: pd.DataFrame, class_cases: pd.DataFrame | None = None) -> Utility:
        """Every table of the cases of all arms, concatenated; no cases give empty tables.

        Args:
            cases: of segmenters, as `trial.try_arm` gives them, with three more columns:
                provenance, what the generator had seen ("" where no synthetic pair is involved),
                weights, how a segmenter's were chosen ("last" or "validated"), and unseen, whether
                the class is kept from real training images.
            class_cases: of classifiers, as `class_trial.try_class_arm` gives them, with the first
                two of these columns; None for none.
        """
        classes = ClassUtility() if class_cases is None else ClassUtility.of(class_cases)
        if cases.empty:
            return Utility(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), classes)
        tables = (levels(cases), gains(cases), equivalent_images(cases))
        return Utility(*tables, classes, unseen_levels(cases))

    @property
    def scores(self) -> tuple[Score, ...]:
        """Gains and equivalent_images as scores; of unseen classes, where there are such, theirs alone."""
        if not self.unseen.empty:
            return tuple(unseen_scores(self.unseen))
        drawing = (*gain_scores(self.gains), *equivalent_image_scores(self.equivalent_images))
        return (*drawing, *self.classes.scores)


def levels(cases: pd.DataFrame) -> pd.DataFrame:
    """How well each kind of training does: a row per segmenter, domain, kind, ratio, real, class.

    Returns:
        The keys, provenance, weights, images (of the arm); for each of dice, iou, nsd (shares) and
        hd95 (mm) the mean over cases whose mask shows the class and over seeds, with `_low` and
        `_high` (resampling patients and seeds; NaN where the spacing is unknown); dice_all (mean
        over all cases); n (cases that show the class), n_empty (those that do not), missed and
        false (structures, over all seeds), seeds.
    """
    groups = cases.groupby(KEYS, sort=False)
    return pd.DataFrame([dict(zip(KEYS, key, strict=True)) | _level(part) for key, part in groups])


def gains(cases: pd.DataFrame) -> pd.DataFrame:
    """What each arm adds to real images alone, and to real images augmented more strongly.

    Every arm is compared case by case and seed by seed with the arms `real` and `augmented` of the
    same number of real images; one of synthetic pairs alone with those of every number; and real
    images with synthetic pairs with twice as many real images alone, where there are such.

    Returns:
        A row per segmenter, domain, class and comparison ("both - real", …): those, ratio, real,
        images (of the arm compared, where it has any), provenance, gain (mean Dice difference over
        cases whose mask shows the class), low, high (resampling patients and seeds), p (Wilcoxon's
        signed-rank test over patients, two sided, seeds averaged), p_holm (corrected for all
        comparisons of macro, or of classes, in all domains),
        n (cases), patients, seeds, seed_sd (spread of the gain between seeds, NaN for one).
    """
    shown = cases[cases["shown"] & (cases["kind"] != "reversed")]
    rows = [
        _gain(name, base, other)
        for _, group in shown.groupby(["segmenter", "domain", "class"], sort=False)
        for name, base, other in comparisons(group)
    ]
    table = pd.DataFrame(rows)
    return table if table.empty else table.assign(p_holm=_corrected(table))


def signed_rank(gaps: pd.Series) -> float:
    """Two-sided p-value that differences of patients lie around 0; NaN for fewer than two.

    No difference at all gives 1.

    Source: Wilcoxon 1945, Biometrics Bulletin 1:80; zeros are dropped.
    """
    if len(gaps) < 2:
        return float("nan")
    return float(wilcoxon(gaps).pvalue) if np.any(gaps != 0) else 1.0


def gain_scores(table: pd.DataFrame) -> list[Score]:
    """`utility_gain` of each segmenter, domain, ratio and number of real images, then one headline.

    The headline is the gain of the first segmenter and ratio at the fewest real images, mean over
    domains.
    """
    if table.empty:
        return []
    rows = table[(table["comparison"] == "both - real") & (table["class"] == MACRO)]
    if rows.empty:
        return []
    return with_headline(rows, "utility_gain", "segmenter")


def _level(part: pd.DataFrame) -> dict[str, object]:
    first, shown = part.iloc[0], part[part["shown"]]
    seeds = part["seed"].nunique()
    means = {name: _mean(shown, name) for name in MEASURES}
    bounds = {f"{name}_low": e.low for name, e in means.items()}
    bounds |= {f"{name}_high": e.high for name, e in means.items()}
    return {
        **{name: first[name] for name in STATED},
        "images": int(part["images"].mean()),
        **{name: e.value for name, e in means.items()},
        **bounds,
        "dice_all": float(part["dice"].mean()),
        "n": len(shown) // seeds,
        "n_empty": (len(part) - len(shown)) // seeds,
        "missed": int(part["missed"].sum()),
        "false": int(part["false"].sum()),
        "seeds": seeds,
    }


def _mean(cases: pd.DataFrame, name: str) -> Estimate:
    table = by_seed(cases[cases[name].notna()], name)
    return crossed_mean(table, table.index.get_level_values("unit").to_numpy())


def _gain(name: str, base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
    gap = by_seed(other) - by_seed(base)
    estimate = crossed_mean(gap, gap.index.get_level_values("unit").to_numpy())
    first, compared = base.iloc[0], other.iloc[0]
    asked = other if compared["real"] else base
    by_patient = gap.mean(axis=1).groupby("unit").mean()
    return {
        **{name: first[name] for name in ("segmenter", "domain", "class")},
        "comparison": name,
        "ratio": compared["ratio"],
        "real": asked.iloc[0]["real"],
        "images": int(asked["images"].mean()),
        "provenance": compared["provenance"],
        "gain": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "p": signed_rank(by_patient),
        "n": estimate.n,
        "patients": len(by_patient),
        "seeds": gap.shape[1],
        "seed_sd": float(gap.mean(axis=0).std(ddof=1)),
    }


def _corrected(table: pd.DataFrame) -> pd.Series:
    """Holm's correction among all rows of macro, and among those of all classes."""
    corrected: dict[Hashable, float] = {}
    for _, part in table.groupby(table["class"] == MACRO):
        found = holm({str(row): p for row, p in part["p"].items()})
        corrected |= dict(zip(part.index, found.values(), strict=True))
    return pd.Series(corrected)
