"""What the pairs are worth: how well every kind of training does, and what synthetic pairs add."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from evaluation.crossed import crossed_mean
from evaluation.metrics import Score, over_domains
from evaluation.statistics import Estimate, holm
from evaluation.trial import MACRO, MEASURES, by_seed
from evaluation.worth import worth_scores, worths

BASES = ("real", "augmented")  # what gains are counted from
KEYS = ["segmenter", "domain", "kind", "ratio", "real", "class"]
STATED = ("provenance", "weights")


@dataclass(frozen=True, eq=False)
class Utility:
    """What all arms came to.

    Attributes:
        levels: how well each kind of training does, see `levels`.
        gains: what synthetic pairs add, see `gains`.
        worths: what they are worth in real images, see `worth.worths`.
    """

    levels: pd.DataFrame
    gains: pd.DataFrame
    worths: pd.DataFrame

    @staticmethod
    def of(cases: pd.DataFrame) -> Utility:
        """Every table of the cases of all arms, concatenated.

        Args:
            cases: as `trial.try_arm` gives them, with two more columns: provenance, what the
                generator had seen ("" where no synthetic pair is involved), and weights, how a
                segmenter's were chosen ("last" or "validated").
        """
        return Utility(levels(cases), gains(cases), worths(cases))

    @property
    def scores(self) -> tuple[Score, ...]:
        """Gains and worths as scores."""
        return (*gain_scores(self.gains), *worth_scores(self.worths))


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
    same number of real images; one of synthetic pairs alone with those of every number.

    Returns:
        A row per segmenter, domain, class and comparison ("both - real", …): those, ratio, real,
        images, provenance, gain (mean Dice difference over cases whose mask shows the class), low,
        high (resampling patients and seeds), p (Wilcoxon's signed-rank test over patients, two
        sided, seeds averaged), p_holm (corrected for all comparisons of
        macro, or of classes, in all domains),
        n (cases), patients, seeds, seed_sd (spread of the gain between seeds, NaN for one).
    """
    shown = cases[cases["shown"] & (cases["kind"] != "reversed")]
    rows = [
        _gain(base, other)
        for _, group in shown.groupby(["segmenter", "domain", "class"], sort=False)
        for base, other in _comparisons(group)
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
    first = rows[rows[["segmenter", "ratio"]].eq(rows[["segmenter", "ratio"]].iloc[0]).all(axis=1)]
    fewest = first.loc[first.groupby("domain")["images"].idxmin()]
    return [*_scores(rows), over_domains(_scores(fewest))]


def _scores(rows: pd.DataFrame) -> list[Score]:
    told = ("domain", "segmenter", "real", "ratio", "provenance")
    return [
        Score.of(
            "utility_gain",
            Estimate(row["gain"], row["low"], row["high"], row["n"]),
            **{name: row[name] for name in told},
        )
        for row in rows.to_dict("records")
    ]


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


def _comparisons(group: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Cases of a base and of what is compared with it, for one segmenter, domain and class."""
    for base in BASES:
        for real, of_base in group[group["kind"] == base].groupby("real", sort=False):
            rest = group[(group["kind"] != base) & group["real"].isin([real, ""])]
            for (kind, _), other in rest.groupby(["kind", "ratio"], sort=False):
                # Real images alone gain nothing on augmented ones that is not told already.
                if kind != "real":
                    yield of_base, other


def _gain(base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
    gap = by_seed(other) - by_seed(base)
    estimate = crossed_mean(gap, gap.index.get_level_values("unit").to_numpy())
    first, compared = base.iloc[0], other.iloc[0]
    by_patient = gap.mean(axis=1).groupby("unit").mean()
    return {
        **{name: first[name] for name in ("segmenter", "domain", "class")},
        "comparison": f"{compared['kind']} - {first['kind']}",
        "ratio": compared["ratio"],
        "real": first["real"],
        "images": int(base["images"].mean()),
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
