"""The experiment of one version: its arms, each trained once, tried on real pairs, and recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.folds import folds_of
from evaluation.networks.classifier import Classifier, load_classifier, save_classifier
from evaluation.networks.segmenter import Segmenter, load_segmenter, save_segmenter
from evaluation.networks.training_loop import Step
from evaluation.networks.weights import is_saved, read_back
from evaluation.pairs import Block, Pairs
from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm, choosers, start_arm
from evaluation.utility.classifier_arms import (
    class_choosers,
    every_arm,
    findings_of,
    start_class_arm,
)
from evaluation.utility.classifier_test import class_numbers, try_class_arm
from evaluation.utility.exposure import NOTHING_SEEN, TrainingExposure, provenance
from evaluation.utility.segmenter_test import MACRO, MEASURES, try_arm
from evaluation.utility.unseen_classes import check_unseen, without
from factory.identity import digest
from factory.pairs import PairBatch
from tasks.real_data import Reference
from tasks.scoring import follow
from tasks.services.mlflow_tracking import Record


@dataclass(frozen=True, eq=False)
class DownstreamExperiment:
    """Everything that the arms of one version share.

    Attributes:
        section: of the recipe.
        reference: real pairs to learn from, and those that are scored.
        synthetic: accepted pairs of the version.
        snapshot: its id.
        folder: of trained segmenters and classifiers.
        record: of the run.
        seen: what the generator was trained on.
        validation: real pairs that are neither learned from nor scored; None where there are none.
        registered: name of the data set whose models MLflow registers; "" registers none.
        fold: that the reference holds out, where other benches hold out the others; else None.
    """

    section: UtilitySection
    reference: Reference
    synthetic: PairBatch
    snapshot: str
    folder: Path
    record: Record
    seen: TrainingExposure = NOTHING_SEEN
    validation: PairBatch | None = None
    registered: str = ""
    fold: int | None = None

    def arms(self) -> list[Arm]:
        """Every arm that the section asks for.

        Raises:
            InputError: if there are too few real images or patients, the generator knows the
                patients that folds would try segmenters on, or classes cannot be kept unseen.
        """
        known = self.reference.train if self.section.folds is None else self._pool
        check_unseen(self.section, known, self.synthetic, self.reference.classes)
        if self.section.folds is None:
            return every_arm(self.section, self.to_learn(None), self.synthetic, self.fold)
        if self.seen.may_hold_patients:
            raise InputError(
                "utility.folds would try segmenters on patients that the generator was trained on, "
                "and its pairs carry them over: leave folds out, use a generator trained on other "
                "data, or train one for each fold by `medpair folds`"
            )
        return [
            arm
            for fold in range(self.section.folds)
            for arm in every_arm(self.section, self.to_learn(fold), self.synthetic, fold)
        ]

    def untrained(self, asked: Sequence[Arm]) -> list[Arm]:
        """Those of the arms that are still to be trained, each training once."""
        trainings = dict.fromkeys(arm.trained_as for arm in asked)
        return [arm for arm in trainings if not is_saved(self.place(arm))]

    def try_arm(self, arm: Arm) -> pd.DataFrame:
        """Every number of one arm, case by case, with what `Utility.of` wants stated."""
        with self.record.child(arm.name, {"purpose": "utility", **_tags(arm)}) as child:
            network = self._trained(arm.trained_as, child)
            if self.registered:
                self._register(arm.trained_as, network, child)
            cases = self._tried(arm, network)
            child.metrics(class_numbers(cases) if arm.classifies else numbers(cases))
        if not arm.classifies:
            cases = cases.assign(unseen=cases["class"].isin(self.section.unseen))
        return cases.assign(
            provenance=self.provenance(arm),
            weights="last" if self._choosers(arm) is None else "validated",
        )

    def provenance(self, arm: Arm) -> str:
        """What the generator had seen, "" for an arm without synthetic pairs."""
        if not arm.needs_synthetic:
            return ""
        return provenance(self.seen, arm.images if arm.learns_real else None)

    def place(self, arm: Arm) -> Path:
        """Where the network of an arm lies: the same training, the same folder."""
        # A network trained on real pairs alone serves every version.
        made = self.snapshot if arm.learns_synthetic else ""
        identity = {
            **self.reference.taught,
            "pairs": made,
            "steps": self.section.steps,
            "folds": [self.section.folds, self.reference.split] if arm.fold is not None else None,
            "validated": self._choosers(arm) is not None,
        }
        if arm.learns_synthetic and self.section.bridge is not None:
            identity["bridge"] = self.section.bridge.model_dump(mode="json")
        if hidden := self._hidden(arm):
            identity["unseen"] = hidden
        return self.folder / f"{arm.name}-{digest(identity)[:12]}"

    def to_learn(self, fold: int | None) -> Pairs:
        """The real pairs that the arms of a fold may learn from; they show no unseen class."""
        inner = self.section.folds is not None
        known = self._pool[self._folds != fold] if inner else self.reference.train
        return without(known, self.section.unseen, self.reference.classes)

    def _tried(self, arm: Arm, network: Segmenter | Classifier) -> pd.DataFrame:
        pairs: PairBatch | Block = self.reference.held_out
        tried = None
        if arm.kind == "reversed":
            pairs = self.synthetic
        elif self.section.folds is not None:
            pairs, tried = self._pool, self._folds == arm.fold
        if isinstance(network, Classifier):
            return try_class_arm(arm, network, pairs, tried)
        return try_arm(arm, network, pairs, self.section.tolerance_mm, tried)

    def _trained(self, arm: Arm, child: Record) -> Segmenter | Classifier:
        place = self.place(arm)
        kept: Segmenter | Classifier | None = (
            read_back(load_classifier, place)
            if arm.classifies
            else read_back(load_segmenter, place)
        )
        if kept is not None:
            return kept
        network, loop = self._started(arm)
        follow(loop, f"training {arm.name}", self.section.steps, child)
        if isinstance(network, Classifier):
            save_classifier(network, place)
        else:
            save_segmenter(network, place)
        return network

    def _register(self, arm: Arm, network: Segmenter | Classifier, child: Record) -> None:
        """Makes the weights a version of the registered model of this data set and network.

        No alias: which of them to use is for whoever reads the scores, not for the last trial.
        """
        place = self.place(arm)
        origin = {"snapshot": self.snapshot, "source": self.reference.source}
        child.register(
            f"{self.registered}-{arm.network}",
            place,
            # Two arms of the same images have equal weights, and are two trainings.
            digest({"training": place.name, "weights": network.digest}),
            None,
            {**origin, "arm": arm.name, **_tags(arm)},
        )

    def _started(self, arm: Arm) -> tuple[Segmenter | Classifier, Iterator[Step]]:
        pairs, steps = (self.to_learn(arm.fold), self.synthetic), self.section.steps
        bridge = self.section.bridge
        if arm.classifies:
            named = self._findings(arm)
            return start_class_arm(arm, *pairs, named, steps, self._choosers(arm), bridge)
        named = self.reference.domains[arm.domain].classes
        place = self.place(arm)
        work = place.with_name(f"{place.name}.work")
        return start_arm(arm, *pairs, named, steps, self._choosers(arm), bridge, work)

    def _choosers(self, arm: Arm) -> Block | None:
        # Rows that claim to rest on k images must not have their weights chosen by others.
        if arm.fold is not None or self.seen.held_to_few:
            return None
        if arm.classifies:
            return class_choosers(self.validation, arm.domain, self._findings(arm))
        if self.validation is None:
            return None
        shown = without(self.validation, self.section.unseen, self.reference.classes)
        return choosers(shown, arm.domain)

    def _hidden(self, arm: Arm) -> list[str]:
        """The unseen classes of the arm's domain, where real pairs enter its training."""
        if not arm.learns_real and self._choosers(arm) is None:
            return []
        return sorted({*self.section.unseen} & {*self.reference.classes[arm.domain]})

    def _findings(self, arm: Arm) -> tuple[str, ...]:
        # One fold may lack a rare finding that another one shows: all are told apart in all.
        known = self.reference.train if arm.fold is None else self._pool
        return findings_of(known, arm.domain)

    @cached_property
    def _pool(self) -> PairBatch:
        held = [] if self.validation is None else [self.validation]
        return PairBatch.concatenate([self.reference.train, *held, self.reference.held_out])

    @cached_property
    def _folds(self) -> NDArray[np.intp]:
        return folds_of(self._pool, self.section.folds or 1)


def numbers(cases: pd.DataFrame) -> dict[str, float]:
    """The means of one segmenter over cases that show something, where they can be told."""
    macro = cases[(cases["class"] == MACRO) & cases["shown"]]
    known = [name for name in MEASURES if macro[name].notna().any()]
    return {name: float(macro[name].mean()) for name in known}


def _tags(arm: Arm) -> dict[str, str]:
    return {name: str(value) for name, value in arm.fields.items()}
