"""Champion and challenger: which version of a data set is the best so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.gating.champion import Challenge
from evaluation.gating.champion import challenge as compare
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score, headlines
from tasks.publishing import Release

FIRST = "the first version that was published"


@dataclass(frozen=True)
class Promotion:
    """Who is the champion after a challenge.

    Attributes:
        champion: its tag.
        moved: whether it became so just now.
        reason: one sentence.
    """

    champion: str
    moved: bool
    reason: str


@task(task_run_name="challenge-{release.tag}", cache_policy=NO_CACHE)
def challenge(
    lake: Lake, about: ScoreKey, config_digest: str, metric: str, release: Release
) -> Promotion:
    """Promotes a published version if it is the first, or better than the champion.

    Repeated, it changes nothing: the champion does not challenge itself.

    Args:
        lake: which knows the scores of both versions.
        about: the challenger, the real data and the judge.
        config_digest: of the scoring.
        metric: by which they are compared.
        release: the challenger.
    """
    held = lake.champion(about.data_set)
    version = about.data_set, release.number, release.snapshot, release.run
    if held is not None and held[0] == release.number:
        return Promotion(release.tag, False, "it is the champion")
    outcome = Challenge(True, FIRST)
    if held is not None:
        ours, theirs = (
            _headline(lake, replace(about, subject=subject), config_digest, metric)
            for subject in (release.snapshot, held[1])
        )
        outcome = compare(metric, ours, theirs, f"v{held[0]}")
    (lake.promote if outcome.won else lake.challenge)(*version, outcome.reason)
    champion = release.tag if outcome.won or held is None else f"v{held[0]}"
    return Promotion(champion, outcome.won, outcome.reason)


def _headline(lake: Lake, about: ScoreKey, config_digest: str, metric: str) -> Score | None:
    return headlines(lake.decision_scores(about, config_digest)).get(metric)
