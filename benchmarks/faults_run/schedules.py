"""Schedules of faults, drawn by a seed, and what a run comes to that goes through one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from benchmarks.faults_run.faults import FAULTS, WORKERS, Place
from benchmarks.faults_run.published import Published, differences_beside, published
from benchmarks.faults_run.servers import PrefectServer
from benchmarks.faults_run.starts import Start, started
from factory.store.repository import Store

NAME = "tiny"
PAIRS = 48
RECIPE: dict[str, Any] = {
    "format": 1,
    "name": NAME,
    "source": {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 8, "val": 6},
    "image": {"size": 32},
    "generator": {"kind": "flawed", "pace": 0.05},
    "grid": {"facets": {"finding": ["benign"]}, "replicates": PAIRS, "seed": 7},
    "evaluate": {
        "features": ["handcrafted"],
        "judge_steps": 3,
        "finding_classifier_steps": 0,
        "tstr": False,
    },
    "utility": None,
}
OTHER_SEED = 8
TOGETHER = ("two runs of one recipe", "two recipes of one data set")
PROMPTS = {
    "prompt at which the generator raises": "raises",
    "prompt at which a worker exits": "exits",
}
SAVED = ("run", "recipe.yaml")


@dataclass(frozen=True)
class Schedule:
    """What happens to one run.

    Attributes:
        fault: its name.
        moments: at which it strikes, once for each time that the command is started.
        seed: of all that is drawn on the way.
    """

    fault: str
    moments: tuple[str, ...]
    seed: int


@dataclass
class Outcome:
    """What a schedule came to.

    Attributes:
        schedule: what was to happen.
        struck: moments at which it did.
        codes: of the commands, in order.
        differences: between the version and that of an undisturbed run.
        complaints: what a user should not have seen.
        skipped: why it could not be done here; "" where it was.
    """

    schedule: Schedule
    struck: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def identical(self) -> bool:
        """Whether the version is that of an undisturbed run, after a fault that was done."""
        done = bool(self.struck) or not self.schedule.moments
        return done and not self.differences and not self.skipped


def drawn(count: int, seed: int) -> Iterator[Schedule]:
    """Schedules: every fault comes once before one comes again."""
    draw, deck = Random(seed), list[str]()
    for _ in range(count):
        if not deck:
            deck = [*FAULTS, *TOGETHER, *PROMPTS]
            draw.shuffle(deck)
        fault = deck.pop()
        moments: tuple[str, ...] = ()
        if fault in FAULTS:
            possible = FAULTS[fault].moments
            most = min(FAULTS[fault].most, len(possible))
            chosen = draw.sample(possible, draw.randint(1, most))
            moments = tuple(name for name in possible if name in chosen)
        yield Schedule(fault, moments, draw.randrange(2**32))


@dataclass(frozen=True)
class Trial:
    """Runs schedules, and holds what they come to against undisturbed runs.

    Attributes:
        folder: for everything.
        server: Prefect's, which serves all that need none of their own.
    """

    folder: Path
    server: PrefectServer

    def outcome(self, number: int, schedule: Schedule) -> Outcome:
        """Takes a run through a schedule."""
        place = Place(self._empty(), self.folder / f"schedule-{number}", self.server)
        found = Outcome(schedule)
        try:
            if schedule.fault in FAULTS:
                self._struck(place, found)
            elif schedule.fault in PROMPTS:
                self._at_a_prompt(place, found)
            else:
                self._together(place, found)
        except PermissionError as error:
            found.skipped = str(error)
        except Exception as error:  # noqa: BLE001  # whatever is left of the run cannot be read
            found.differences.append(f"{type(error).__name__}: {error}")
        if found.identical and not found.complaints:
            shutil.rmtree(place.folder, ignore_errors=True)
        return found

    def _struck(self, place: Place, found: Outcome) -> None:
        fault, draw = FAULTS[found.schedule.fault], Random(found.schedule.seed)
        write(place.folder, RECIPE)
        with fault.opened(place, draw) as scene:
            for moment in found.schedule.moments:
                with self._started(place, found, scene.environment) as start:
                    if start.reaches(moment):
                        found.struck.append(moment)
                        scene.strike(start)
                    end(start, found, endured=fault.endured)
                scene.mend()
            with self._started(place, found, scene.environment) as start:
                end(start, found, endured=True)
            found.differences += published(place.home, NAME).differences(self._undisturbed())

    def _at_a_prompt(self, place: Place, found: Outcome) -> None:
        row = Random(found.schedule.seed).randrange(PAIRS)
        flaw = {PROMPTS[found.schedule.fault]: row}
        place.furnish()
        write(place.folder, RECIPE | {"generator": RECIPE["generator"] | flaw})
        with self._started(place, found, {**WORKERS, **self.server.environment}) as start:
            end(start, found, endured=True)
        there = self._sequence((RECIPE["grid"]["seed"],))
        found.differences += differences_beside(row, place.home, there, NAME)

    def _together(self, place: Place, found: Outcome) -> None:
        own = RECIPE["grid"]["seed"]
        other = own if found.schedule.fault == TOGETHER[0] else OTHER_SEED
        place.furnish()
        with ExitStack() as stack:
            starts = list[Start]()
            for seed in (own, other):
                write(place.folder, seeded(seed), f"recipe-{len(starts)}.yaml")
                words = ("run", f"recipe-{len(starts)}.yaml")
                environment = {**WORKERS, **self.server.environment}
                starts.append(stack.enter_context(self._started(place, found, environment, words)))
            for start in starts:
                end(start, found, endured=True)
        ours = published(place.home, NAME)
        if other == own:
            found.differences += ours.differences(self._undisturbed())
            return
        # Whichever came first: what is put on top of the other is committed anew.
        there = published(self._sequence(order_of(place.home)), NAME)
        found.differences += [
            each for each in ours.differences(there) if not each.startswith("commits")
        ]

    def _started(
        self,
        place: Place,
        found: Outcome,
        environment: Mapping[str, str],
        words: Sequence[str] = SAVED,
    ) -> AbstractContextManager[Start]:
        log = place.folder / "logs" / f"{len(list((place.folder / 'logs').glob('*')))}.txt"
        return started(words, place.home, environment, log)

    @cache  # noqa: B019  # a benchmark's
    def _empty(self) -> Path:
        """A home with the databases of MLflow and Prefect, in which another data set was made."""
        place = Place(self.folder, self.folder / "empty", self.server)
        if not place.home.exists():
            first = RECIPE | {"name": "first", "grid": RECIPE["grid"] | {"replicates": 4}}
            self._run(place.folder, (first,), WORKERS)
        return place.home

    @cache  # noqa: B019
    def _sequence(self, seeds: tuple[int, ...]) -> Path:
        """The home of undisturbed runs, one after the other."""
        folder = self.folder / f"undisturbed-{'-'.join(map(str, seeds))}"
        place = Place(self._empty(), folder, self.server)
        if not place.home.exists():
            recipes = [seeded(seed) for seed in seeds]
            self._run(folder, recipes, {**WORKERS, **self.server.environment})
        return place.home

    def _run(
        self, folder: Path, recipes: Sequence[Mapping[str, Any]], environment: Mapping[str, str]
    ) -> None:
        """Makes the folder's home by runs that nothing disturbs; it is there once all are through."""
        part, home = folder / "part", folder / "home"
        shutil.rmtree(part, ignore_errors=True)
        if "PREFECT_API_URL" in environment:
            shutil.copytree(self._empty(), part)
        part.mkdir(parents=True, exist_ok=True)
        for recipe in recipes:
            write(folder, recipe)
            run(SAVED, part, environment)
        part.rename(home)

    @cache  # noqa: B019
    def _undisturbed(self) -> Published:
        return published(self._sequence((RECIPE["grid"]["seed"],)), NAME)


