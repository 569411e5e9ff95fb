"""Compare: a recipe of many domains -> specialists against generalists, and what each costs."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from pathlib import Path

from evaluation.pairs import domain_of, take
from evaluation.report.comparison_chart import comparison_chart
from evaluation.statistics.bootstrap import Estimate
from evaluation.utility.generator_comparison import (
    PairedDifference,
    compare_domain,
    distances_and_alignment,
    paired_difference,
)
from factory.identity import digest
from factory.models.checkpoints import checkpoint_digest
from flows.context import RunContext
from flows.stages import stage_flow
from tasks.real_data import Reference
from tasks.scoring import ModelCache
from tasks.services.mlflow_tracking import Record
from tasks.specialists.contenders import GENERALIST, GENERALIST_SHORT, SPECIALISTS, contenders
from tasks.specialists.training import Trained, costs, draw, train_contenders

IMAGES = 64  # of each domain, drawn by each arm


@dataclass(frozen=True)
class Comparison:
    """Specialists, the generalist of their total training, and that of one's training.

    Attributes:
        recipe: name.
        images: that each arm drew of each domain.
        split: of the real images they are held against.
        costs: arm -> models, parameters, steps, seconds, cost; see `tasks.specialists.costs`.
        levels: a row per domain and arm; see `generator_comparison.distances_and_alignment`.
        figures: `generalist_alignment_loss`, `generalist_distance_ratio`, and the same of
            `generalist_short`, each against the specialists: value, low, high, n.
        file: where this is kept as JSON.
        chart: a picture of the levels.
    """

    recipe: str
    images: int
    split: str
    costs: dict[str, dict[str, float]]
    levels: list[dict[str, object]]
    figures: dict[str, dict[str, float | None]]
    file: Path
    chart: Path


@stage_flow("compare")
def compare_stage(context: RunContext, images: int = IMAGES, final: bool = False) -> Comparison:
    """Trains specialists and generalists of a recipe, and compares what they draw.

    Models that the home holds are not trained again, and trainings that were stopped go on.

    Args:
        context: of a recipe of two domains or more, with the generator `medisyn`.
        images: that each arm draws of each domain.
        final: hold the images against the test split; the lake keeps count.
    """
    with context.record.child("compare") as record:
        recipe, models = context.recipe, context.settings.models
        wanted = contenders(recipe.source, recipe.generator, context.source.domains)
        trained = train_contenders(wanted, models, recipe.name, recipe.image, record)
        reference = context.reference
        if final:
            reference = reference.with_test(context.source)
            context.lake.open_test(_subject(trained), reference.digest, "compare")
        return _compared(context, trained, reference, images, record)


def _subject(trained: list[Trained]) -> str:
    return digest([checkpoint_digest(each.folder) for each in trained])


def _compared(
    context: RunContext, trained: list[Trained], reference: Reference, images: int, record: Record
) -> Comparison:
    cache = ModelCache(reference, context.recipe.evaluate, context.settings.models, record)
    domains = []
    for name, domain in reference.domains.items():
        drawn = {
            each.contender.arm: draw(each, domain, images, context.recipe.image)
            for each in trained
            if name in each.contender.domains
        }
        real = [take(p, domain_of(p) == name) for p in (reference.train, reference.held_out)]
        judge = cache.finding_classifier(name)
        domains.append(compare_domain(name, real[0], real[1], drawn, judge))
    table = distances_and_alignment(domains)
    figures = {
        f"{arm}_{what}": _plain(estimate)
        for arm in (GENERALIST, GENERALIST_SHORT)
        for what, estimate in _named(paired_difference(domains, arm, SPECIALISTS)).items()
    }
    folder = context.settings.reports
    folder.mkdir(parents=True, exist_ok=True)
    # What was held against the test split does not replace what was chosen by on the other.
    name = f"{context.recipe.name}-compare{'-final' * (reference.split == 'test')}"
    result = Comparison(
        recipe=context.recipe.name,
        images=images,
        split=reference.split,
        costs=costs(trained),
        levels=[_row(row) for row in table.to_dict("records")],
        figures=figures,
        file=folder / f"{name}.json",
        chart=folder / f"{name}.png",
    )
    result.chart.write_bytes(comparison_chart(table).png)
    _keep(result, trained)
    return result


def _named(found: PairedDifference) -> dict[str, Estimate]:
    return {"alignment_loss": found.alignment_loss, "distance_ratio": found.distance_ratio}


def _plain(estimate: Estimate) -> dict[str, float | None]:
    bounds = (estimate.value, estimate.low, estimate.high)
    value, low, high = (x if isfinite(x) else None for x in bounds)
    return {"value": value, "low": low, "high": high, "n": estimate.n}


def _row(row: Mapping[Hashable, object]) -> dict[str, object]:
    unknown = {name for name, value in row.items() if isinstance(value, float) and isnan(value)}
    return {str(name): None if name in unknown else value for name, value in row.items()}


def _keep(result: Comparison, trained: list[Trained]) -> None:
    content = {
        "recipe": result.recipe,
        "images": result.images,
        "split": result.split,
        "checkpoints": {
            f"{each.contender.arm}/{'+'.join(each.contender.domains)}": each.folder.name
            for each in trained
        },
        "costs": result.costs,
        "levels": result.levels,
        "figures": result.figures,
    }
    text = json.dumps(content, indent=2, allow_nan=False)
    result.file.write_text(text + "\n", encoding="utf-8")
