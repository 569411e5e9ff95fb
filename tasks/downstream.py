"""The experiment of one version: its arms, each trained once, tested and recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.folds import folds_of
from evaluation.networks.training_loop import Step
from evaluation.networks.weights import is_saved, read_back
from evaluation.pairs import Block, Pairs, take
from evaluation.settings import UtilitySection
from evaluation.utility.arm_search import REAL, Choice, arm_steps, searched
from evaluation.utility.arms import Arm
from evaluation.utility.downstream_task import AnyTask, TrainedNetwork, task_of
from evaluation.utility.exposure import NO_EXPOSURE, TrainingExposure, provenance
from evaluation.utility.registry import TASKS, every_arm
from evaluation.utility.unseen_classes import check_unseen, without
from factory.identity import digest
from factory.pairs import PairBatch
from tasks.real_data import Reference
from tasks.scoring import follow
from tasks.services.mlflow_tracking import Record

CHOICE = "choice.json"  # beside the weights of an arm that was searched


@dataclass(frozen=True, eq=False)
class DownstreamExperiment:
    """Everything that the arms of one version share.

    Attributes:
        section: of the recipe.
        reference: real pairs to learn from, and those that are scored.
        synthetic: accepted pairs of the version.
        snapshot: its id.
        folder: of trained networks.
        record: of the run.
        exposure: what the generator was trained on.
        validation: real pairs that are neither learned from nor scored; None where there are none.
        registered: name of the data set whose models MLflow registers; "" registers none.
        fold: that the reference holds out, where other experiments hold out the others; else None.
        drawn: how many accepted pairs were drawn at most; None where all of them are there.
        tasks: that networks are trained for.
    """

    section: UtilitySection
    reference: Reference
    synthetic: PairBatch
    snapshot: str
    folder: Path
    record: Record
    exposure: TrainingExposure = NO_EXPOSURE
    validation: PairBatch | None = None
    registered: str = ""
    fold: int | None = None
    drawn: int | None = None
    tasks: Sequence[AnyTask] = TASKS

    def arms(self) -> list[Arm]:
        """Every arm that the section asks for.

        Raises:
            InputError: if there are too few real images or patients, the generator knows the
                patients that folds would test networks on, or classes cannot be kept unseen.
        """
        check_unseen(self.section, self._known(None), self.synthetic, self.reference.classes)
        if self.section.folds is None:
            return self._arms(None, self.fold)
        if self.exposure.may_hold_patients:
            raise InputError(
                "utility.folds would test networks on patients that the generator was trained on, "
                "and its pairs carry them over: leave folds out, use a generator trained on other "
                "data, or train one for each fold by `medpair folds`"
            )
        return [arm for fold in range(self.section.folds) for arm in self._arms(fold, fold)]

    def untrained(self, arms: Sequence[Arm]) -> list[Arm]:
        """Those of the arms that are still to be trained, each training once."""
        trainings = dict.fromkeys(arm.trained_as for arm in arms)
        return [arm for arm in trainings if not is_saved(self.place(self._equal(arm)))]

    def test_arm(self, arm: Arm) -> pd.DataFrame:
        """Every number of one arm, case by case; columns as `DownstreamTask.utility` reads them."""
        task = self.task(arm)
        with self.record.child(arm.name, {"purpose": "utility", **self._tags(arm)}) as child:
            # Runs are found by tags; it is parameters that MLflow's pages compare and plot by.
            child.parameters({**self._tags(arm), "steps": self.section.steps})
            network = self._trained(arm.trained_as, child)
            if self.registered:
                self._register(arm.trained_as, network, child)
            pairs, within = self._tested_on(arm)
            cases = task.test(arm, network, pairs, self._targets(arm), self.section, within)
            child.metrics(task.numbers(cases))
        return cases.assign(
            chosen=str(self.choice(arm).mixture) if arm.kind == "searched" else "",
            provenance=self.provenance(arm),
            weights="last" if self._choosers(arm) is None else "validated",
        )

    def cases(self, arms: Sequence[Arm]) -> dict[str, pd.DataFrame]:
        """The cases of all arms, by the name of their task."""
        found: dict[str, list[pd.DataFrame]] = {}
        for arm in arms:
            found.setdefault(self.task(arm).name, []).append(self.test_arm(arm))
        return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}

    def task(self, arm: Arm) -> AnyTask:
        """What the arm's network learns."""
        return task_of(arm, self.tasks)

    def provenance(self, arm: Arm) -> str:
        """What the generator was trained on, "" for an arm without synthetic pairs."""
        if not arm.needs_synthetic:
            return ""
        return provenance(self.exposure, self._pairs_learnt(arm) if arm.learns_real else None)

    def _pairs_learnt(self, arm: Arm) -> int:
        """Real pairs of an arm; one that counts volumes learns all their slices."""
        task = self.task(arm)
        real = task.learnable(self.to_learn(arm.fold), arm.domain, self._targets(arm))
        return len(task.subset(real, arm.images, arm.seed))

    def choice(self, arm: Arm) -> Choice:
        """How an arm `searched` that was trained uses pairs."""
        return Choice.read(json.loads((self.place(arm) / CHOICE).read_text()))

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
        # These keys stay as they were first called: what was trained is found by them.
        if arm.learns_synthetic and self.section.domain_randomisation is not None:
            identity["bridge"] = self.section.domain_randomisation.model_dump(mode="json")
        if arm.learns_synthetic and self.drawn is not None:
            identity["sample"] = self.drawn
        if hidden := self._hidden(arm):
            identity["unseen"] = hidden
        if arm.kind == "searched":
            identity["search"] = self.section.search.model_dump(mode="json")
        return self.folder / f"{arm.name}-{digest(identity)[:12]}"

    def to_learn(self, fold: int | None) -> Pairs:
        """The real pairs that the arms of a fold may learn from; they show no unseen class."""
        return without(self._known(fold), self.section.unseen, self.reference.classes)

    def _arms(self, fold: int | None, mark: int | None) -> list[Arm]:
        return every_arm(self.section, self.to_learn(fold), self.synthetic, mark, self.tasks)

    def _known(self, fold: int | None) -> Pairs:
        """The real pairs outside of a fold; for None all of the folds, or the training split."""
        if self.section.folds is None:
            return self.reference.train
        return self._pool if fold is None else self._pool[self._folds != fold]

    def _tested_on(self, arm: Arm) -> tuple[Pairs, NDArray[np.bool_] | None]:
        if arm.kind == "reversed":
            return self.synthetic, None
        if self.section.folds is not None:
            return self._pool, self._folds == arm.fold
        return self.reference.held_out, None

    def _trained(self, arm: Arm, child: Record) -> TrainedNetwork:
        task, chosen = self.task(arm), self._as_chosen(arm, child)
        place = self.place(self._equal(arm))
        kept: TrainedNetwork | None = read_back(partial(task.load, arm.network), place)
        if kept is not None:
            return kept
        network, loop = task.start(
            chosen,
            self.to_learn(arm.fold),
            self.synthetic,
            self._targets(arm),
            self.section.steps,
            self._choosers(arm),
            self.section.domain_randomisation,
            place.with_name(f"{place.name}.work"),
        )
        follow(loop, f"training {arm.name}", self.section.steps, child)
        task.save(network, place)
        return network

    def _as_chosen(self, arm: Arm, child: Record) -> Arm:
        """The arm as its search says it is best trained; any other arm as it is."""
        if arm.kind != "searched":
            return arm
        kept = self.place(arm) / CHOICE
        if not kept.is_file():
            choice = self._search(arm, child)
            kept.parent.mkdir(parents=True, exist_ok=True)
            beside = kept.with_suffix(".part")
            beside.write_text(json.dumps(choice.card))
            beside.replace(kept)
        choice = self.choice(arm)
        child.tags({"chosen": str(choice.mixture)})
        return choice.mixture.applied(arm)

    def _equal(self, arm: Arm) -> Arm:
        """The arm that has the same training: one whose search chose no pairs is `real`."""
        if arm.kind != "searched" or not (self.place(arm) / CHOICE).is_file():
            return arm
        mixture = self.choice(arm).mixture
        return mixture.applied(arm) if mixture == REAL else arm

    def _search(self, arm: Arm, child: Record) -> Choice:
        task, targets = self.task(arm), self._targets(arm)
        real = task.learnable(self.to_learn(arm.fold), arm.domain, targets)
        own = take(real, task.subset(real, arm.images, arm.seed))
        choices: list[Choice] = []

        def steps() -> Iterator[Step]:
            search = searched(task, arm, own, self.synthetic, targets, self.section)
            choices.append((yield from search))

        total = arm_steps(arm, self.section) - self.section.steps
        follow(steps(), f"searching {arm.name}", total, child)
        return choices[0]

    def _register(self, arm: Arm, network: TrainedNetwork, child: Record) -> None:
        """Makes the weights a version of the registered model of this data set and network.

        No alias: which of them to use is for whoever reads the scores, not for the last test.
        """
        place = self.place(self._equal(arm))
        origin = {"snapshot": self.snapshot, "source": self.reference.source}
        child.register(
            f"{self.registered}-{arm.network}",
            place,
            # Two arms of the same images have equal weights, and are two trainings.
            digest({"training": place.name, "weights": network.digest}),
            None,
            {**origin, "arm": arm.name, **self._tags(arm)},
        )

    def _choosers(self, arm: Arm) -> Block | None:
        # Rows that claim to rest on k images must not have their weights chosen by others.
        if arm.fold is not None or self.exposure.held_to_few or self.validation is None:
            return None
        shown = without(self.validation, self.section.unseen, self.reference.classes)
        return self.task(arm).choosers(shown, arm.domain, self._targets(arm))

    def _hidden(self, arm: Arm) -> tuple[str, ...]:
        """The unseen classes of the arm's domain, where real pairs enter its training."""
        if not arm.learns_real and self._choosers(arm) is None:
            return ()
        return self.task(arm).unseen_of(self.section, self.reference.classes[arm.domain])

    def _targets(self, arm: Arm) -> tuple[str, ...]:
        # One fold may lack a rare finding that another one shows: all are told apart in all.
        known = self.reference.train if arm.fold is None else self._pool
        return self.task(arm).targets(known, arm.domain, self.reference.classes[arm.domain])

    def _tags(self, arm: Arm) -> dict[str, str]:
        return {k: str(value) for k, value in arm.fields(self.task(arm).network).items()}

    @cached_property
    def _pool(self) -> PairBatch:
        held = [] if self.validation is None else [self.validation]
        return PairBatch.concatenate([self.reference.train, *held, self.reference.held_out])

    @cached_property
    def _folds(self) -> NDArray[np.intp]:
        return folds_of(self._pool, self.section.folds or 1)
