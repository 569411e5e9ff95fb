"""Classes that no real training image shows: what segmenters learn of them from synthetic pairs.

Seen classes are those that real images teach too. The Dice (or IoU) over either is, per case, the
mean over those of its classes that the mask shows, then the mean over cases that show any, and over
seeds: empty masks as in `segmenter_test`. The harmonic mean of both is high only where neither is
low, so that forgetting seen classes for unseen ones does not pay.

Source: Xian et al. 2018, arXiv:1707.00600 (harmonic mean over seen and unseen classes); Wu et al.
2023, DiffuMask, arXiv:2303.11681 (segmenters that know a class from synthetic pairs alone).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.metrics.registry import Score, over_domains
from evaluation.pairs import Pairs, by_domain, take
from evaluation.settings import UtilitySection
from evaluation.statistics.bootstrap import Estimate, percentile
from evaluation.statistics.two_way_bootstrap import crossed_draws
from evaluation.utility.arms import domains_to_test
from evaluation.utility.segmenter_test import MACRO

Floats = NDArray[np.float64]
Classes = Mapping[str, Sequence[str]]  # domain -> its classes; class i of a mask is the (i - 1)th

ARM = ["segmenter", "domain", "kind", "ratio", "real"]
PARTS = ("seen", "unseen", "harmonic")
OVERLAPS = ("dice", "iou")
# Whose numbers make the headline.
FIRST = ("both", "annealed", "synthetic", "pretrained", "augmented", "classical", "real")


def check_unseen(section: UtilitySection, train: Pairs, synthetic: Pairs, classes: Classes) -> None:
    """Whether arms can be trained without the classes that are to stay unseen.

    Args:
        section: of the recipe.
        train: real pairs, before any is left out.
        synthetic: the pairs whose domains are tested.
        classes: of every domain.

    Raises:
        InputError: if a class is unknown, or a domain keeps no class or no real image to be learnt.
    """
    if not section.unseen:
        return
    tested = {domain: classes[domain] for domain in domains_to_test(section, synthetic)}
    known = list(dict.fromkeys(name for names in tested.values() for name in names))
    for name in section.unseen:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0)
            raise InputError(
                f"utility.unseen names {name!r}, which no mask of {', '.join(tested)} can show; "
                f"nearest known: {near[0]!r}"
            )
    for domain, names in tested.items():
        if set(names) <= set(section.unseen):
            raise InputError(
                f"utility.unseen names every class of domain {domain!r}: real images would teach "
                "nothing; leave one of them out"
            )
        _images_remain(section.unseen, train, domain, classes)


def without(pairs: Pairs, unseen: Sequence[str], classes: Classes) -> Pairs:
    """The pairs whose mask shows none of some classes; all of them where none are named."""
    if not unseen:
        return pairs
    kept = np.ones(len(pairs), bool)
    for domain, at in by_domain(pairs):
        values = [n for n, name in enumerate(classes[domain], start=1) if name in unseen]
        kept[at] = ~np.isin(pairs.masks[at], values).any((1, 2))
    return take(pairs, kept)


def unseen_levels(cases: pd.DataFrame) -> pd.DataFrame:
    """How well each arm does over seen and over unseen classes.

    Args:
        cases: of all arms, as `DownstreamTask.test` gives them, with the column `unseen`: whether
            the class is one. Arms tested in reverse, and domains without such a class, are left out.

    Returns:
        A row per segmenter, domain, kind, ratio and real: these, images, provenance, unseen (the
        classes); for each of seen, unseen and harmonic and of dice and iou the value, as in
        `unseen_dice`, with `_low` and `_high` (resampling patients and seeds; NaN where fewer than
        two patients show such a class); n_seen, n_unseen (cases that show one), missed and false
        (unseen structures, over all seeds), seeds.
    """
    if cases.empty:
        return cases
    single = cases[(cases["class"] != MACRO) & (cases["kind"] != "reversed")]
    if single.empty or not single["unseen"].any():
        return pd.DataFrame()
    single = single[single.groupby("domain")["unseen"].transform("any")]
    groups = single.groupby(ARM, sort=False)
    return pd.DataFrame([dict(zip(ARM, key, strict=True)) | _row(part) for key, part in groups])


def unseen_scores(table: pd.DataFrame) -> list[Score]:
    """Every number of every arm, then a headline of each.

    The headline is that of the first segmenter's arm `both` (without it the one of synthetic pairs
    alone) at its first ratio and the fewest real images; mean over domains.
    """
    if table.empty:
        return []
    first = table[table["segmenter"] == table["segmenter"].iloc[0]]
    kind = next(kind for kind in FIRST if kind in set(first["kind"]))
    first = first[first["kind"] == kind]
    first = first[first["ratio"] == first["ratio"].iloc[0]]
    chosen = first.loc[first.groupby("domain")["images"].idxmin()]
    names = [f"{part}_{name}" for name in OVERLAPS for part in PARTS]
    parts = [score for name in names for score in _scores(table, name)]
    domains = set(table["domain"])
    return [*parts, *(over_domains(_scores(chosen, name), domains) for name in names)]


def harmonic(a: Floats, b: Floats) -> Floats:
    """2 a b / (a + b) of shares that are not negative; 0 where both are 0."""
    both = a + b
    return np.where(both > 0, 2 * a * b / np.where(both > 0, both, 1), 0 * both)


def _images_remain(unseen: Sequence[str], train: Pairs, domain: str, classes: Classes) -> None:
    at = dict(by_domain(train)).get(domain, np.zeros(0, np.intp))
    real = take(train, at[train.has_mask[at]])
    if len(real) and not len(without(real, unseen, classes)):
        shown = ", ".join(name for name in unseen if name in classes[domain])
        raise InputError(
            f"utility.unseen leaves no real training image of domain {domain!r}: all {len(real)} "
            f"show {shown}; name a class that some of them lack"
        )


def _row(part: pd.DataFrame) -> dict[str, object]:
    first, rare = part.iloc[0], part[part["unseen"]]
    shown = part[part["shown"]]
    numbers = {
        "images": int(part["images"].mean()),
        "provenance": first["provenance"],
        "unseen": tuple(rare["class"].unique()),
    }
    for name in OVERLAPS:
        for which, estimate in _estimates(part, name).items():
            ends = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
            numbers |= {f"{which}_{name}{end}": value for end, value in ends.items()}
    return {
        **numbers,
        "n_seen": shown.loc[~shown["unseen"], "case"].nunique(),
        "n_unseen": shown.loc[shown["unseen"], "case"].nunique(),
        "missed": int(rare["missed"].sum()),
        "false": int(rare["false"].sum()),
        "seeds": part["seed"].nunique(),
    }


def _estimates(part: pd.DataFrame, name: str) -> dict[str, Estimate]:
    """Seen, unseen and harmonic of one arm and measure."""
    cases = pd.MultiIndex.from_frame(part[["unit", "case"]].drop_duplicates())
    columns, patients, counts = [], [], []
    for rare in (False, True):
        rows = part[part["shown"] & (part["unseen"] == rare)]
        by_case = rows.groupby(["unit", "case", "seed"])[name].mean().unstack("seed")
        values = by_case.reindex(index=cases, columns=sorted(part["seed"].unique())).to_numpy(float)
        # A mean over those that show a class is a ratio of two means over all.
        columns += [np.nan_to_num(values), np.isfinite(values)]
        patients.append(rows["unit"].nunique())
        counts.append(len(by_case))
    stacked = np.stack(columns, axis=2).astype(float)
    units = cases.get_level_values("unit").to_numpy()
    values = _parts(stacked.mean((0, 1))[None])
    draws = _parts(crossed_draws(stacked, units)) if min(patients) > 1 else None
    numbers = [*counts, min(counts)]
    return {
        which: _estimate(values[0, at], None if draws is None else draws[:, at], numbers[at])
        for at, which in enumerate(PARTS)
    }


def _parts(means: Floats) -> Floats:
    """(R, 4) means of seen, whether seen, unseen, whether unseen; to (R, 3) of `PARTS`."""
    with np.errstate(invalid="ignore"):
        seen, unseen = means[:, 0] / means[:, 1], means[:, 2] / means[:, 3]
    return np.stack([seen, unseen, harmonic(seen, unseen)], axis=1)


def _estimate(value: float, draws: Floats | None, n: int) -> Estimate:
    # A resample that keeps no case of one kind says nothing, and is left out.
    known = np.zeros(0) if draws is None else draws[np.isfinite(draws)]
    if not np.isfinite(value) or not len(known):
        return Estimate(float(value), float("nan"), float("nan"), n)
    return percentile(known, float(value), n)


def _scores(rows: pd.DataFrame, name: str) -> list[Score]:
    stated = [*ARM, "images", "provenance"]
    fewer = rows[["n_seen", "n_unseen"]].min(axis=1)
    counts = rows.get(f"n_{name.partition('_')[0]}", fewer)
    return [
        Score.of(
            f"utility_{name}",
            Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"], int(n)),
            **{key: row[key] for key in stated},
            unseen=", ".join(row["unseen"]),
        )
        for row, n in zip(rows.to_dict("records"), counts, strict=True)
    ]
