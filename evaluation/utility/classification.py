"""Classification as a downstream task: networks learn findings, and are compared by AUROC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.labels import FINDING, UNLABELLED, Labels, known_indices, labels_of
from evaluation.networks.registry import CLASSIFIERS
from evaluation.pairs import Block, Pairs, domain_of, take, units_of
from evaluation.settings import UtilitySection
from evaluation.statistics.bootstrap import Estimate, Floats, Units
from evaluation.statistics.roc import (
    auroc,
    auroc_gain_p,
    balanced_accuracy,
    discrimination,
    discrimination_gain,
)
from evaluation.statistics.weighted_bootstrap import draws, fewest_units
from evaluation.utility.downstream_task import DownstreamTask, Rows
from evaluation.utility.equivalent_images import JointLevels

if TYPE_CHECKING:
    from evaluation.networks.classifier import Classifier
    from evaluation.networks.training_loop import Step

MEASURES = ("auroc", "balanced_accuracy")


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one arm under S seeds to N cases, L findings being possible.

    Attributes:
        tables: (S, N, L) probabilities.
        truth: (N,) index of the finding of each case.
        units: (N,) its patient.
    """

    tables: Floats
    truth: Labels
    units: Units

    @staticmethod
    def of(cases: pd.DataFrame) -> Answers:
        """Those in the cases of one arm; every seed has the same cases."""
        seeds = [part.sort_values("case") for _, part in cases.groupby("seed")]
        tables = np.array([part["probabilities"].tolist() for part in seeds])
        truth, units = (seeds[0][name].to_numpy(np.intp) for name in ("truth", "unit"))
        return Answers(tables, truth, units)

    @property
    def seeds(self) -> int:
        """S."""
        return len(self.tables)

    @property
    def aurocs(self) -> list[float]:
        """AUROC under each seed, NaN where it is unknown."""
        return [float(auroc(table, self.truth)[0]) for table in self.tables]


