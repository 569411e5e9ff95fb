"""Verdicts, gates, and the steps from an audited snapshot to a published version.

Publishing is a few steps under the lock of the repository. Each can be repeated: a driver that
dies between two of them, or in one, leaves a state from which the next attempt gets to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.gating import version_gates as gating
from evaluation.gating.version_gates import Decision
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import headlines
from factory.identity import is_version
from factory.store.checks import Reasons
from factory.store.repository import MAIN, Store
from factory.store.runs import judge
from tasks.services.prefect_server import announce, flow_run
from tasks.services.run_logs import KeptBackError


class BaseMovedError(KeptBackError):
    """Another run was published meanwhile: rebase this one, score and judge it again."""


@dataclass(frozen=True)
class Release:
    """A snapshot on its way to being a version.

    Attributes:
        run: that made it.
        snapshot: with the verdicts (A).
        base: where `main` stood when the run began.
        number: of the version; 0 until one is allotted.
    """

    run: str
    snapshot: str
    base: str
    number: int = 0

    @property
    def tag(self) -> str:
        return f"v{self.number}"


Step = Callable[[Store, Lake, Release], Release]


@task(task_run_name="verdicts-{branch}", cache_policy=NO_CACHE)
def commit_verdicts(store: Store, branch: str, reasons: Reasons | None = None) -> str:
    """Commits which pairs of a run are accepted; gives the snapshot (A) that all else names."""
    return judge(store, branch, reasons).id


@task(task_run_name="gates-{about.subject}", cache_policy=NO_CACHE)
def decide(
    store: Store, lake: Lake, about: ScoreKey, config_digest: str, gates: Mapping[str, str]
) -> Decision:
    """Holds the recorded scores of a snapshot against the gates and records the decision.

    Args:
        store: the data set.
        lake: the record of scores.
        about: the snapshot, and the real data and the judge whose scores count.
        config_digest: of the scoring, see `evaluation.scoring.version.config_digest`.
        gates: of the recipe.
    """
    decision = gating.decide(gates, headlines(lake.decision_scores(about, config_digest)))
    run = str(store.snapshot(about.subject).attributes["run"])
    lake.decide(about, run, decision, flow_run())
    return decision


@task(task_run_name="publish-{snapshot}", cache_policy=NO_CACHE)
def publish(store: Store, lake: Lake, snapshot: str, decision: Decision) -> Release:
    """Makes an audited snapshot the newest version; a published one keeps its number.

    Raises:
        ValueError: if its gates did not all open.
        BaseMovedError: if `main` is no longer what the run started from.
    """
    if not decision.passed:
        raise ValueError(f"{snapshot} did not pass its gates: {'; '.join(decision.failures)}")
    attributes = store.snapshot(snapshot).attributes
    release = Release(attributes["run"], snapshot, attributes["base"])
    with store.lock():
        for step in STEPS:
            release = step(store, lake, release)
    return release


def settle(store: Store, lake: Lake, release: Release) -> Release:
    """Tells the lake that what `main` stands at is out, also where its own driver died before."""
    main = str(store.head(MAIN))
    number = _numbers(store).get(main)
    if number and not is_out(store, lake, main):
        run = str(store.snapshot(main).attributes["run"])
        lake.publish(store.name, number, main, run)
    return release


def check_base(store: Store, lake: Lake, release: Release) -> Release:
    """Refuses a release whose base is no longer `main`, unless it is out already."""
    main = store.head(MAIN)
    if main not in {release.base, release.snapshot} and not is_out(store, lake, release.snapshot):
        raise BaseMovedError(
            f"main of {store.name} is {main}, and run {release.run} started from {release.base}: "
            "publishing it would drop what came between"
        )
    return release


def allot_number(store: Store, lake: Lake, release: Release) -> Release:
    """Gives the release the number its snapshot has, or the next one."""
    numbers = _numbers(store)
    above = max(numbers.values(), default=0)
    held = numbers.get(release.snapshot)
    number = held or lake.allot(store.name, release.snapshot, release.run, above)
    return replace(release, number=number)


def tag(store: Store, lake: Lake, release: Release) -> Release:
    """Names the snapshot for ever."""
    store.tag(release.tag, release.snapshot)
    return release


def move_main(store: Store, lake: Lake, release: Release) -> Release:
    """Makes the snapshot what readers get, unless it is out already: `main` never goes back."""
    if not is_out(store, lake, release.snapshot):
        store.move(MAIN, release.snapshot, release.base)
    return release


def announce_once(store: Store, lake: Lake, release: Release) -> bool:
    """Tells whoever waits for versions of this one, unless they were told by this run or another.

    A driver that dies after publishing leaves it to the next run. Gives whether it was told now.
    """
    with store.lock("announce"):
        events = lake.versions(store.name)
        if ((events["number"] == release.number) & (events["event"] == "announced")).any():
            return False
        if announce(store.name, release.tag, release.snapshot):
            lake.announce(store.name, release.number, release.snapshot, release.run)
        return True


def is_out(store: Store, lake: Lake, snapshot: str) -> bool:
    """Whether the lake knows a snapshot as a published version."""
    events = lake.versions(store.name)
    return snapshot in set(events["snapshot"][events["event"] == "published"])


def _numbers(store: Store) -> dict[str, int]:
    tags = store.tags().items()
    return {snapshot: int(tag[1:]) for tag, snapshot in tags if is_version(tag)}


STEPS: tuple[Step, ...] = (settle, check_base, allot_number, tag, move_main, settle)
