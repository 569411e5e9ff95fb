"""Prompts: what each pair should show, and the finite grid of all that a recipe asks for."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.cells import RETRIEVED, RETRIEVED_FOR, GridSection, Subject, resolve
from factory.retrieval import Caption, CaptionLibrary
from factory.vocabulary import Domain

__all__ = ["GridSection", "Prompt", "PromptGrid", "PromptTable", "texts"]

Extra = tuple[tuple[str, str], ...]
Rows = NDArray[np.int64]


def texts(
    domain: Domain,
    classes: Iterable[str],
    finding: str = "",
    text: str = "",
    extra: Extra = (),
) -> tuple[str, str]:
    """What the image stream and the mask stream are told, for asked and for real pairs alike.

    Args:
        domain: gives the title and what is said where no class is shown.
        classes: the classes shown, in any order; the domain's order is said.
        finding: the finding, "" for none.
        text: free text, "" for none.
        extra: further (facet, value) pairs.

    Returns:
        (image text, mask text): "a photo of {title} image, with {classes}, {finding}, {text}."
        and the same with "label", the wording of the public MedSegFactory weights.
    """
    prompt = Prompt.about(domain, classes, finding, text, extra)
    return prompt.image_text, prompt.mask_text


@dataclass(frozen=True)
class Prompt:
    """What one pair should show.

    Attributes:
        domain: name of the domain, whose label map the mask follows.
        classes: classes asked for, in the order of the domain.
        extra: further (facet, value) pairs, sorted by facet; of a retrieved text also where it
            came from.
        replicate: number of this pair among those that ask for the same.
        root: seed of the grid.
        title: the domain's words in the texts.
        empty: what the texts say where no class is asked for.
    """

    domain: str
    modality: str
    anatomy: str
    classes: tuple[str, ...]
    finding: str = ""
    text: str = ""
    extra: Extra = ()
    replicate: int = 0
    root: int = 0
    title: str = field(kw_only=True)
    empty: str = field(default="no finding", kw_only=True)

    @staticmethod
    def about(
        domain: Domain,
        classes: Iterable[str],
        finding: str = "",
        text: str = "",
        extra: Extra = (),
        *,
        replicate: int = 0,
        root: int = 0,
    ) -> Prompt:
        """The prompt of these facets in a domain.

        Raises:
            InputError: if the domain does not know a class.
        """
        return Prompt(
            domain.name,
            domain.modality,
            domain.anatomy,
            tuple(sorted(set(classes), key=domain.index)),
            finding,
            text,
            tuple(sorted(extra)),
            replicate,
            root,
            title=domain.title,
            empty=domain.empty,
        )

    @property
    def told(self) -> Extra:
        """The further (facet, value) pairs that a generator is told."""
        return tuple(pair for pair in self.extra if pair[0] not in (RETRIEVED, RETRIEVED_FOR))

    @property
    def retrieved(self) -> str:
        """Name of the training image that the text is the caption of; "" for a text as asked."""
        return dict(self.extra).get(RETRIEVED, "")

    @property
    def image_text(self) -> str:
        """What the image stream is told."""
        return self._sentence("image")

    @property
    def mask_text(self) -> str:
        """What the mask stream is told."""
        return self._sentence("label")

    @property
    def digest(self) -> str:
        """SHA-256 over all fields, 64 hex digits: the key of the prompt table."""
        return self._digest_of(self.replicate)

    @property
    def seed(self) -> int:
        """Seed of this pair, in [0, 2**64): the same in every grid, shard, batch and machine."""
        return self._seed_of(self.replicate)

    def facets(self) -> dict[str, str]:
        """The columns that describe a pair made from this prompt."""
        return {
            "prompt": self.digest,
            "seed": str(self.seed),
            "domain": self.domain,
            "modality": self.modality,
            "anatomy": self.anatomy,
            "labels": ";".join(self.classes),
            "finding": self.finding,
            "text": self.text,
            **dict(self.extra),
        }

    def _sentence(self, noun: str) -> str:
        told = [f"{name} {value}" for name, value in self.told if value]
        words = [*(self.classes or [self.empty]), self.finding, self.text, *told]
        # A set whose free text only repeats the finding must not be told it twice.
        shown = ", ".join(dict.fromkeys(word for word in words if word))
        return f"a photo of {self.title} {noun}, with {shown}."

    @cached_property
    def _asked(self) -> bytes:
        """The identity of all replicates: what is asked for, and the root seed, but no wording."""
        parts = [self.root, self.domain, self.modality, self.anatomy, self.classes]
        return json.dumps([*parts, self.finding, self.text, self.extra]).encode()

    @cached_property
    def _worded(self) -> bytes:
        return self._asked + json.dumps([self.title, self.empty]).encode()

    def _digest_of(self, replicate: int) -> str:
        return hashlib.sha256(self._worded + str(replicate).encode()).hexdigest()

    def _seed_of(self, replicate: int) -> int:
        # Not hash(), which Python salts; not an index, which a new facet would shift; and not
        # the title, whose correction must not redraw every pair.
        name = self._asked + str(replicate).encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")


Asked = tuple[Subject, str]  # a cell but for its extra facets: what captions are retrieved for


class PromptGrid(Sequence[Prompt]):
    """Every combination of a section's facets that the domains can show, times the replicates.

    A sequence that makes its prompts when asked: 10**6 of them cost nothing until then. The order
    is domain, modality, anatomy, finding, classes, text, extra facets by name, replicate, the last
    one fastest, whatever order the facets were written in.

    Where the section retrieves, `retrieving` must be called before a prompt is asked for.

    Args:
        section: the facets, exclusions, replicates and root seed.
        domains: the domains the recipe's source or generator knows, by name.

    Raises:
        InputError: see `factory.cells.resolve`.
    """

    def __init__(self, section: GridSection, domains: Mapping[str, Domain]) -> None:
        self._cells = resolve(section, domains)
        self._replicates = section.replicates
        self._root = section.seed
        self._retrieve = section.retrieve
        self._found: Mapping[Asked, tuple[Caption, ...]] = {}
        used = dict.fromkeys(subject.domain for subject in self._cells.subjects)
        self.domains: Mapping[str, Domain] = {name: domains[name] for name in used}
        self._picked: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        whole = len(self._cells) * self._replicates
        return whole if self._picked is None else len(self._picked)

    @overload
    def __getitem__(self, index: int) -> Prompt: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prompt]: ...
    def __getitem__(self, index: int | slice) -> Prompt | list[Prompt]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # negative and out of range as for a list
        whole = position if self._picked is None else int(self._picked[position])
        return self._prompt(*divmod(whole, self._replicates))

    def retrieving(self, library: CaptionLibrary) -> PromptGrid:
        """The grid with texts from a library of captions; itself where the section wants none.

        Replicate r of a cell takes the r-th nearest caption, and after the last the first again,
        so more replicates change no prompt. Each prompt keeps, as facets that are not told, the
        name of the captioned image (`retrieved`) and the text that was asked for
        (`retrieved_for`).

        Raises:
            InputError: if there is no caption for a cell.
        """
        section = self._retrieve
        if section is None:
            return self
        cells = map(self._cells.at, range(len(self._cells)))
        told = copy(self)
        told.__dict__.pop("digest", None)
        told._found = {
            asked: library.nearest(asked[0].domain, asked[0].finding, self._wanted(asked), section)
            for asked in dict.fromkeys((subject, text) for subject, text, _ in cells)
        }
        return told

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content: equal for equal prompts in equal order under equal label maps.

        The order in which facets or exclusions were written does not change it.
        """
        cells = self._cells
        content = {
            "root": self._root,
            "replicates": self._replicates,
            "domains": [
                [d.name, d.modality, d.anatomy, d.title, d.empty, d.classes]
                for d in self.domains.values()
            ],
            "subjects": [[s.domain, s.finding, s.classes] for s in cells.subjects],
            "texts": cells.texts,
            "extra": cells.extra,
            "picked": None if self._picked is None else self._picked.tolist(),
        }
        if self._retrieve is not None:
            content["retrieved"] = [
                [[caption.name, caption.text] for caption in self._captions(asked)]
                for asked in itertools.product(cells.subjects, cells.texts)
                if asked in self._found
            ]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode() + cells.dropped.tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PromptGrid) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def prune(self, count: int) -> PromptGrid:
        """At most `count` of the prompts, evenly spread, each with its old seed and digest."""
        if count < 1:
            raise ValueError(f"count is {count}; at least one prompt must stay")
        if count >= len(self):
            return self
        small = copy(self)
        small.__dict__.pop("digest", None)
        spread = np.linspace(0, len(self) - 1, count).round().astype(np.int64)
        small._picked = spread if self._picked is None else self._picked[spread]
        return small

    def runs(self) -> Iterator[tuple[Prompt, range]]:
        """The prompts in order, as (prompt, replicates) for each cell: cheap to go through."""
        if self._picked is not None:
            for prompt in self:
                yield prompt, range(prompt.replicate, prompt.replicate + 1)
            return
        for number in range(len(self._cells)):
            if self._retrieve is None:
                yield self._cell(number), range(self._replicates)
            else:
                for replicate in range(self._replicates):
                    yield self._prompt(number, replicate), range(replicate, replicate + 1)

    def _prompt(self, number: int, replicate: int) -> Prompt:
        prompt = replace(self._cell(number), replicate=replicate)
        if self._retrieve is None:
            return prompt
        subject, text, _ = self._cells.at(number)
        captions = self._captions((subject, text))
        caption = captions[replicate % len(captions)]
        origin = [(RETRIEVED, caption.name), *([(RETRIEVED_FOR, text)] if text else [])]
        return replace(prompt, text=caption.text, extra=tuple(sorted([*prompt.extra, *origin])))

    def _captions(self, asked: Asked) -> tuple[Caption, ...]:
        """Those that replicates take in turns."""
        if not self._found:
            raise ValueError("texts of this grid are still to be retrieved: call retrieving(...)")
        return self._found[asked][: self._replicates]

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


