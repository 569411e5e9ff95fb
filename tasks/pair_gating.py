"""Gates on single pairs: their numbers worked out once, and what they say against each pair."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.agreement.cross_fold import FOLDS, fold_agreement, fold_models
from evaluation.folds import folds_of
from evaluation.gating.pair_gates import missed, reason
from evaluation.gating.pair_metrics import TRAINED, pair_numbers
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.networks.segmenter import Segmenter
from evaluation.pairs import Block, by_domain, take
from evaluation.privacy.image_distance import DistanceCache
from evaluation.settings import EvaluateSection
from factory.identity import digest
from factory.pairs import PairBatch
from factory.store.checks import GATED, Reason, Reasons, whole_volumes
from factory.store.repository import Store
from factory.store.snapshot import Rows, Snapshot
from tasks.provenance import rejections
from tasks.real_data import Reference
from tasks.scoring import follow
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage

Work = Callable[[PairBatch, list[str]], pd.DataFrame]

BLOCK = 5000  # pairs whose numbers are worked out at a time

# Number of a pair -> the bit it sets; any other sets PAIR_GATE.
BITS = {"nearest_distance": Reason.NEAR_COPY, "copied": Reason.NEAR_COPY}


@dataclass(frozen=True, eq=False)
class PairVerdicts:
    """What is wrong with the pairs of a run.

    Attributes:
        reasons: (N,) bits of `Reason` for every row of the snapshot.
        sentences: row -> what the gates on single pairs say against it.
    """

    reasons: Reasons
    sentences: Mapping[int, tuple[str, ...]]


@task(task_run_name="screen-{branch}", cache_policy=NO_CACHE, persist_result=False)
def screen(store: Store, branch: str, gates: Mapping[str, str], gating: PairGating) -> PairVerdicts:
    """Holds the pairs of a run against the gates on single pairs.

    What workers found wrong stays; what gates of another time said is forgotten.
    """
    snapshot = store.snapshot(branch)
    reasons = snapshot.reason & ~np.uint32(GATED)
    table = gating.numbers(snapshot, list(gates))
    sentences: dict[int, tuple[str, ...]] = {}
    for name, miss in missed(gates, table).items():
        bit = BITS.get(name, Reason.PAIR_GATE)
        for row, value in table.loc[miss, ["row", name]].itertuples(index=False):
            reasons[int(row)] |= np.uint32(bit)
            sentences[int(row)] = (*sentences.get(int(row), ()), reason(name, gates[name], value))
    return PairVerdicts(_of_volumes(snapshot, reasons), sentences)


def _of_volumes(snapshot: Snapshot, reasons: Reasons) -> Reasons:
    """A volume is accepted or rejected as a whole: one slice less would tear it."""
    rows = snapshot.asked()
    facets = snapshot.facets(rows)
    if "volume" not in facets:
        return reasons
    found = reasons.copy()
    found[rows] = whole_volumes(reasons[rows], facets["volume"].tolist())
    return found


@task(task_run_name="rejections", cache_policy=NO_CACHE, persist_result=False)
def record_rejections(
    lake: Lake, snapshot: Snapshot, sentences: Mapping[int, tuple[str, ...]]
) -> None:
    """Writes to the lake which pairs were rejected, and why."""
    lake.record_rejections(
        ScoreKey(snapshot.id, data_set=snapshot.name), rejections(snapshot, sentences)
    )


@dataclass(frozen=True, eq=False)
class PairGating:
    """Works out the gated numbers of pairs, unless the lake has them already.

    Attributes:
        lake: that keeps them.
        reference: the real pairs.
        section: of the recipe; folds train the judge's kind of network.
        record: of the run.
    """

    lake: Lake
    reference: Reference
    section: EvaluateSection
    record: Record

    def numbers(self, snapshot: Snapshot, names: Collection[str]) -> pd.DataFrame:
        """The numbers of every pair that was asked for, and its row."""
        rows = snapshot.asked()
        table = pd.DataFrame({"row": rows, **{name: np.empty(len(rows)) for name in names}})
        if not len(rows):
            return table
        plain = [name for name in names if name != TRAINED]
        if plain:
            about = ScoreKey(snapshot.pairs_id, self.reference.digest, data_set=snapshot.name)
            # Distances of many more pairs would be kept in vain: only a sample of them is scored.
            kept = self.reference.distances if len(rows) <= BLOCK else None
            work = partial(self._plain, distances=kept)
            table[plain] = self._known(snapshot, rows, about, plain, work, BLOCK)[plain]
        if TRAINED in names:
            taught = [self.section.judge, self.section.judge_steps, self.section.seed]
            about = ScoreKey(snapshot.pairs_id, judge=digest(taught), data_set=snapshot.name)
            every = max(1, len(rows))  # folds learn from all of them
            found = self._known(snapshot, rows, about, [TRAINED], self._agreement, every)
            table[TRAINED] = found[TRAINED]
        return table

    def _known(
        self,
        snapshot: Snapshot,
        rows: Rows,
        about: ScoreKey,
        names: list[str],
        work: Work,
        block: int,
    ) -> pd.DataFrame:
        """In the order of the rows; so many pairs are in memory at a time."""
        known = self.lake.pair_numbers(about, names, rows.tolist())
        if known is None:
            with stage(f"holding {len(rows)} pairs against their gates"):
                known = pd.concat(
                    found.drop(columns="pair").assign(row=rows[start + found["pair"]])
                    for start, found in _worked_out(snapshot, rows, names, work, block)
                )
            self.lake.record_pairs(about, known)
        return known.set_index("row").loc[rows].reset_index()

    def _plain(
        self, pairs: PairBatch, names: list[str], distances: DistanceCache | None
    ) -> pd.DataFrame:
        real = self.reference.train, self.reference.held_out
        return pair_numbers(pairs, *real, names, distances)

    def _agreement(self, pairs: PairBatch, names: list[str]) -> pd.DataFrame:
        parts = []
        for domain, at in by_domain(pairs):
            dice = self._of_domain(take(pairs, at), self.reference.domains[domain].classes)
            parts.append(pd.DataFrame({"pair": at, "domain": domain, TRAINED: dice}))
        return pd.concat(parts).sort_values("pair", ignore_index=True)

    def _of_domain(self, pairs: Block, classes: tuple[str, ...]) -> NDArray[np.float64]:
        section, fold = self.section, folds_of(pairs, FOLDS)
        models: list[Segmenter] = []
        for segmenter, loop in fold_models(
            pairs, fold, classes, section.judge, section.judge_steps, section.seed
        ):
            with self.record.child(f"fold-{len(models)}", {"purpose": "fold"}) as child:
                follow(loop, f"training fold {len(models) + 1}", section.judge_steps, child)
            models.append(segmenter)
        return fold_agreement(pairs, fold, models)


def _worked_out(
    snapshot: Snapshot, rows: Rows, names: list[str], work: Work, block: int
) -> Iterator[tuple[int, pd.DataFrame]]:
    for number, pairs in enumerate(snapshot.blocks(rows, block)):
        yield number * block, work(pairs, names)
