"""What is going on in the studio: models, the job under way, the pairs on the table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from factory.errors import InputError
from factory.pairs import Images, Masks
from factory.prompts.facets import MASK_DIGEST, MASK_FROM, MASK_WARP
from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain
from flows.starting.asked_pairs import in_turns, spec_named
from flows.studio.job import Job, Worker
from flows.studio.models import Models
from flows.studio.request import Request
from flows.studio.sheet import Given, Sheet
from flows.studio.uploads import check_indices
from tasks.services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from factory.generators.medsegfactory import MedSegFactory
    from factory.pairs import PairBatch

    Draw = Callable[[MedSegFactory, Prompt, int], PairBatch]


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
        known = self.models.domains(request.checkpoint)
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
        grid = PromptGrid(request.section, self.models.domains(request.checkpoint))
        prompts = in_turns(grid, request.number)
        seeds = [prompt.seed for prompt in prompts]
        return self._draw(
            "making pairs", request, prompts, seeds, lambda model, p, s: model.generate([p], [s])
        )

    def paint(self, request: Request, mask: Masks, origin: str) -> Job:
        """Starts to draw images for a mask, which each pair keeps to the pixel.

        Args:
            request: of which the classes are those that the mask shows.
            mask: (S, S) class indices, in the model's size.
            origin: where it comes from, for the lineage: "drawn in the studio".

        Raises:
            InputError: if the mask shows what the domain or the finding does not, or another job is
                under way.
        """
        domain, _ = self.domain(request), request.section
        check_indices(mask, origin, domain)
        shown = [domain.classes[index - 1] for index in np.unique(mask[mask > 0])]
        _check_finding(domain, request.finding, shown)
        extra = {MASK_FROM: origin, MASK_WARP: "none", MASK_DIGEST: mask_digest(mask)}
        prompts = [request.prompt(domain, shown, extra, k) for k in range(request.number)]

        def drawn(model: MedSegFactory, prompt: Prompt, seed: int) -> PairBatch:
            given = mask[np.newaxis]
            # A mask that passed an autoencoder has come back changed; the image is for this one.
            return replace(model.paint([prompt], [seed], given), masks=given)

        seeds = [prompt.seed for prompt in prompts]
        return self._draw("making images for the mask", request, prompts, seeds, drawn, "mask")

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

        return self._draw("drawing masks for the image", asked, prompts, seeds, drawn, "image")

    def vary(self, number: int, request: Request) -> Job:
        """Starts to draw other images for the mask of a pair on the table.

        Args:
            number: of the pair.
            request: with another seed.

        Raises:
            InputError: as `paint`, or if there is no such pair.
        """
        if self.sheet is None or number >= len(self.sheet.pairs):
            raise InputError(f"there is no pair {number + 1} on the table: make some first")
        pair = self.sheet.pairs[number]
        origin = dict(pair.prompt.extra).get(MASK_FROM) or f"of pair {pair.name}"
        return self.paint(request, pair.mask, origin)

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
        self,
        title: str,
        request: Request,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        draw: Draw,
        given: Given = "",
    ) -> Job:
        spec_named(request.checkpoint, request.sample)
        sheet = Sheet(request, self.domain(request), given=given)

        def steps() -> Iterator[None]:
            model = self.models.ready(request)
            sheet.generator = model.digest
            for prompt, seed in zip(prompts, seeds, strict=True):
                sheet.add(draw(model, prompt, seed), prompt)
                yield

        job = self.worker.start(title, len(prompts), steps)
        if self.sheet is not None:
            self._earlier.append(self.sheet)
        self.sheet = sheet
        return job


def mask_digest(mask: Masks) -> str:
    """16 hex digits of a mask's size and pixels."""
    return hashlib.sha256(repr(mask.shape).encode() + mask.tobytes()).hexdigest()[:16]


def _check_finding(domain: Domain, finding: str, shown: Sequence[str]) -> None:
    if extra := [name for name in shown if name not in domain.shown(finding)]:
        usual = ", ".join(domain.shown(finding)) or "no class"
        raise InputError(
            f"the mask shows {', '.join(extra)}, and an image with finding {finding!r} shows "
            f"{usual}: choose another finding, or erase that class"
        )
