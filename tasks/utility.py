"""What the pairs are worth: every arm a segmenter, trained, tried on real pairs, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.lake import Lake
from evaluation.learners import Segmenter, load_segmenter, save_segmenter
from evaluation.metrics import Score
from evaluation.sections import UtilitySection
from evaluation.tables import About
from evaluation.utility import MACRO, Arm, arms, gains, levels, start_arm, try_arm, utility_scores
from factory.identity import digest
from factory.pairs import PairBatch
from tasks.reference import Reference
from tasks.scoring import follow
from tasks.tracking import Record


@dataclass(frozen=True, eq=False)
class Utility:
    """What all arms came to.

    Attributes:
        levels: how well each kind of training does, see `evaluation.utility.levels`.
        gains: what synthetic pairs add, see `evaluation.utility.gains`.
        scores: the gains as scores.
    """

    levels: pd.DataFrame
    gains: pd.DataFrame
    scores: tuple[Score, ...]


@task(task_run_name="utility", cache_policy=NO_CACHE, persist_result=False)
def try_pairs(
    section: UtilitySection,
    reference: Reference,
    synthetic: PairBatch,
    snapshot: str,
    folder: Path,
    record: Record,
) -> Utility:
    """Trains every arm that was not trained before, and tries all of them on real pairs."""
    bench = Bench(section, reference, synthetic, snapshot, folder, record)
    tried = [bench.try_arm(arm) for arm in arms(section, reference.train, synthetic)]
    cases = pd.concat(tried, ignore_index=True)
    table = gains(cases)
    return Utility(levels(cases), table, tuple(utility_scores(table)))


@task(task_run_name="record-utility", cache_policy=NO_CACHE, persist_result=False)
def record_utility(lake: Lake, about: About, scores: Sequence[Score]) -> None:
    """Writes the gains of a version to the lake."""
    lake.record(about, scores)


@dataclass(frozen=True, eq=False)
class Bench:
    """Everything that the arms of one version share."""

    section: UtilitySection
    reference: Reference
    synthetic: PairBatch
    snapshot: str
    folder: Path
    record: Record

    def try_arm(self, arm: Arm) -> pd.DataFrame:
        """Dice of one arm on every held-out pair, see `ArmResult.cases`."""
        with self.record.child(arm.name, {"purpose": "utility", **_tags(arm)}) as child:
            segmenter = self._trained(arm, child)
            rows, cases = try_arm(arm, segmenter, self.reference.held_out)
            macro = rows[rows["class"] == MACRO].iloc[0]
            child.metrics({name: macro[name] for name in ("dice", "iou") if macro[name] >= 0})
        return cases

    def _trained(self, arm: Arm, child: Record) -> Segmenter:
        place = self.folder / f"{arm.name}-{self._digest(arm)[:12]}"
        if place.is_dir():
            return load_segmenter(place)
        classes = self.reference.domains[arm.domain].classes
        segmenter, loop = start_arm(
            arm, self.reference.train, self.synthetic, classes, self.section.steps
        )
        follow(loop, f"training {arm.name}", self.section.steps, child)
        save_segmenter(segmenter, place)
        return segmenter

    def _digest(self, arm: Arm) -> str:
        # A segmenter trained on real pairs alone serves every version.
        made = self.snapshot if arm.kind != "real" else ""
        return digest({**self.reference.taught, "pairs": made, "steps": self.section.steps})


def _tags(arm: Arm) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(arm).items()}
