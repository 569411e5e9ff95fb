"""The finite grid of all prompts that a recipe asks for, made when asked."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from factory.prompts.captions.retrieval import Caption, CaptionLibrary
from factory.prompts.cells import Subject, replicates_of, resolve
from factory.prompts.origins import MASK_DIGEST, MASK_FROM, MASK_WARP, RETRIEVED, RETRIEVED_FOR
from factory.prompts.prompt import Extra, Prompt
from factory.prompts.section import GridSection
from factory.vocabulary import Domain

if TYPE_CHECKING:
    from factory.prompts.masks.library import MaskLibrary, TrainingMask

UNPAINTED = "masks of this grid are still to be given: call painting(...)"

Asked = tuple[Subject, str]  # a cell but for its extra facets: what captions are retrieved for


@dataclass(frozen=True, eq=False)
class Replicates:
    """How many pairs each of N cells is asked for; where it is the same for all, that costs nothing.

    Attributes:
        cells: N.
        counts: (N,), or (1,) for all of them.
    """

    cells: int
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """Pairs of all cells."""
        return int(self.counts.sum()) if len(self.counts) > 1 else self.cells * self.of(0)

    @property
    def most(self) -> int:
        """Pairs of the cell that is asked for most."""
        return int(self.counts.max())

    @property
    def counted(self) -> int | list[int]:
        """One number where it is the same for all cells, else one of each: for a digest."""
        return self.most if self.most == self.counts.min() else self.counts.tolist()

    def of(self, number: int) -> int:
        """Pairs of one cell."""
        return int(self.counts[number % len(self.counts)])

    def at(self, position: int) -> tuple[int, int]:
        """Cell and replicate of a pair, by its place among all."""
        if len(self.counts) == 1:
            return divmod(position, self.of(0))
        number = int(np.searchsorted(self._ends, position, side="right"))
        return number, position - int(self._ends[number]) + self.of(number)

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum(self.counts)


class PromptGrid(Sequence[Prompt]):
    """Every combination of a section's facets that the domains can show, times the replicates.

    A sequence that makes its prompts when asked: 10**6 of them cost nothing until then. The order
    is domain, modality, anatomy, finding, classes, text, extra facets by name, replicate, the last
    one fastest, whatever order the facets were written in.

    Where the section retrieves, `retrieving` must be called before a prompt is asked for; where it
    has masks, `painting`.

    Args:
        section: the facets, exclusions, replicates and root seed.
        domains: the domains the recipe's source or generator knows, by name.

    Raises:
        InputError: see `factory.prompts.cells.resolve`.
    """

    def __init__(self, section: GridSection, domains: Mapping[str, Domain]) -> None:
        self._cells = resolve(section, domains)
        counts = replicates_of(self._cells, section, domains)
        self._replicates = Replicates(len(self._cells), counts)
        self._root = section.seed
        self._retrieve = section.retrieve
        self._found: Mapping[Asked, tuple[Caption, ...]] = {}
        self._masks = section.masks
        self._classes_named = "classes" in section.facets
        self._library: MaskLibrary | None = None
        self._given: Mapping[Subject, tuple[TrainingMask, ...]] = {}
        used = dict.fromkeys(subject.domain for subject in self._cells.subjects)
        self.domains: Mapping[str, Domain] = {name: domains[name] for name in used}

    def __len__(self) -> int:
        return self._replicates.total

    @overload
    def __getitem__(self, index: int) -> Prompt: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prompt]: ...
    def __getitem__(self, index: int | slice) -> Prompt | list[Prompt]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # negative and out of range as for a list
        return self._prompt(*self._replicates.at(position))

    def subjects(self) -> Iterator[tuple[Subject, int]]:
        """Of each combination what it shows, and how many pairs of it are asked for."""
        for number in range(len(self._cells)):
            yield self._cells.at(number)[0], self._replicates.of(number)

    def retrieving(self, library: CaptionLibrary) -> PromptGrid:
        """The grid with texts from a library of captions; itself where the section wants none.

        Replicate r of a cell takes the r-th nearest caption, and after the last the first again,
        so more replicates change no prompt. Each prompt keeps, as facets that are no condition, the
        name of the captioned image (`retrieved`) and the text that was asked for
        (`retrieved_for`).

        Raises:
            InputError: if there is no caption for a cell.
        """
        section = self._retrieve
        if section is None:
            return self
        cells = map(self._cells.at, range(len(self._cells)))
        copied = copy(self)
        copied.__dict__.pop("digest", None)
        copied._found = {
            asked: library.nearest(asked[0].domain, asked[0].finding, self._wanted(asked), section)
            for asked in dict.fromkeys((subject, text) for subject, text, _ in cells)
        }
        return copied

    def painting(self, library: MaskLibrary) -> PromptGrid:
        """The grid with masks from a library of training masks; itself where the section has none.

        The masks that fit a cell take turns, in an order that the root seed decides, so more
        replicates change no prompt. Where the section names no classes, a prompt asks for those
        that its mask shows. Each prompt keeps, as facets that are no condition, the name of
        the pair whose mask it has (`mask_from`), the limits of the warp (`mask_warp`) and a digest
        of what else decides it (`mask_digest`).

        Raises:
            InputError: if no training mask fits a cell.
        """
        if self._masks is None:
            return self
        copied = copy(self)
        copied.__dict__.pop("digest", None)
        copied._library = library
        copied._given = {
            subject: library.fitting(
                subject.domain,
                subject.finding,
                subject.classes if self._classes_named else None,
                self._root,
            )
            for subject in self._cells.subjects
        }
        return copied

    @property
    def mask_library(self) -> MaskLibrary:
        """The training masks that its prompts have, and no other: what workers are sent.

        Raises:
            ValueError: if no masks were given.
        """
        if self._library is None:
            raise ValueError(UNPAINTED)
        used = itertools.chain.from_iterable(map(self._given_to, self._given))
        return self._library.only(dict.fromkeys(used))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content: equal for equal prompts in equal order under equal label maps.

        The order in which facets or exclusions were written does not change it.
        """
        cells = self._cells
        content: dict[str, Any] = {
            "root": self._root,
            "replicates": self._replicates.counted,
            "domains": [
                [d.name, d.modality, d.anatomy, d.title, d.empty, d.classes]
                for d in self.domains.values()
            ],
            "subjects": [[s.domain, s.finding, s.classes] for s in cells.subjects],
            "texts": cells.texts,
            "extra": cells.extra,
            "picked": None,  # grids of an earlier release could be thinned; digests stay
        }
        if self._retrieve is not None:
            content["retrieved"] = [
                [[caption.name, caption.text] for caption in self._captions(asked)]
                for asked in itertools.product(cells.subjects, cells.texts)
                if asked in self._found
            ]
        if self._masks is not None:
            given = [self._given_to(subject) for subject in cells.subjects]
            content["masks"] = [
                str(self._masks),
                [[[mask.name, mask.digest] for mask in masks] for masks in given],
            ]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode() + cells.dropped.tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PromptGrid) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def runs(self) -> Iterator[tuple[Prompt, range]]:
        """The prompts in order, as (prompt, replicates) for each cell: cheap to go through."""
        for number in range(len(self._cells)):
            if self._retrieve is None and self._masks is None:
                yield self._cell(number), range(self._replicates.of(number))
            else:
                for replicate in range(self._replicates.of(number)):
                    yield self._prompt(number, replicate), range(replicate, replicate + 1)

    def _prompt(self, number: int, replicate: int) -> Prompt:
        prompt = replace(self._cell(number), replicate=replicate)
        if self._retrieve is None and self._masks is None:
            return prompt
        subject, text, _ = self._cells.at(number)
        if self._masks is not None:
            prompt = self._with_mask(prompt, subject, replicate)
        if self._retrieve is not None:
            captions = self._captions((subject, text))
            caption = captions[replicate % len(captions)]
            asked = [(RETRIEVED_FOR, text)] if text else []
            told = replace(prompt, text=caption.text)
            prompt = _with_origin(told, ((RETRIEVED, caption.name), *asked))
        return prompt

    def _with_mask(self, prompt: Prompt, subject: Subject, replicate: int) -> Prompt:
        masks = self._given_to(subject)
        mask = masks[replicate % len(masks)]
        origin = (MASK_FROM, mask.name), (MASK_WARP, str(self._masks)), (MASK_DIGEST, mask.digest)
        return _with_origin(replace(prompt, classes=mask.classes), origin)

    def _given_to(self, subject: Subject) -> tuple[TrainingMask, ...]:
        """Those that replicates take in turns."""
        if not self._given:
            raise ValueError(UNPAINTED)
        return self._given[subject][: self._replicates.most]

    def _captions(self, asked: Asked) -> tuple[Caption, ...]:
        """Those that replicates take in turns."""
        if not self._found:
            raise ValueError("texts of this grid are still to be retrieved: call retrieving(...)")
        return self._found[asked][: self._replicates.most]

    def _wanted(self, asked: Asked) -> str:
        subject, text = asked
        title = self.domains[subject.domain].title
        return " ".join([title, subject.finding, *subject.classes, text])

    def _cell(self, number: int) -> Prompt:
        subject, text, extra = self._cells.at(number)
        domain = self.domains[subject.domain]
        return Prompt(
            domain.name,
            domain.modality,
            domain.anatomy,
            subject.classes,
            subject.finding,
            text,
            extra,
            root=self._root,
            title=domain.title,
            empty=domain.empty,
        )


def _with_origin(prompt: Prompt, origin: Extra) -> Prompt:
    return replace(prompt, extra=tuple(sorted([*prompt.extra, *origin])))
