"""Segmentation as a downstream task: networks learn masks, and are compared by Dice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from evaluation.networks.nnunet_files import check_installed
from evaluation.networks.registry import NNUNET, NNUNET3D, SEGMENTERS
from evaluation.pairs import Block, Pairs, domain_of, take, units_of
from evaluation.settings import UtilitySection
from evaluation.statistics.bootstrap import Estimate
from evaluation.statistics.two_way_bootstrap import crossed_draws, crossed_mean
from evaluation.utility.arms import Arm
from evaluation.utility.downstream_task import DownstreamTask, Rows
from evaluation.utility.equivalent_images import JointLevels
from evaluation.utility.result import TaskUtility
from evaluation.utility.segmenter_test import MACRO, MEASURES, by_seed, segmenter_cases
from evaluation.utility.unseen_classes import unseen_levels, unseen_scores

if TYPE_CHECKING:
    from evaluation.networks.segmenter import Segmenter
    from evaluation.networks.training_loop import Step


class SegmentationTask(DownstreamTask["Segmenter"]):
    """Masks of the classes of a domain; its tables have a row per class, and one for `macro`."""

    name = "segmentation"
    network = "segmenter"
    metric = "utility"
    kinds = frozenset({*SEGMENTERS, NNUNET})
    apart = ("class",)

    def named(self, section: UtilitySection) -> Sequence[str]:
        return [name for name in section.segmenters if name in self.kinds]

    def arms(
        self, section: UtilitySection, train: Pairs, synthetic: Pairs, fold: int | None = None
    ) -> list[Arm]:
        """As of any task.

        Raises:
            InputError: also if nnU-Net is asked for and is not installed.
        """
        if {NNUNET, NNUNET3D} & {*self.named(section)}:
            check_installed()
        return super().arms(section, train, synthetic, fold)

    def targets(self, known: Pairs, domain: str, classes: Sequence[str]) -> tuple[str, ...]:
        return tuple(classes)

    def rows(self, pairs: Pairs, domain: str, targets: Sequence[str]) -> Rows:
        """Those whose mask is not absent; it may be empty."""
        return np.asarray(pairs.has_mask, bool) & (domain_of(pairs) == domain)

    def needed(self, targets: Sequence[str]) -> str:
        return "with a mask"

    def available(self, train: Pairs, domain: str) -> int:
        return int(np.sum(self.rows(train, domain, ())))

    def subset(self, real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
        return nested_subset(real, images, seed)

    def can_choose(self, validation: Pairs) -> bool:
        """Where a mask shows anything."""
        return bool(validation.masks.any())

    def unseen_of(self, section: UtilitySection, classes: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted({*section.unseen} & {*classes}))

    # Recipes and reports are read through this module and must not wait for torch.

    def new(
        self, kind: str, channels: int, targets: Sequence[str], *, seed: int, work: Path | None
    ) -> tuple[Segmenter, Callable[..., Iterator[Step]]]:
        if kind == NNUNET:
            from evaluation.networks.nnunet import Nnunet, train_nnunet

            own = Nnunet.new(channels, targets)
            return own, partial(train_nnunet, own, work=work)
        from evaluation.networks.segmenter import new_segmenter, train_segmenter

        segmenter = new_segmenter(kind, channels, targets, seed=seed)
        return segmenter, partial(train_segmenter, segmenter)

    def load(self, kind: str, folder: Path) -> Segmenter:
        from evaluation.networks.nnunet import Nnunet
        from evaluation.networks.segmenter import load_segmenter

        return Nnunet.load(folder) if kind == NNUNET else load_segmenter(folder)

    def save(self, network: Segmenter, folder: Path) -> None:
        from evaluation.networks.segmenter import save_segmenter

        save_segmenter(network, folder)

    def measured(
        self,
        network: Segmenter,
        block: Block,
        place: Mapping[str, NDArray[np.intp]],
        section: UtilitySection,
    ) -> pd.DataFrame:
        """See `segmenter_test.segmenter_cases`; `unseen` says of a class whether it is one."""
        cases = segmenter_cases(network, block, place, section.tolerance_mm)
        return cases.assign(unseen=cases["class"].isin(section.unseen))

    def case_values(self, cases: pd.DataFrame) -> pd.Series:
        """Dice of macro."""
        macro = self.overall(self.counted(cases))
        return pd.Series(macro["dice"].to_numpy(), macro["case"])

    def labelled_by(self, network: Segmenter, pairs: Pairs) -> Block:
        whole = take(pairs, np.arange(len(pairs)))
        return replace(whole, masks=network.predict(pairs.images))

    def numbers(self, cases: pd.DataFrame) -> dict[str, float]:
        """Means over cases that show something."""
        macro = self.overall(self.counted(cases))
        known = [name for name in MEASURES if macro[name].notna().any()]
        return {name: float(macro[name].mean()) for name in known}

    def level(self, cases: pd.DataFrame) -> dict[str, object]:
        """How well an arm does on one class.

        For each of dice, iou, nsd (shares) and hd95 (mm) the mean over cases whose mask shows the
        class and over seeds, with `_low` and `_high` (resampling patients and seeds; NaN where the
        spacing is unknown); dice_all (mean over all cases); dice_worst (mean over the worst decile of
        cases that show the class, seeds averaged); n (cases that show the class), n_empty
        (those that do not), missed and false (structures, over all seeds), seeds.
        """
        shown, seeds = self.counted(cases), cases["seed"].nunique()
        means = {name: _mean(shown, name) for name in MEASURES}
        bounds = {f"{name}_low": e.low for name, e in means.items()}
        bounds |= {f"{name}_high": e.high for name, e in means.items()}
        return {
            **{name: e.value for name, e in means.items()},
            **bounds,
            "dice_all": float(cases["dice"].mean()),
            "dice_worst": worst_decile(by_seed(shown).mean(axis=1)),
            "n": len(shown) // seeds,
            "n_empty": (len(cases) - len(shown)) // seeds,
            "missed": int(cases["missed"].sum()),
            "false": int(cases["false"].sum()),
            "seeds": seeds,
        }

    def difference(self, base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
        """Compared case by case and seed by seed.

        gain is the mean Dice difference over cases whose mask shows the class; low and high
        resample patients and seeds; p is of Wilcoxon's signed-rank test over patients, two sided,
        seeds averaged; seed_sd is the spread of the gain between seeds, NaN for one.
        """
        gap = by_seed(other) - by_seed(base)
        estimate = crossed_mean(gap, gap.index.get_level_values("unit").to_numpy())
        by_patient = gap.mean(axis=1).groupby("unit").mean()
        return {
            "gain": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "p": signed_rank(by_patient),
            "n": estimate.n,
            "patients": len(by_patient),
            "seeds": gap.shape[1],
            "seed_sd": float(gap.mean(axis=0).std(ddof=1)),
        }

    def joint_levels(self, arms: Sequence[pd.DataFrame]) -> JointLevels:
        """Dice of macro."""
        tables = [by_seed(part) for part in arms]
        values = np.stack([table.to_numpy() for table in tables], axis=2)
        units = tables[0].index.get_level_values("unit").to_numpy()
        draws = crossed_draws(values, units) if len(np.unique(units)) > 1 else None
        return JointLevels(values.mean((0, 1)), draws, len(values), values.shape[1])

    def counted(self, cases: pd.DataFrame) -> pd.DataFrame:
        """Those whose mask shows the class."""
        return cases[cases["shown"]]

    def overall(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["class"] == MACRO]

    def family(self, gains: pd.DataFrame) -> pd.Series:
        """Those of macro, and those of classes, each over all domains and segmenters of the run."""
        return gains["class"] == MACRO

    def utility(self, cases: pd.DataFrame) -> TaskUtility:
        """As of any task; where classes are unseen, with their table, and their scores alone."""
        found, unseen = super().utility(cases), unseen_levels(cases)
        if unseen.empty:
            return found
        return replace(found, unseen=unseen, scores=tuple(unseen_scores(unseen)))


def nested_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, taken patient after patient in an order drawn by the seed.

    The smaller of two subsets of one seed lies within the larger; of the last patient only part
    may be taken.
    """
    units = units_of(real)
    turn = np.random.default_rng(seed).permutation(units.max(initial=-1) + 1)
    return np.argsort(turn[units], kind="stable")[:images]


def worst_decile(dice: pd.Series) -> float:
    """Mean of the lowest tenth of (N,) numbers, of one at least; NaN without any."""
    return float(dice.nsmallest(math.ceil(len(dice) / 10)).mean())


def signed_rank(gaps: pd.Series) -> float:
    """Two-sided p-value that differences of patients lie around 0; NaN for fewer than two.

    No difference at all gives 1.

    Source: Wilcoxon 1945, Biometrics Bulletin 1:80; zeros are dropped.
    """
    if len(gaps) < 2:
        return float("nan")
    return float(wilcoxon(gaps).pvalue) if np.any(gaps != 0) else 1.0


def _mean(cases: pd.DataFrame, name: str) -> Estimate:
    table = by_seed(cases[cases[name].notna()], name)
    return crossed_mean(table, table.index.get_level_values("unit").to_numpy())
