"""Ticked pairs become a version of a data set: the checks of every run, and a lineage that says who chose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluation.gating import version_gates
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from factory.errors import InputError
from factory.generators.specs import MedSegFactorySpec
from factory.identity import plain_name, run_id
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.picked import PickedPrompts
from factory.prompts.prompt import Prompt
from factory.sources import SourceSection
from factory.store.checks import Reason, Reasons
from factory.store.quarantine import Generate
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, make, merge, missing
from factory.store.shards import Layout, Status
from factory.store.snapshot import Rows, Snapshot
from flows.asking.asked_pairs import spec_named
from flows.context import shard_pairs
from flows.planning.recipe import Recipe
from flows.studio.sheet import MadePair, Sheet
from tasks.provenance import rejections
from tasks.services.settings import Settings

BY_HAND = "kept by hand in the studio"
LEFT_OUT = np.uint32(Reason.LEFT_OUT_BY_HAND)


@dataclass(frozen=True)
class Kept:
    """A version that was kept.

    Attributes:
        dataset: its name.
        version: its tag.
        pairs: accepted in it.
        added: of these, from this sheet.
    """

    dataset: str
    version: str
    pairs: int
    added: int

    @property
    def words(self) -> str:
        """What is in it, for people."""
        return f"{self.dataset}@{self.version} is out: {self.added} added, {self.pairs} in all"


def check_keepable(sheet: Sheet | None, name: str) -> Sheet:
    """Whether something of a sheet can be kept under a name, before anything is written.

    Raises:
        InputError: if nothing sound is ticked, or the pairs are not synthetic.
    """
    plain_name(name)
    if sheet is None or not sheet.ticked:
        raise InputError("no pair is ticked: tick those that are to be kept first")
    if not sheet.keepable:
        raise InputError(
            "the image is one of yours, not a synthetic one, so it is no pair to publish; save the "
            "mask instead, or run `medpair segment` for a folder of images"
        )
    if not [k for k in sheet.ticked if not sheet.pairs[k].faults]:
        raise InputError(
            "the checks that every pair passes speak against all that are ticked, so the version "
            "would be empty; see what they say below each pair"
        )
    return sheet


@dataclass(frozen=True, eq=False)
class Keeping:
    """One sheet on its way into a data set.

    Attributes:
        sheet: the pairs, ticked ones among them.
        name: of the data set; a version that was kept before is gone on with.
        source: real pairs that scores will be held against.
        settings: of the home.
    """

    sheet: Sheet
    name: str
    source: SourceSection
    settings: Settings

    @cached_property
    def store(self) -> Store:
        """The data set, made where it does not exist."""
        return Store(self.settings.pairs, self.name).create()

    def kept(self) -> Kept:
        """Writes, judges and publishes the pairs.

        Raises:
            InputError: if the data set is one that a recipe makes, or was drawn otherwise.
        """
        # Prefect, which this loads, is not needed to look at pairs, and warns where its home has no place.
        self.settings.home.mkdir(parents=True, exist_ok=True)
        from tasks.publishing import publish

        lake, snapshot = Lake(self.settings.lake), self._judged()
        about = ScoreKey(snapshot.id, data_set=self.name)
        lake.record_rejections(about, rejections(snapshot, {}))
        decision = version_gates.decide(self.recipe.gates, {})
        lake.decide(about, self.run.id, decision, BY_HAND)
        release = publish.fn(self.store, lake, snapshot.id, decision)
        rows = self._rows(snapshot)
        added = int((snapshot.status[rows] == Status.ACCEPTED).sum())
        return Kept(self.name, release.tag, snapshot.counts()["accepted"], added)

    @cached_property
    def recipe(self) -> Recipe:
        """What the newest request is as a recipe: its model, sampling and prompts; no gates."""
        request, spec = self.sheet.request, self._spec
        return Recipe(
            format=1,
            name=self.name,
            source=self.source,
            image=self._image,
            generator=spec,
            grid=request.section,
            show_real=self.sheet.domain.phantom,  # phantoms are nobody's images
        )

    @property
    def _spec(self) -> MedSegFactorySpec:
        request = self.sheet.request
        return spec_named(request.checkpoint, request.sample)[0]

    @property
    def _image(self) -> ImageSection:
        return spec_named(self.sheet.request.checkpoint, {})[1]

    @cached_property
    def run(self) -> Run:
        """The run as the store sees it: what was kept before, and the pairs of this sheet."""
        before = self._before()
        source, image = self.source.build().digest, self._image
        chosen = (*_chosen(before), self._choice())
        prompts = dict.fromkeys((*_asked(before), *(pair.prompt for pair in self.sheet.pairs)))
        picked = PickedPrompts(tuple(prompts), json.dumps(chosen, sort_keys=True))
        domain = self.sheet.domain
        return Run(
            id=run_id(source, image, self.sheet.generator, picked.digest),
            grid=picked,
            layout=Layout.of(image.size, image.channels, shard=shard_pairs()),
            generator=self.sheet.generator,
            label_maps={domain.name: domain.label_map},
            sections=self.recipe.portable(self.settings.home),
            digests={"source": source, "grid": picked.digest},
            by_hand=chosen,
        )

    def _choice(self) -> dict[str, object]:
        """What this sheet adds to the lineage."""
        sheet = self.sheet
        kept = [sheet.pairs[number].prompt.digest for number in sorted(sheet.ticked)]
        return {
            "how": BY_HAND,
            "made": len(sheet.pairs),
            "given": sheet.given,
            "python": "" if sheet.given else sheet.request.python,
            "kept": kept,
        }

    def _before(self) -> Snapshot | None:
        """The newest version; None where there is none.

        Raises:
            InputError: if it cannot be gone on with.
        """
        snapshot = self.store.snapshot()
        if not len(snapshot):
            return None
        if "by_hand" not in snapshot.attributes:
            raise InputError(
                f"data set {self.name!r} is made by a recipe, and pairs chosen by hand would hide "
                "among its own; give another name"
            )
        if snapshot.attributes["generator"] != self.sheet.generator:
            raise InputError(
                f"data set {self.name!r} was drawn by other weights, steps or guidance, and a "
                "version has one generator; give another name"
            )
        return snapshot

    def _judged(self) -> Snapshot:
        store, run = self.store, self.run
        fill(store, run, self._held)
        snapshot = store.snapshot(run.branch)
        return judge(store, run.branch, self._reasons(snapshot))

    def _held(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> PairBatch:
        """The pairs on the table for these prompts, as if they were made only now."""
        by_prompt = {pair.prompt: pair for pair in self.sheet.pairs}
        return batch([by_prompt[prompt] for prompt in prompts])

    def _reasons(self, snapshot: Snapshot) -> Reasons:
        """What the checks say of every row; those of this sheet also by whether they are ticked."""
        reasons, rows = snapshot.reason.copy(), self._rows(snapshot)
        for number, row in enumerate(rows):
            left = np.uint32(0) if number in self.sheet.ticked else LEFT_OUT
            reasons[row] = (reasons[row] & ~LEFT_OUT) | left
        return reasons

    def _rows(self, snapshot: Snapshot) -> Rows:
        """The row of each pair on the table."""
        return snapshot.table.extend([pair.prompt for pair in self.sheet.pairs])[1]


def fill(store: Store, run: Run, generate: Generate) -> None:
    """Writes the pairs that a run lacks, all in one commit."""
    if shards := missing(declare(store, run)):
        session = store.writable(run.branch)
        merge(session, [make(generate, session.fork(), shard) for shard in shards])
        store.commit(session, "kept by hand", {"kind": "pairs"})


def batch(pairs: Sequence[MadePair]) -> PairBatch:
    """Some pairs as one batch, in order."""
    import pandas as pd

    facets = pd.DataFrame([pair.prompt.facets() for pair in pairs]).fillna("")
    images = np.stack([pair.image for pair in pairs])
    return PairBatch.of(images, np.stack([pair.mask for pair in pairs]), facets)


def _chosen(before: Snapshot | None) -> tuple[Mapping[str, object], ...]:
    return () if before is None else tuple(before.attributes["by_hand"])


def _asked(before: Snapshot | None) -> Iterator[Prompt]:
    if before is not None:
        yield from (before.table[int(row)] for row in before.asked())
