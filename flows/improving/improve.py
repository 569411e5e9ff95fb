"""Improve: a recipe -> versions with ever more pairs, drawn where a downstream model fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow

from evaluation.closed_loop.round import Round, best
from evaluation.statistics.bootstrap import Estimate
from flows.improving.loop import Loop, over_real
from flows.planning.recipe import Recipe
from flows.stages import edited, recipe_name, settings_of_flow
from tasks.services.run_logs import KeptBackError


@dataclass(frozen=True)
class Improved:
    """What a loop came to.

    Attributes:
        dataset: name of the data set that it added versions to.
        rule: by which pairs were given out.
        rounds: all, the version that it started from first.
        best: the version whose downstream model reaches most on the held-out images.
        over_real: what its pairs add to the same real images alone; below 0 they harm.
        ended: why there was no further round, in words.
        report: HTML file of the last version, which shows the whole history.
    """

    dataset: str
    rule: str
    rounds: tuple[Round, ...]
    best: str
    over_real: Estimate
    ended: str
    report: Path


@flow(name="improve", flow_run_name=recipe_name)
def improve(recipe: Recipe | Path, home: Path | None = None, set: tuple[str, ...] = ()) -> Improved:
    """Adds pairs round by round where the downstream model fails and where pairs are trusted.

    Every round is a run of the recipe with a larger grid: its pairs are made, judged, gated,
    published as a new version and tried. The same call again takes up what was finished.

    Args:
        recipe: the name of a shipped recipe, the absolute path of a YAML file where the worker runs,
            or the recipe itself.
        home: folder of everything, an absolute path; without one, MEDPAIR_HOME of the worker.
        set: overrides of the recipe's keys, each as KEY=VALUE: improve.rounds=2.
    """
    loop = Loop.of(edited(recipe, set), settings_of_flow(home))
    trials = [loop.first()]
    while not (ended := loop.ended(trials)):
        try:
            trials.append(loop.next(trials))
        except KeptBackError as error:
            ended = str(error)
            break
    rounds = tuple(each.round for each in trials)
    first, key, report = best(rounds), loop.key, loop.report(trials)
    gain = over_real(trials[first.number])
    return Improved(key.data_set, key.rule, rounds, first.version, gain, ended, report)
