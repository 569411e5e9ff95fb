"""The report of a version: read from the store and the lake, drawn, written as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.lake.lake import Lake
from evaluation.lake.loops import loop_of
from evaluation.lake.readings import readings_of
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.report.charts import (
    Picture,
    class_chart,
    consistency_chart,
    curves_chart,
    utility_chart,
)
from evaluation.report.gallery import Beside, Shelf, accepted_shelves, rejected_shelf
from evaluation.report.image_sheets import (
    contact_sheet,
    extremes,
    nearest_training,
    rejected_pairs,
    sheet_facets,
)
from evaluation.report.loop_chart import loop_chart
from evaluation.report.loop_table import LoopTable
from evaluation.report.reading_table import ReadingTable
from evaluation.report.report import Report, write_report
from evaluation.utility.result import Utility
from factory.intended_use import FORBIDDEN, INTENDED
from factory.models.checkpoints import read_card
from factory.models.lineage import training_history
from factory.pairs import PairBatch
from factory.store.checks import names
from factory.store.repository import Store
from factory.store.sample import Sample
from factory.store.shards import Status
from factory.store.snapshot import Rows, Snapshot
from tasks.generator_training import losses
from tasks.provenance import decided, decision_on, origin, provenance, rejected_for, version_of
from tasks.real_data import Reference
from tasks.reports.changes import changes_between, version_before
from tasks.services.mlflow_tracking import Record
from tasks.services.processor_time import newly_used
from tasks.services.progress import stage


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a report tells of, besides the pairs themselves.

    Attributes:
        about: the snapshot, the real data it was held against and the judge.
        config_digest: of the scoring, see `evaluation.scoring.version.config_digest`.
        reference: the real pairs.
        utility: of the pairs; None where it was not measured.
        sample: how many accepted pairs were scored at most; others are not shown.
        show_real: whether real pixels may be shown.
        kept_back: whether a gate kept them back this time; the page is the run's then, also where
            the same pairs are out as a version, whose own page stays as it is.
    """

    about: ScoreKey
    config_digest: str
    reference: Reference
    utility: Utility | None
    sample: int
    show_real: bool
    kept_back: bool = False

    @property
    def shown_real(self) -> PairBatch | None:
        """The real training pairs, where they may be shown."""
        return self.reference.train if self.show_real else None


@task(task_run_name="report-{evidence.about.subject}", cache_policy=NO_CACHE, persist_result=False)
def report_version(
    store: Store,
    lake: Lake,
    evidence: Evidence,
    weights: Sequence[Path],
    checkpoint: Path | None,
    folder: Path,
    record: Record,
) -> Path:
    """Writes the report of a snapshot, and its figures to the record of the run.

    Args:
        store: the data set.
        lake: the record of scores.
        evidence: what is reported.
        weights: checkpoints that made the pairs; none for a generator without.
        checkpoint: the same where this recipe trained it, for its curves.
        folder: of the reports.
        record: of the run.
    """
    with stage("writing the report"):
        found = store.snapshot(evidence.about.subject)
        used = record.add("processor_seconds", newly_used())
        report = drawn(store, found, lake, evidence, weights, checkpoint, used)
        for picture in (each for part in report.pictures.values() for each in part):
            record.figure(picture.figure, f"{picture.name}.png")
        name = f"{found.name}-{report.version or found.attributes['run']}.html"
        path = write_report(report, folder / name)
        record.file(path)
    return path


def drawn(
    store: Store,
    snapshot: Snapshot,
    lake: Lake,
    evidence: Evidence,
    weights: Sequence[Path],
    checkpoint: Path | None,
    processor_seconds: float,
) -> Report:
    """What goes on the page."""
    sample, utility = Sample.drawn(snapshot, evidence.sample), evidence.utility
    pairs = snapshot.read(sample.accepted)
    recipe = snapshot.attributes["sections"]
    table = pair_table(lake, snapshot, evidence.about)
    drawings = pictures(snapshot, sample, pairs, lake, evidence, accepted(table, pairs))
    drawings["training"] = [] if checkpoint is None else training_curves(losses(checkpoint))
    rounds = loop_of(lake, snapshot.id)
    drawings["loop"] = [] if rounds.empty else [loop_chart(rounds)]
    source, parts = evidence.reference.source, evidence.reference.parts
    cards = [read_card(each) for each in weights]
    histories = [training_history(card, source, parts) for card in cards]
    before = version_before(store, lake, snapshot)
    return Report(
        name=snapshot.name,
        version="" if evidence.kept_back else version_of(lake, snapshot),
        pairs=sample.of,
        scored=len(pairs),
        decision=decision_on(lake, evidence.about, evidence.kept_back),
        scores=lake.decision_scores(evidence.about, evidence.config_digest),
        provenance={
            **provenance(snapshot),
            "the generator had seen": "; ".join(dict.fromkeys(histories))
            or training_history(None, source),
        },
        recipe=yaml.safe_dump(recipe, sort_keys=False),
        pictures=drawings,
        utility=utility,
        rejected=rejected_for(snapshot),
        evidence=decided(lake, evidence.about, evidence.kept_back),
        maskless=int(np.sum(~snapshot.has_mask[snapshot.rows(Status.ACCEPTED)])),
        shelves=shelves(snapshot, sample, pairs, evidence, table),
        facts={
            "intended use": INTENDED,
            "forbidden use": FORBIDDEN,
            **origin(snapshot, cards, evidence.reference.licence, processor_seconds),
            **({} if before is None else changed(store, lake, before, snapshot)),
        },
        loop=LoopTable.of(rounds),
        readings=[ReadingTable.of(*each) for each in readings_of(lake, snapshot.id).items()],
    )