def run(words: Sequence[str], home: Path, environment: Mapping[str, str]) -> None:
    """Runs a command that nothing disturbs.

    Raises:
        RuntimeError: if it fails.
    """
    with started(words, home, environment, home.parent / "logs" / f"{home.name}.txt") as start:
        if code := start.ends():
            raise RuntimeError(f"{' '.join(words)} ended with {code}: {start.said}")


def end(start: Start, found: Outcome, *, endured: bool) -> None:
    """Waits for the end of a command, and notes what a user should not have seen.

    Args:
        start: the command.
        found: where it is noted.
        endured: whether it should have gone on to its end.
    """
    code = start.ends()
    found.codes.append(code)
    said = start.said
    if "Traceback" in said:
        found.complaints.append("a traceback")
    told = [line for line in said.splitlines() if line.startswith("medpair: ")]
    if code > 0 and len(told) != 1:
        found.complaints.append(f"ended with {code} and {len(told)} lines that say why")
    if code and endured:
        found.complaints.append(f"ended with {code}: {' '.join(told)}")


def order_of(home: Path) -> tuple[int, ...]:
    """Seeds of the recipes of a home's versions, in the order in which they were published."""
    store = Store(str(home / "pairs"), NAME)
    sections = [store.snapshot(tag).attributes["sections"] for tag in store.tags()]
    return tuple(int(each["grid"]["seed"]) for each in sections)


def seeded(seed: int) -> dict[str, Any]:
    """The recipe with another seed of its grid."""
    return RECIPE | {"grid": RECIPE["grid"] | {"seed": seed}}


def write(folder: Path, recipe: Mapping[str, Any], name: str = SAVED[1]) -> None:
    """Writes a recipe as YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(dict(recipe)))
