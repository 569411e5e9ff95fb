"""What is going on in the studio: models, the job under way, the pairs on the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from factory.errors import InputError
from factory.pairs import Images, Masks
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.section import MasksSection
from factory.prompts.origins import MASK_FROM
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain
from flows.asking.asked_pairs import in_turns, spec_named
from flows.asking.request import Request
from flows.asking.wishes import Region, WholePair, Wish, filled, library_of, painted, warped
from flows.studio.job import Job, Worker
from flows.studio.models import Models, domains_of
from flows.studio.real_source import RealSource
from flows.studio.sheet import Given, MadePair, Sheet
from tasks.services.settings import Settings

if TYPE_CHECKING:
    from factory.generators.medsegfactory import MedSegFactory
    from factory.pairs import PairBatch


class Studio:
    """One per server: every browser window shows the same table.

    Attributes:
        settings: of the home.
        models: at hand.
        worker: does one job at a time.
        sheet: the pairs on the table; None before the first request.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = Models(settings.models)
        self.worker = Worker()
        self.sheet: Sheet | None = None
        self._earlier: list[Sheet] = []

    def domain(self, request: Request) -> Domain:
        """The domain that a request is about.

        Raises:
            InputError: if its checkpoint does not know it.
        """
        known = domains_of(request.checkpoint)
        if request.domain not in known:
            raise InputError(
                f"the checkpoint knows {', '.join(known)}, not {request.domain}: choose one of these"
            )
        return known[request.domain]

    def make(self, request: Request) -> Job:
        """Starts to draw image and mask of each pair from noise; the pixels of `medpair.generate`.

        Raises:
            InputError: if the model cannot be asked for this, or another job is under way.
        """
        grid = PromptGrid(request.section, domains_of(request.checkpoint))
        prompts = in_turns(grid, request.number)
        seeds = [prompt.seed for prompt in prompts]
        wish = Wish(prompts, seeds, lambda model, p, s: model.generate([p], [s]))
        return self._draw("making pairs", request, lambda: wish)

    def paint(self, request: Request, mask: Masks, origin: str) -> Job:
        """Starts to draw images for a mask, as `wishes.painted` says.

        Raises:
            InputError: as that, or if another job is under way.
        """
        wish = painted(request, self.domain(request), mask, origin)
        return self._draw("making images for the mask", request, lambda: wish, "mask")

    def warp(self, request: Request, mask: Masks, origin: str, limits: MasksSection) -> Job:
        """Starts to draw images for warps of a mask, as `wishes.warped` says.

        Args:
            request: of which the classes are those that the mask shows.
            mask: (S, S) class indices, in the model's size.
            origin: where it comes from, for the lineage.
            limits: of the warp.

        Raises:
            InputError: as that, or if another job is under way.
        """
        domain = self.domain(request)
        library = library_of(mask, origin, request, domain, limits)
        wish = warped(request, domain, library, may_show=True)
        return self._draw("making images for warps of the mask", request, lambda: wish, "mask")

    def warp_real(self, request: Request, real: RealSource, limits: MasksSection) -> Job:
        """Starts to draw images for warped masks of real training pairs, as grids with masks do.

        Args:
            request: which masks fit.
            real: the training pairs, which are read once the job is under way.
            limits: of the warp.

        Raises:
            InputError: if the request cannot be, or another job is under way.
        """
        domain, _ = self.domain(request), request.section

        def wish() -> Wish:
            from factory.prompts.masks.library import MaskLibrary

            image = spec_named(request.checkpoint, {})[1]
            source = real.section.build()
            library = MaskLibrary.of(source.read("train", image), source.domains, limits)
            return warped(request, domain, library, real.may_show)

        return self._draw("making images for warped real masks", request, wish, "mask")

    def fill(self, request: Request, whole: WholePair, region: Region) -> Job:
        """Starts to draw a region of a pair anew, as `wishes.filled` says.

        Raises:
            InputError: as that, or if another job is under way.
        """
        wish = filled(request, self.domain(request), whole, region)
        given: Given = "pair" if whole.synthetic else "own pair"
        return self._draw("filling in the region", request, lambda: wish, given)

    def segment(self, request: Request, image: Images) -> Job:
        """Starts to draw masks of all classes for an image, a seed each, as `medpair segment` does.

        Args:
            request: its steps count; guidance is 1, and seeds are counted from its own.
            image: (S, S, C), in the model's size.

        Raises:
            InputError: if the request cannot be, or another job is under way.
        """
        domain, _ = self.domain(request), request.section
        asked = replace(request, guidance=1.0)
        prompts = [Prompt.about(domain, domain.classes, replicate=k) for k in range(request.number)]
        seeds = [request.seed + k for k in range(request.number)]

        def drawn(model: MedSegFactory, prompt: Prompt, seed: int) -> PairBatch:
            given = image[np.newaxis]
            return replace(model.segment([prompt], [seed], given), images=given)

        wish = Wish(prompts, seeds, drawn)
        return self._draw("drawing masks for the image", asked, lambda: wish, "image")

    def vary(self, number: int, request: Request) -> Job:
        """Starts to draw other images for the mask of a pair on the table.

        Args:
            number: of the pair.
            request: with another seed.

        Raises:
            InputError: as `paint`, or if there is no such pair.
        """
        pair = self._on_table(number)
        origin = dict(pair.prompt.extra).get(MASK_FROM) or f"of pair {pair.name}"
        return self.paint(request, pair.mask, origin)

    def whole(self, number: int) -> WholePair:
        """A pair on the table, for a region of it to be drawn anew.

        Raises:
            InputError: if there is no such pair.
        """
        pair, sheet = self._on_table(number), self.sheet
        synthetic = sheet is not None and sheet.keepable
        return WholePair(pair.image, pair.mask, f"pair {pair.prompt.digest}", synthetic)

    def _on_table(self, number: int) -> MadePair:
        if self.sheet is None or number >= len(self.sheet.pairs):
            raise InputError(f"there is no pair {number + 1} on the table: make some first")
        return self.sheet.pairs[number]

    @property
    def has_earlier(self) -> bool:
        """Whether there were other pairs on the table before."""
        return bool(self._earlier)

    def back(self) -> None:
        """Puts the pairs that were there before on the table again.

        Raises:
            InputError: if there are none, or a job is filling the table.
        """
        if not self._earlier or self.worker.busy:
            raise InputError("wait until the pairs at hand are made, or cancel them, to go back")
        self.sheet = self._earlier.pop()

    def _draw(
        self, title: str, request: Request, wish: Callable[[], Wish], given: Given = ""
    ) -> Job:
        spec_named(request.checkpoint, request.sample)
        sheet = Sheet(request, self.domain(request), given=given)

        def steps() -> Iterator[None]:
            model, asked = self.models.ready(request), wish()
            sheet.generator = model.digest
            for prompt, seed in zip(asked.prompts, asked.seeds, strict=True):
                sheet.add(asked.draw(model, prompt, seed), prompt)
                yield

        job = self.worker.start(title, request.number, steps)
        if self.sheet is not None:
            self._earlier.append(self.sheet)
        self.sheet = sheet
        return job
