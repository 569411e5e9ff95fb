"""What the pairs are worth to classifiers: AUROC and balanced accuracy, and what pairs add to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate, Floats, holm
from evaluation.statistics.roc import auroc, auroc_gain_p, discrimination, discrimination_gain
from evaluation.statistics.weighted_bootstrap import draws, fewest_units
from evaluation.utility.classifier_test import Answers
from evaluation.utility.equivalent_images import (
    TOLD,
    equivalent_image_row,
    equivalent_image_scores,
    sizes_of,
)
from evaluation.utility.gains import comparisons, with_headline

KEYS = ["classifier", "domain", "kind", "ratio", "real"]
MEASURES = ("auroc", "balanced_accuracy")


@dataclass(frozen=True, eq=False)
class ClassUtility:
    """What all arms of classifiers came to.

    Attributes:
        levels: how well each kind of training does, see `class_levels`.
        gains: what synthetic pairs add, see `class_gains`.
        equivalent_images: what they are worth in real images, see `classifier_equivalent_images`.
    """

    levels: pd.DataFrame = field(default_factory=pd.DataFrame)
    gains: pd.DataFrame = field(default_factory=pd.DataFrame)
    equivalent_images: pd.DataFrame = field(default_factory=pd.DataFrame)

    @staticmethod
    def of(cases: pd.DataFrame) -> ClassUtility:
        """Every table of the cases of all arms, concatenated; none give empty tables.

        Args:
            cases: as `class_trial.try_class_arm` gives them, with two more columns: provenance and
                weights, as `utility.Utility.of` explains them.
        """
        if cases.empty:
            return ClassUtility()
        return ClassUtility(
            class_levels(cases), class_gains(cases), classifier_equivalent_images(cases)
        )

    @property
    def scores(self) -> tuple[Score, ...]:
        """Gains and equivalent_images as scores."""
        gained: list[Score] = []
        if not self.gains.empty:
            rows = self.gains[self.gains["comparison"] == "both - real"]
            gained = with_headline(rows, "utility_auroc_gain", "classifier")
        return (
            *gained,
            *equivalent_image_scores(
                self.equivalent_images, "utility_auroc_equivalent_images", "classifier"
            ),
        )


def class_levels(cases: pd.DataFrame) -> pd.DataFrame:
    """How well each kind of training does: a row per classifier, domain, kind, ratio and real.

    Returns:
        The keys, provenance, weights, images (of the arm), findings (told apart); auroc and
        balanced_accuracy (each finding against the rest, mean over findings and seeds), each with
        `_low` and `_high` (resampling patients and seeds; NaN where fewer than two patients show
        some finding); n (cases), patients, seeds.
    """
    groups = cases.groupby(KEYS, sort=False)
    return pd.DataFrame([dict(zip(KEYS, key, strict=True)) | _level(part) for key, part in groups])


def class_gains(cases: pd.DataFrame) -> pd.DataFrame:
    """What each arm adds to real images alone, and to real images augmented more strongly.

    The comparisons are those of segmenters, see `utility.gains`.

    Returns:
        A row per classifier, domain and comparison: those, ratio, real, images, provenance, gain
        (in AUROC), low, high, p (two-sided, from the same paired bootstrap over patients and
        seeds), p_holm (corrected for all comparisons in all domains), balanced_gain,
        balanced_low, balanced_high (in balanced accuracy), n, patients, seeds, seed_sd (spread of
        the gain between seeds, NaN for one).
    """
    tried = cases[cases["kind"] != "reversed"]
    rows = [
        _gain(name, base, other)
        for _, group in tried.groupby(["classifier", "domain"], sort=False)
        for name, base, other in comparisons(group)
    ]
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    corrected = holm({str(row): p for row, p in table["p"].items()})
    return table.assign(p_holm=list(corrected.values()))


def classifier_equivalent_images(cases: pd.DataFrame) -> pd.DataFrame:
    """What the arms with synthetic pairs are worth, in real images that give the same AUROC.

    Returns:
        The columns of `worth.equivalent_images`, with classifier in the place of segmenter. A classifier and
        domain with one number of real images, or whose AUROC is unknown, has no row.
    """
    return pd.DataFrame(
        [
            row
            for _, group in cases.groupby(["classifier", "domain"], sort=False)
            for row in _worths_of(group)
        ]
    )


def _level(part: pd.DataFrame) -> dict[str, object]:
    first, answers = part.iloc[0], Answers.of(part)
    found = discrimination(answers.tables, answers.truth, answers.units, seed=0)
    measured: dict[str, float] = {}
    for name in MEASURES:
        estimate: Estimate = getattr(found, name)
        measured |= {name: estimate.value, f"{name}_low": estimate.low}
        measured |= {f"{name}_high": estimate.high}
    return {
        **{name: first[name] for name in ("provenance", "weights")},
        "images": int(part["images"].mean()),
        "findings": ", ".join(first["findings"]),
        **measured,
        "n": len(answers.truth),
        "patients": len(np.unique(answers.units)),
        "seeds": answers.seeds,
    }


def _gain(name: str, base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
    ours, theirs = Answers.of(other), Answers.of(base)
    shared = (ours.tables, theirs.tables, ours.truth, ours.units)
    found = discrimination_gain(*shared, seed=0)
    first, compared = base.iloc[0], other.iloc[0]
    asked = other if compared["real"] else base
    by_seed = [_auroc(a, ours) - _auroc(b, ours) for a, b in zip(*shared[:2], strict=True)]
    return {
        **{name: first[name] for name in ("classifier", "domain")},
        "comparison": name,
        "ratio": compared["ratio"],
        "real": asked.iloc[0]["real"],
        "images": int(asked["images"].mean()),
        "provenance": compared["provenance"],
        **_ends(found.auroc, "gain", ""),
        "p": auroc_gain_p(*shared, seed=0),
        **_ends(found.balanced_accuracy, "balanced_gain", "balanced_"),
        "n": found.auroc.n,
        "patients": len(np.unique(ours.units)),
        "seeds": ours.seeds,
        "seed_sd": float(pd.Series(by_seed).std(ddof=1)),
    }


def _ends(estimate: Estimate, name: str, prefix: str) -> dict[str, float]:
    return {name: estimate.value, f"{prefix}low": estimate.low, f"{prefix}high": estimate.high}


def _auroc(table: Floats, answers: Answers) -> float:
    return float(auroc(table, answers.truth)[0])


def _worths_of(group: pd.DataFrame) -> list[dict[str, object]]:
    rungs = sizes_of(group[group["kind"] == "real"])
    if len(rungs) < 2:
        return []
    curve = {images: Answers.of(part) for images, part in rungs.items()}
    told = group[group["kind"].isin(TOLD)].groupby(["kind", "ratio", "real"], sort=False)
    return [row for _, arm in told for row in _worth(arm, curve)]


def _worth(arm: pd.DataFrame, curve: Mapping[int, Answers]) -> list[dict[str, object]]:
    answers = [*curve.values(), Answers.of(arm)]
    means = np.array([np.mean([_auroc(t, each) for t in each.tables]) for each in answers])
    if not np.isfinite(means).all():
        return []
    told = {"n": len(answers[-1].truth), "seeds": answers[-1].seeds}
    drawn = _draws(answers)
    return [equivalent_image_row(arm.iloc[0], "classifier", list(curve), means, drawn) | told]


def _draws(answers: list[Answers]) -> Floats | None:
    """(R, K) AUROC of K arms over the same resamples; None where nothing can be resampled."""
    last = answers[-1]
    if fewest_units(last.units, last.truth) < 2:
        return None

    def of_arm(each: Answers) -> Floats:
        def aurocs(weights: Floats) -> Floats:
            return np.stack([auroc(table, each.truth, weights) for table in each.tables], axis=1)

        # Equal seeds, units and repeats: the arms are resampled together.
        return draws(aurocs, each.units, seed=0)

    table = np.stack([of_arm(each) for each in answers], axis=1)
    return table[np.isfinite(table).all(1)]
