"""The report of a version: read from the store and the lake, drawn, written as one HTML file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.figures import Picture, consistency_chart, curves_chart, utility_chart
from evaluation.gates import Decision, Verdict
from evaluation.lake import Lake
from evaluation.metrics import Score
from evaluation.pictures import contact_sheet, extremes, nearest_training
from evaluation.report import Report, write_report
from factory.pairs import PairBatch
from factory.snapshot import Snapshot
from factory.store import Store
from tasks.learning import losses
from tasks.progress import stage
from tasks.reference import Reference
from tasks.tracking import Record
from tasks.utility import Utility


@task(task_run_name="report-{snapshot}", cache_policy=NO_CACHE, persist_result=False)
def report_version(
    store: Store,
    lake: Lake,
    snapshot: str,
    reference: Reference,
    utility: Utility | None,
    checkpoint: Path | None,
    folder: Path,
    record: Record,
) -> Path:
    """Writes the report of a snapshot, and its figures to the record of the run."""
    with stage("writing the report"):
        found = store.snapshot(snapshot)
        report = drawn(found, lake, reference, utility, checkpoint)
        for picture in (each for part in report.pictures.values() for each in part):
            record.figure(picture.figure, f"{picture.name}.png")
        name = f"{found.name}-{report.version or found.attributes['run']}.html"
        path = write_report(report, folder / name)
        record.file(path)
    return path


def drawn(
    snapshot: Snapshot,
    lake: Lake,
    reference: Reference,
    utility: Utility | None,
    checkpoint: Path | None,
) -> Report:
    """What goes on the page."""
    pairs, scores = snapshot.read(), lake.scores(snapshot.id)
    table = pair_table(lake, snapshot, pairs)
    recipe = snapshot.attributes["sections"]
    classes = {name: domain.classes for name, domain in reference.domains.items()}
    pictures = {
        "pairs": [contact_sheet(pairs, classes)],
        "consistency": consistency_pictures(pairs, scores, table),
        "training": [] if checkpoint is None else training_curves(losses(checkpoint)),
        "utility": [] if utility is None else [utility_chart(utility.levels)],
        # Real pixels: only where the recipe lets them be shown.
        "privacy": [nearest_training(pairs, reference.train, table)] if recipe["show_real"] else [],
    }
    return Report(
        name=snapshot.name,
        version=version_of(lake, snapshot),
        pairs=len(pairs),
        decision=decision_on(lake, snapshot),
        scores=scores,
        provenance=provenance(snapshot),
        recipe=yaml.safe_dump(recipe, sort_keys=False),
        pictures=pictures,
        gains=None if utility is None else utility.gains,
    )


def consistency_pictures(
    pairs: PairBatch, scores: Sequence[Score], table: pd.DataFrame
) -> list[Picture]:
    """The judge's Dice between its controls, and the pairs at both ends; none without masks."""
    if not pairs.has_mask.any():
        return []
    return [consistency_chart(scores), extremes(pairs, table["dice"].to_numpy())]


def pair_table(lake: Lake, snapshot: Snapshot, pairs: PairBatch) -> pd.DataFrame:
    """The newest scores of each accepted pair, in the order of the pairs.

    Returns:
        Columns pair (0 to N - 1) and one per metric: dice, nearest, nearest_distance, copied, …
    """
    told = lake.read("pair_scores", subject=snapshot.pairs_id).sort_values("recorded_at")
    newest = told.drop_duplicates(["row", "metric"], keep="last")
    wide = newest.pivot(index="row", columns="metric", values="value")
    table = wide.loc[pairs.facets["row"]].reset_index(drop=True)
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


def version_of(lake: Lake, snapshot: Snapshot) -> str:
    """The tag of a published snapshot, "" of another."""
    events = lake.versions(snapshot.name)
    out = events[(events["snapshot"] == snapshot.id) & (events["event"] == "published")]
    return f"v{out['number'].iloc[0]}" if len(out) else ""


def decision_on(lake: Lake, snapshot: Snapshot) -> Decision:
    """The newest decision on a snapshot; one without gates where there is none."""
    told = lake.read("decisions", data_set=snapshot.name, snapshot=snapshot.id)
    if not len(told):
        return Decision(())
    newest = told.sort_values("recorded_at").iloc[-1]
    return Decision(tuple(Verdict(**verdict) for verdict in json.loads(newest["evidence"])))


def provenance(snapshot: Snapshot) -> dict[str, str]:
    """Where a version comes from, for people."""
    attributes = snapshot.attributes
    return {
        "run": attributes["run"],
        "snapshot": snapshot.id,
        "generator": attributes["generator"][:12],
        "source": attributes["digests"]["source"][:12],
        "prompt grid": attributes["grid"][:12],
        "code": f"medpair-factory {attributes['code_version']}",
        "the generator had seen": "the whole training split of the source",
    }