class ClassificationTask(DownstreamTask["Classifier"]):
    """The finding of a whole image; masks are not looked at."""

    name = "classification"
    network = "classifier"
    metric = "utility_auroc"
    kinds = frozenset(CLASSIFIERS)

    def named(self, section: UtilitySection) -> Sequence[str]:
        return section.classifiers

    def targets(self, known: Pairs, domain: str, classes: Sequence[str]) -> tuple[str, ...]:
        """The findings that pairs of the domain show, in order of name; blanks are none."""
        return findings_of(known, domain)

    def rows(self, pairs: Pairs, domain: str, targets: Sequence[str]) -> Rows:
        """Those that show one of the findings, with mask or without."""
        shows = known_indices(pairs, FINDING, targets) != UNLABELLED
        return np.asarray(shows & (domain_of(pairs) == domain))

    def needed(self, targets: Sequence[str]) -> str:
        return f"that show one of {list(targets)}"

    def available(self, train: Pairs, domain: str) -> int:
        found = findings_of(train, domain)
        if len(found) < 2:
            raise InputError(
                f"utility.classifiers need two findings or more to tell apart, but the real "
                f"training pairs of domain {domain!r} show {list(found) or 'none'}: name other "
                "domains in utility.domains, or leave classifiers out"
            )
        return int(self.rows(train, domain, found).sum())

    def check_synthetic(self, synthetic: Pairs, train: Pairs, domain: str) -> None:
        findings, made = findings_of(train, domain), int((domain_of(synthetic) == domain).sum())
        if not self.rows(synthetic, domain, findings).any():
            raise InputError(
                f"utility.classifiers cannot learn from the {made} synthetic pairs of domain "
                f"{domain!r}: they show none of the findings {list(findings)} of its real ones; "
                "ask for these in grid.facets.finding"
            )

    def subset(self, real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
        return stratified_subset(real, images, seed)

    def can_choose(self, validation: Pairs) -> bool:
        """Where two findings are shown."""
        return len(labels_of(validation, FINDING)) > 1

    # Recipes and reports are read through this module and must not wait for torch.

    def new(
        self, kind: str, channels: int, targets: Sequence[str], *, seed: int, work: Path | None
    ) -> tuple[Classifier, Callable[..., Iterator[Step]]]:
        from evaluation.networks.classifier import new_classifier, train_classifier

        classifier = new_classifier(kind, channels, targets, seed=seed)
        return classifier, partial(train_classifier, classifier, column=FINDING)

    def load(self, kind: str, folder: Path) -> Classifier:
        from evaluation.networks.classifier import load_classifier

        return load_classifier(folder)

    def save(self, network: Classifier, folder: Path) -> None:
        from evaluation.networks.classifier import save_classifier

        save_classifier(network, folder)

    def measured(
        self,
        network: Classifier,
        block: Block,
        place: Mapping[str, NDArray[np.intp]],
        section: UtilitySection,
    ) -> pd.DataFrame:
        """A row per pair.

        It has finding, truth (its index among the findings), findings (all that are told apart),
        probabilities (of each).
        """
        truth = known_indices(block, FINDING, network.labels)
        columns = {
            "finding": [network.labels[index] for index in truth],
            "truth": truth,
            "findings": [network.labels] * len(block),
            "probabilities": [tuple(row) for row in network.probabilities(block.images).tolist()],
        }
        return pd.DataFrame({**place, **columns})

    def case_values(self, cases: pd.DataFrame) -> pd.Series:
        """Probability of the true finding."""
        chances = zip(cases["probabilities"], cases["truth"], strict=True)
        return pd.Series([row[truth] for row, truth in chances], cases["case"])

    def labelled_by(self, network: Classifier, pairs: Pairs) -> Block:
        whole = take(pairs, np.arange(len(pairs)))
        said = np.array(network.labels, object)[network.probabilities(pairs.images).argmax(1)]
        return replace(whole, facets=whole.facets.assign(**{FINDING: said}))

    def numbers(self, cases: pd.DataFrame) -> dict[str, float]:
        """AUROC and balanced accuracy."""
        found = Answers.of(cases)
        measures = {"auroc": auroc, "balanced_accuracy": balanced_accuracy}
        values = {n: float(of(found.tables[0], found.truth)[0]) for n, of in measures.items()}
        return {name: value for name, value in values.items() if np.isfinite(value)}

    def level(self, cases: pd.DataFrame) -> dict[str, object]:
        """How well an arm tells findings apart.

        findings (told apart); auroc and balanced_accuracy (each finding against the rest, mean over
        findings and seeds), each with `_low` and `_high` (resampling patients and seeds; NaN where
        fewer than two patients show some finding); n (cases), patients, seeds.
        """
        answers = Answers.of(cases)
        found = discrimination(answers.tables, answers.truth, answers.units, seed=0)
        measured: dict[str, float] = {}
        for name in MEASURES:
            estimate: Estimate = getattr(found, name)
            measured |= {name: estimate.value, f"{name}_low": estimate.low}
            measured |= {f"{name}_high": estimate.high}
        return {
            "findings": cases.iloc[0]["findings"],
            **measured,
            "n": len(answers.truth),
            "patients": len(np.unique(answers.units)),
            "seeds": answers.seeds,
        }

    def difference(self, base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
        """Compared by one paired bootstrap over patients and seeds.

        gain, low, high are in AUROC, and p (two sided) is of the same bootstrap; balanced_gain,
        balanced_low, balanced_high are in balanced accuracy; seed_sd is the spread of the gain
        between seeds, NaN for one.
        """
        ours, theirs = Answers.of(other), Answers.of(base)
        shared = (ours.tables, theirs.tables, ours.truth, ours.units)
        found = discrimination_gain(*shared, seed=0)
        by_seed = np.subtract(ours.aurocs, theirs.aurocs)
        return {
            **_ends(found.auroc, "gain", ""),
            "p": auroc_gain_p(*shared, seed=0),
            **_ends(found.balanced_accuracy, "balanced_gain", "balanced_"),
            "n": found.auroc.n,
            "patients": len(np.unique(ours.units)),
            "seeds": ours.seeds,
            "seed_sd": float(pd.Series(by_seed).std(ddof=1)),
        }

    def joint_levels(self, arms: Sequence[pd.DataFrame]) -> JointLevels:
        """AUROC; not resampled where it is unknown."""
        answers = [Answers.of(part) for part in arms]
        means = np.array([np.mean(each.aurocs) for each in answers])
        drawn = _draws(answers) if np.isfinite(means).all() else None
        return JointLevels(means, drawn, len(answers[-1].truth), answers[-1].seeds)


def findings_of(pairs: Pairs, domain: str) -> tuple[str, ...]:
    """The findings that pairs of a domain show, in order of name; blanks are none."""
    return labels_of(take(pairs, domain_of(pairs) == domain), FINDING)


def stratified_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, in which every finding occurs as soon as there is room for all.

    Of every finding the first image comes first, then the rest, patient after patient, so that
    findings come about as often as in all images. The seed draws the order of the patients; the
    smaller of two subsets of one seed lies within the larger.

    Args:
        real: pairs that all show a finding.
        images: how many.
        seed: of the drawing.
    """
    findings = labels_of(real, FINDING)
    labels, units = known_indices(real, FINDING, findings), units_of(real)
    order = np.argsort(_turns(labels, units, seed)[units], kind="stable")
    first = np.sort(np.unique(labels[order], return_index=True)[1])
    return np.concatenate([order[first], np.delete(order, first)])[:images]


def _turns(labels: Labels, units: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """(U,) when each patient's turn is; a patient of several findings counts for the first one."""
    stratum = labels[np.unique(units, return_index=True)[1]]
    drawn = np.random.default_rng(seed).permutation(len(stratum))
    place = np.empty(len(stratum))
    for label in np.unique(stratum):
        at = drawn[stratum[drawn] == label]
        # Evenly spread over the queue, each finding at its own pace.
        place[at] = (np.arange(len(at)) + 0.5) / len(at)
    turn = np.empty(len(stratum), np.intp)
    turn[drawn[np.argsort(place[drawn], kind="stable")]] = np.arange(len(stratum))
    return turn


def _ends(estimate: Estimate, name: str, prefix: str) -> dict[str, float]:
    return {name: estimate.value, f"{prefix}low": estimate.low, f"{prefix}high": estimate.high}


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