TABLE_COLUMNS = (
    "prompt",
    "seed",
    "domain",
    "modality",
    "anatomy",
    "labels",
    "finding",
    "text",
    "extra",
    "replicate",
    "root",
    "title",
    "empty",
)


class PromptTable:
    """The prompts of a data set, one row each; rows are appended and never change.

    Row r of the table is row r of the data set's arrays, so a larger grid, or another one, only
    adds rows at the end.

    Args:
        frame: what `to_pandas` gave; None for an empty table.

    Raises:
        ValueError: if columns are missing or a prompt has two rows.
    """

    def __init__(self, frame: pd.DataFrame | None = None) -> None:
        if frame is None:
            frame = _frame([])
        if missing := set(TABLE_COLUMNS) - set(frame.columns):
            raise ValueError(f"prompt table lacks the columns {sorted(missing)}")
        self._frame = frame[list(TABLE_COLUMNS)].reset_index(drop=True)
        self._index = pd.Index(self._frame["prompt"])
        if not self._index.is_unique:
            raise ValueError("prompt table has two rows for one prompt; it was not written by us")

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, row: int) -> Prompt:
        entry = self._frame.iloc[row]
        return Prompt(
            entry["domain"],
            entry["modality"],
            entry["anatomy"],
            tuple(name for name in entry["labels"].split(";") if name),
            entry["finding"],
            entry["text"],
            tuple((name, value) for name, value in json.loads(entry["extra"])),
            int(entry["replicate"]),
            int(entry["root"]),
            title=entry["title"],
            empty=entry["empty"],
        )

    def extend(self, prompts: PromptGrid | Sequence[Prompt]) -> tuple[PromptTable, Rows]:
        """The table with a row for each of these prompts, and the row of each, (len(prompts),).

        Prompts already in the table keep their row, so doing this twice changes nothing.
        """
        asked = _frame(_runs(prompts))
        new = asked[~asked["prompt"].isin(self._index)].drop_duplicates("prompt")
        parts = [part for part in (self._frame, new) if len(part)]
        whole = PromptTable(pd.concat(parts) if parts else None)
        rows = whole._index.get_indexer(pd.Index(asked["prompt"]))
        return whole, np.asarray(rows, np.int64)

    def to_pandas(self) -> pd.DataFrame:
        """A copy of the table; `extra` is JSON, `seed` and `root` are uint64."""
        return self._frame.copy()

    @staticmethod
    def from_pandas(frame: pd.DataFrame) -> PromptTable:
        """The table that `to_pandas` wrote."""
        return PromptTable(frame)


