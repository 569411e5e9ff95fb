"""Where a version comes from, and who decided what about it on which evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evaluation.gating.version_gates import Decision, Verdict
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from factory.images import ImageSection
from factory.store.checks import GATED, names
from factory.store.snapshot import Snapshot
from factory.store.versions import describe
from tasks.real_data import reference_digest


def version_of(lake: Lake, snapshot: Snapshot) -> str:
    """The tag of a published snapshot, "" of another."""
    events = lake.versions(snapshot.name)
    out = events[(events["snapshot"] == snapshot.id) & (events["event"] == "published")]
    return f"v{out['number'].iloc[0]}" if len(out) else ""


def own_scores(lake: Lake, snapshot: Snapshot) -> list[Score]:
    """The scores of a version against the source it was made from, of one scoring.

    That is the newest by the judge of the decision that stands, or by any where none was taken;
    with the utility that was measured on the same real pairs. What it scored against other real
    pairs, by other judges or on the test split is left to SQL.
    """
    attributes = snapshot.attributes
    image = ImageSection.model_validate(attributes["sections"]["image"])
    reference = reference_digest(attributes["digests"]["source"], image)
    scorings = lake.read("scorings", subject=snapshot.id, reference=reference)
    decision = standing_decision(lake, snapshot.id, reference=reference)
    if decision is not None:
        scorings = scorings[scorings["judge"] == decision["judge"]]
    if not len(scorings):
        return lake.scores(snapshot.id, reference=reference, judge="")
    newest = scorings.sort_values("recorded_at").iloc[-1]
    return lake.decision_scores(ScoreKey(snapshot.id, reference, newest["judge"]), newest["terms"])


def standing_decision(
    lake: Lake, snapshot: str, let_out: bool = True, **about: str
) -> dict[str, Any] | None:
    """The newest decision that let a snapshot out, or the newest where none did; None without any.

    Stricter gates that keep the same pairs back later take nothing from a version that is out.

    Args:
        lake: the record.
        snapshot: its id.
        let_out: False for the newest that kept it back.
        about: further columns of the table decisions, and what they hold.
    """
    every = lake.read("decisions", snapshot=snapshot).sort_values("recorded_at")
    for name, value in about.items():
        every = every[every[name] == value]
    found = every[every["passed"] == let_out]
    rows = (found if len(found) else every).to_dict("records")
    return {str(name): value for name, value in rows[-1].items()} if rows else None


def verdicts_of(decision: Mapping[str, Any] | None) -> tuple[Verdict, ...]:
    """What each gate of a decision said; none where there is none."""
    evidence = () if decision is None else json.loads(decision["evidence"])
    return tuple(Verdict(**verdict) for verdict in evidence)


def decision_on(lake: Lake, about: ScoreKey, kept_back: bool = False) -> Decision:
    """The decision on this evidence that stands; one without gates where there is none."""
    return Decision(verdicts_of(_decision(lake, about, kept_back)))


def decided(lake: Lake, about: ScoreKey, kept_back: bool = False) -> dict[str, str]:
    """Who decided, when, on which evidence, and whether it was promoted; for people."""
    lines = {}
    decision = _decision(lake, about, kept_back)
    if decision is not None:
        lines["decided by"] = decision["author"] or "a call outside of any flow"
        lines["decided on"] = f"{decision['recorded_at']:%Y-%m-%d %H:%M} UTC"
    lines["scored against"] = f"real pairs {about.reference[:12]}, by judge {about.judge[:12]}"
    events = lake.versions(about.data_set)
    here = events[events["snapshot"] == about.subject]
    for event, words in (("promoted", "promoted"), ("challenged", "not promoted")):
        if len(found := here[here["event"] == event]):
            lines[words] = str(found["reason"].iloc[-1])
    return lines


def rejected_for(snapshot: Snapshot) -> dict[str, int]:
    """Reason -> number of pairs rejected for it; a pair with two reasons counts for both."""
    reasons = describe(snapshot)["rejected_for"]
    return dict(reasons) if isinstance(reasons, dict) else {}


def rejections(snapshot: Snapshot, sentences: Mapping[int, tuple[str, ...]]) -> pd.DataFrame:
    """A row for each rejected pair: row, domain, reason in words."""
    rows = snapshot.rejected()
    table = snapshot.facets(rows)[["row", "domain"]]
    texts = [
        "; ".join(_words(int(snapshot.reason[row]), sentences.get(int(row), ()))) for row in rows
    ]
    return table.assign(reason=texts)


def _words(bits: int, sentences: tuple[str, ...]) -> list[str]:
    """What workers saw, by name; what gates said, in their sentences where they are known."""
    gated = bits & GATED
    return [*names(bits & ~GATED), *(sentences or names(gated))]


def origin(
    snapshot: Snapshot,
    cards: Sequence[Mapping[str, Any]],
    licence: str,
    processor_seconds: float,
) -> dict[str, str]:
    """What the pairs were learnt from, what they cost, and how to make them again; for people.

    Args:
        snapshot: of the pairs.
        cards: of the checkpoints that made them; none for a generator without.
        licence: of the real pairs that they are held against.
        processor_seconds: that the commands of their run used.
    """
    trained = sum(float(card.get("seconds", 0)) for card in cards)
    training = f"; training its generator took {duration(trained)}" if trained else ""
    name = snapshot.name
    return {
        "licence of the data learnt from": learnt_licence(cards),
        "licence of the data held against": licence,
        "made again by": f"medpair run {name}.yaml, the recipe at the end saved under that name",
        "cost": f"{duration(processor_seconds)} of processor time until this report{training}",
    }


def learnt_licence(cards: Sequence[Mapping[str, Any]]) -> str:
    """Licences of what some checkpoints learnt from, by their cards; of none, that it is by rule."""
    learnt = dict.fromkeys(str(card.get("licence", "unknown")) for card in cards)
    return " | ".join(learnt) or "none: it draws by rule"


def duration(seconds: float) -> str:
    """A time of two units at most."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


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
    }


def _decision(lake: Lake, about: ScoreKey, kept_back: bool) -> dict[str, Any] | None:
    return standing_decision(
        lake,
        about.subject,
        not kept_back,
        data_set=about.data_set,
        reference=about.reference,
        judge=about.judge,
    )
