"""Damaged pairs of a version made anew, and the name under which the version is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from evaluation.lake.lake import Lake
from factory.errors import InputError
from factory.generators.base import Generator
from factory.identity import is_version
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.store.at_rest.repair import repair
from factory.store.at_rest.verification import Verification
from factory.store.repository import MAIN, Store
from factory.store.snapshot import Snapshot
from flows.datasets import Version
from flows.upkeep.rebuilt import generator_of, refuse_given
from tasks.services.progress import stage
from tasks.services.settings import Settings


@dataclass(frozen=True)
class Repaired:
    """A damaged version, and the name of the one that holds its pairs whole."""

    damaged: str
    version: str
    pairs: int


@dataclass(frozen=True)
class Mending:
    """A damaged version on its way to being whole under another name.

    Attributes:
        store: the data set.
        lake: the record.
        tag: of the damaged version.
        snapshot: that it names.
        found: what is wrong with it.
    """

    store: Store
    lake: Lake
    tag: str
    snapshot: Snapshot
    found: Verification

    @cached_property
    def reason(self) -> str:
        """What was repaired, for the record."""
        return f"repaired from {self.tag}: {'; '.join(self.found.problems)}"

    def named(self, new: str) -> str:
        """Gives the repaired snapshot its name, and tells the lake; the damaged one keeps its own.

        The newest version is followed by another. Of an older one a next number would say that its
        pairs are the newest, so its name gets an ending.
        """
        with self.store.lock():
            self.lake.carry_over(self.snapshot.id, new)
            newest = self.store.head(MAIN) == self.snapshot.id
            name = self._as_version(new) if newest else self._beside(new)
            if is_version(self.tag):
                reason = f"damaged; {name} holds the same pairs whole"
                self.lake.withdraw(self.store.name, int(self.tag[1:]), reason)
        return name

    def _as_version(self, new: str) -> str:
        name, run = self.store.name, str(self.snapshot.attributes["run"])
        taken = [int(tag[1:]) for tag in self.store.tags() if is_version(tag)]
        champion, labels = self.lake.champion(name), self.lake.labels(name)
        number = self.lake.allot(name, new, run, max(taken, default=0))
        self.store.tag(f"v{number}", new)
        for branch, head in self.store.branches().items():
            # A rerun of the recipe goes on from whole pairs; a label names what a person looked at.
            if head == self.snapshot.id and branch not in labels:
                self.store.move(branch, new, head)
        self.lake.publish(name, number, new, run)
        self.lake.repair(name, number, new, run, self.reason)
        if champion is not None and champion[1] == self.snapshot.id:
            self.lake.promote(name, number, new, run, f"its pairs are those of {self.tag}")
        return f"v{number}"

    def _beside(self, new: str) -> str:
        tags, run = self.store.tags(), str(self.snapshot.attributes["run"])
        names = (f"{self.tag}-repaired" + f"-{again}" * (again > 1) for again in count(1))
        name = next(name for name in names if name not in tags)
        self.store.tag(name, new)
        if is_version(self.tag):
            self.lake.repair(self.store.name, int(self.tag[1:]), new, run, f"{name}, {self.reason}")
        return name


def repaired(version: Version, found: Verification, settings: Settings) -> Repaired:
    """Makes the damaged pairs of a version anew, bit for bit, and publishes them under a new name.

    Args:
        version: the damaged one.
        found: what is wrong with it.
        settings: of the home.

    Raises:
        InputError: if it is no published version, or what made the pairs is gone.
        DamagedError: if a pair cannot be made again as it was written; nothing is changed then.
    """
    store, snapshot = Store(settings.pairs, version.name), version.snapshot(settings)
    mending = Mending(store, Lake(settings.lake), _tag(store, version, snapshot), snapshot, found)
    refuse_given(snapshot, found.rows, "nothing was changed: restore the folder from a copy")
    generator = _Lazily(snapshot, settings)
    with stage("making damaged pairs anew", total=len(found.rows)) as progress:
        new = repair(
            store,
            snapshot,
            found,
            generator.generate,
            lambda done, whole: progress.advance(done - progress.done),
        )
    return Repaired(mending.tag, mending.named(new), len(found.rows))


@dataclass(frozen=True)
class _Lazily:
    """A generator that is built for the first pair: what follows from prompts needs none."""

    snapshot: Snapshot
    settings: Settings

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        return self._generator.generate(prompts, seeds)

    @cached_property
    def _generator(self) -> Generator:
        return generator_of(self.snapshot, self.settings)


def _tag(store: Store, version: Version, snapshot: Snapshot) -> str:
    """The newest name of a snapshot."""
    tags = [tag for tag, at in store.tags().items() if at == snapshot.id]
    if not tags:
        raise InputError(
            f"{version} is no published version, and no other is repaired: drop its run with "
            f"`medpair datasets gc {version.name} --runs --delete`, and run its recipe again"
        )
    return tags[-1]