def changed(store: Store, lake: Lake, before: str, snapshot: Snapshot) -> dict[str, str]:
    """What changed since the version before, in a sentence."""
    found = changes_between(store.snapshot(before), snapshot, lake, (before, "this version"))
    return {f"changed since {before}": found.sentence}


def shelves(
    snapshot: Snapshot,
    sample: Sample,
    pairs: PairBatch,
    evidence: Evidence,
    table: pd.DataFrame,
) -> list[Shelf]:
    """Pairs to look at, rejected ones last; real pixels only where the recipe lets them be shown."""
    real = evidence.shown_real
    classes = {name: domain.classes for name, domain in evidence.reference.domains.items()}
    found = [*accepted_shelves(pairs, Beside(classes, accepted(table, pairs), real))]
    if len(rows := sample.rejected):
        told = Beside(classes, table.reindex(rows).reset_index(drop=True), real)
        found.append(rejected_shelf(snapshot.read(rows), rejections(snapshot, rows), told))
    return found


def rejections(snapshot: Snapshot, rows: Rows) -> list[str]:
    """Why each of some rejected pairs was rejected, in words."""
    return [", ".join(names(int(bits))) for bits in snapshot.reason[rows]]


def pictures(
    snapshot: Snapshot,
    sample: Sample,
    pairs: PairBatch,
    lake: Lake,
    evidence: Evidence,
    table: pd.DataFrame,
) -> dict[str, list[Picture]]:
    """The figures of each section; real pixels only where the recipe lets them be shown."""
    scores = lake.decision_scores(evidence.about, evidence.config_digest)
    real, utility = evidence.shown_real, evidence.utility
    classes = {name: domain.classes for name, domain in evidence.reference.domains.items()}
    return {
        "pairs": [contact_sheet(pairs, classes, facet=name) for name in sheet_facets(pairs)],
        "rejected": rejected_sheet(snapshot, sample.rejected),
        "consistency": consistency_pictures(pairs, scores, table),
        "utility": [] if utility is None else learning_curves(utility),
        "privacy": [] if real is None else [nearest_training(pairs, real, table)],
    }


def learning_curves(utility: Utility) -> list[Picture]:
    """A chart of the segmenters and one of the classifiers, whichever were trained."""
    masks, findings = utility.segmentation.levels, utility.classification.levels
    charts = [] if masks.empty else [utility_chart(masks)]
    return charts if findings.empty else [*charts, class_chart(findings)]


def rejected_sheet(snapshot: Snapshot, rows: Rows) -> list[Picture]:
    """Rejected pairs by reason; nothing where there are none."""
    if not len(rows):
        return []
    return [rejected_pairs(snapshot.read(rows), rejections(snapshot, rows))]


def consistency_pictures(
    pairs: PairBatch, scores: Sequence[Score], table: pd.DataFrame
) -> list[Picture]:
    """The judge's Dice between its controls, and the pairs at both ends; none without masks."""
    if not pairs.has_mask.any():
        return []
    return [consistency_chart(scores), extremes(pairs, table["dice"].to_numpy())]


def pair_table(lake: Lake, snapshot: Snapshot, about: ScoreKey) -> pd.DataFrame:
    """The numbers of each pair that has any, by its row in the store.

    Returns:
        A column per number: dice, nearest, nearest_distance, copied, …
    """
    found = lake.read(
        "pair_scores", subject=snapshot.pairs_id, reference=about.reference, judge=about.judge
    )
    newest = found.sort_values("version").drop_duplicates(["row", "metric"], keep="last")
    return newest.pivot(index="row", columns="metric", values="value")


def accepted(table: pd.DataFrame, pairs: PairBatch) -> pd.DataFrame:
    """The numbers of accepted pairs, in their order, with the column pair (0 to N - 1)."""
    table = table.loc[pairs.facets["row"]].reset_index(drop=True)
    whole = {"nearest": "int64", "copied": "bool"}
    return table.astype(whole).rename_axis("pair").reset_index()


def training_curves(table: pd.DataFrame) -> list[Picture]:
    """A chart of the losses of each stage of a training."""
    return [
        curves_chart(
            {str(loss): points for loss, points in part.groupby("loss")},
            title=f"Training of the {name}",
            value="loss",
        )
        for name, part in table.groupby("stage", sort=False)
    ]
