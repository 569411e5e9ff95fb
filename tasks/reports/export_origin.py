"""Where an exported version comes from, as its data card tells it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.lake.lake import Lake
from factory.exports.by_domain import Origin
from factory.models.checkpoints import read_card
from factory.store.snapshot import Snapshot
from tasks.provenance import learnt_licence, standing_decision, verdicts_of, version_of


def export_origin(
    snapshot: Snapshot, lake: Lake, weights: Sequence[Path] | None, layout: str
) -> Origin:
    """What the lake and the generator's checkpoints say of a version.

    Args:
        snapshot: the version.
        lake: the record of scores.
        weights: checkpoints of the generator, () for one without; None where they are unknown.
        layout: name of the export.
    """
    licence = "unknown"
    if weights is not None and all(place.is_dir() for place in weights):
        licence = learnt_licence([read_card(place) for place in weights])
    return Origin(version_of(lake, snapshot), licence, gate_outcomes(lake, snapshot), layout)


def gate_outcomes(lake: Lake, snapshot: Snapshot) -> dict[str, str]:
    """Gate -> what it asked and what was measured, of the decision that stands; {} without any."""
    decision = standing_decision(lake, snapshot.id, data_set=snapshot.name)
    return {f"{each.gate} {each.bound}": each.reason for each in verdicts_of(decision)}