def _runs(prompts: PromptGrid | Sequence[Prompt]) -> Iterable[tuple[Prompt, range]]:
    if isinstance(prompts, PromptGrid):
        return prompts.runs()
    return ((prompt, range(prompt.replicate, prompt.replicate + 1)) for prompt in prompts)


def _frame(runs: Iterable[tuple[Prompt, range]]) -> pd.DataFrame:
    cells = list(runs)
    cell = np.repeat(np.arange(len(cells)), [len(numbers) for _, numbers in cells])
    each = [(prompt, number) for prompt, numbers in cells for number in numbers]
    shared = {
        "domain": [prompt.domain for prompt, _ in cells],
        "modality": [prompt.modality for prompt, _ in cells],
        "anatomy": [prompt.anatomy for prompt, _ in cells],
        "labels": [";".join(prompt.classes) for prompt, _ in cells],
        "finding": [prompt.finding for prompt, _ in cells],
        "text": [prompt.text for prompt, _ in cells],
        "extra": [json.dumps(prompt.extra) for prompt, _ in cells],
        "title": [prompt.title for prompt, _ in cells],
        "empty": [prompt.empty for prompt, _ in cells],
    }
    roots = np.array([prompt.root for prompt, _ in cells], np.uint64)
    columns: dict[str, pd.Series] = {
        name: pd.Series(values, dtype="str").take(cell).reset_index(drop=True)
        for name, values in shared.items()
    }
    columns["prompt"] = pd.Series([p._digest_of(n) for p, n in each], dtype="str")
    columns["seed"] = pd.Series([p._seed_of(n) for p, n in each], dtype="uint64")
    columns["replicate"] = pd.Series([n for _, n in each], dtype="int64")
    columns["root"] = pd.Series(roots[cell], dtype="uint64")
    return pd.DataFrame(columns)[list(TABLE_COLUMNS)]
