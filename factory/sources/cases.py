"""Image and mask files read as pairs: what the file-based sources share."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import FACETS
from factory.sources.decoding import Case, Codes, DecodedCase, Slices, name_in
from factory.sources.duplicates import near_duplicates
from factory.sources.files.same_faults import told_once
from factory.sources.splits import Split, assign, first_units, together
from factory.vocabulary import Domain

__all__ = ["Case", "Cases", "Choice"]

READER = 2
"""Raised when the same files would be read as other pairs, so that their digest changes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What is taken of the cases, and how it is split."""

    limit: int | None
    limit_seed: int
    split_seed: int
    slices: Slices
    # Left out of a digest where it is not used: what was made before it was there keeps its record.
    tiles: bool = field(default=False, repr=False)


@dataclass(frozen=True, eq=False)
class Scan:
    """What one decoding of a case left.

    Attributes:
        faults: everything that keeps it from being a pair.
        hash: for near-duplicates; None where nothing is seen.
        pairs: rows of `DecodedCase.pairs`; None where there are none, or once they were read.
        refusal: why there are none.
    """

    faults: tuple[str, ...]
    hash: NDArray[np.uint64] | None
    pairs: tuple[tuple[Any, ...], ...] | None
    refusal: str = ""


@dataclass(frozen=True, eq=False)
class Cases:
    """A Source of files, each of which is decoded once.

    What is wrong with a file, its hash and its pairs at the size asked for come of one decoding;
    the pairs are kept until their split is read.

    Attributes:
        root: folder that the cases' files lie in.
        codes: what the values in the mask files mean, for each domain.
        complaints: what was already found wrong in the table of cases.
    """

    root: Path
    cases: Sequence[Case]
    domains: Mapping[str, Domain]
    codes: Mapping[str, Codes]
    choice: Choice
    licence: str
    complaints: tuple[str, ...] = ()
    _scans: dict[ImageSection, list[Scan]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the table, the label maps, the options and the bytes of every file.

        Where the folder lies does not matter.

        Raises:
            InputError: if a file is missing.
        """
        # repr of each case, but files by content: a moved folder is the same data.
        content = hashlib.sha256(repr((READER, self.choice)).encode())
        content.update(b"tiles" if self.choice.tiles else b"")
        for domain in self.domains.values():
            content.update(domain.model_dump_json().encode())
        content.update(json.dumps({k: sorted(v.items()) for k, v in self.codes.items()}).encode())
        known: dict[Path, bytes] = {}  # a file of annotations holds the masks of many cases
        for case in self.cases:
            content.update(repr((case.name, *_described(case))).encode())
            for path in case.files:
                if path not in known:
                    known[path] = _file_digest(path, name_in(self.root, path))
                content.update(known[path])
        return content.hexdigest()

    @property
    def parts_digests(self) -> tuple[str, ...]:
        """None: it is made of no other source."""
        return ()

    def with_class_order(self, classes: tuple[str, ...]) -> Cases:
        """The same cases, masks in this order of classes where their one domain has just these."""
        if len(self.domains) > 1:
            return self
        ((name, domain),) = self.domains.items()
        if set(domain.classes) != set(classes) or domain.classes == classes:
            return self
        ordered = domain.model_copy(update={"classes": classes})
        codes = {v: ordered.label_map[domain.class_names[i]] for v, i in self.codes[name].items()}
        return replace(self, domains={name: ordered}, codes={name: codes}, _scans={})

    def problems(self, image: ImageSection) -> list[str]:
        """One line for each bad row and file, and for each fault that many files share.

        Args:
            image: the size at which the pairs will be read.
        """
        found = [*self.complaints]
        for scan in self._scanned(image):
            found.extend(scan.faults)
        if not found and self.choice.limit is not None:
            try:
                self._chosen("train")
            except InputError as error:
                found.append(str(error))
        return told_once(found, self._names)

    def read(self, split: Split, image: ImageSection) -> PairBatch:
        """The pairs of one split, in the order of the table; volumes become slices.

        Returns:
            The batch; empty where the source has no such split.

        Raises:
            InputError: at the first bad row or file.
        """
        if self.complaints:
            raise InputError(self.complaints[0])
        scans = self._scanned(image)
        pairs = [pair for at in self._chosen(split) for pair in self._pairs(at, image)]
        for at in self._of_split(split):
            scans[at] = replace(scans[at], pairs=None)
        return _batch(
            [(*pair[:2], {**pair[2], "split": split}, *pair[3:]) for pair in pairs], image
        )

    def preview(self, numbers: Iterable[int], image: ImageSection) -> PairBatch:
        """The pairs of single cases, of a volume the middle slice; their split is "".

        Raises:
            InputError: at the first bad file.
        """
        pairs = [tuple(self.decoded(self.cases[at]).pairs(image)) for at in numbers]
        return _batch([each[len(each) // 2] for each in pairs if each], image)

    @cached_property
    def alike(self) -> list[tuple[int, int]]:
        """Pairs of cases whose images are near-duplicates."""
        hashes = np.stack([self._hash(at) for at in range(len(self.cases))])
        return [(int(i), int(j)) for i, j in near_duplicates(hashes)]

    @cached_property
    def units(self) -> dict[str, str]:
        """Name of each case -> that of its unit; those of near-duplicates are one."""
        groups = together([case.unit for case in self.cases], self.alike)
        return {case.name: group for case, group in zip(self.cases, groups, strict=True)}

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The split of each case, given or assigned by patient."""
        given, alike = [case.split for case in self.cases], self.alike
        units = [case.unit for case in self.cases]
        found = assign(units, given, self.choice.split_seed, alike)
        torn = [(i, j) for i, j in alike if found[i] != found[j]]
        if len(alike) > len(torn):
            kept = len(alike) - len(torn)
            log.warning("%d near-duplicate pairs of images are kept in one split each", kept)
        if torn:
            names = (f"{self.cases[i].name} and {self.cases[j].name}" for i, j in torn[:3])
            log.warning(
                "%d near-duplicate pairs of images lie in different splits (%s): held-out scores "
                "flatter by as much; give both images of a pair one split",
                len(torn),
                ", ".join(names),
            )
        return tuple(found)

    @property
    def _names(self) -> set[str]:
        """What errors call the cases and their files."""
        files = {name_in(self.root, path) for case in self.cases for path in case.files}
        return files | {case.name for case in self.cases}

    def _of_split(self, split: Split) -> list[int]:
        return [at for at, assigned in enumerate(self.splits) if assigned == split]

    def _chosen(self, split: Split) -> list[int]:
        """Numbers of the cases of a split that are taken."""
        rows = self._of_split(split)
        if split != "train" or self.choice.limit is None:
            return rows
        units = (self.cases[at].unit for at in rows)
        chosen = first_units(units, self.choice.limit, self.choice.limit_seed)
        return [at for at in rows if self.cases[at].unit in chosen]

    def _scanned(self, image: ImageSection) -> list[Scan]:
        """A scan of every case at this size."""
        if image not in self._scans:
            self._scans[image] = [_scan(self.decoded(case), image) for case in self.cases]
        return self._scans[image]

    def decoded(self, case: Case) -> DecodedCase:
        """A case of these, ready to be read."""
        domain, codes = self.domains[case.domain], self.codes[case.domain]
        return DecodedCase(case, domain, codes, self.root, self.choice.slices, self.choice.tiles)

    def _pairs(self, at: int, image: ImageSection) -> Sequence[tuple[Any, ...]]:
        scan = self._scans[image][at]
        if scan.refusal:
            raise InputError(scan.refusal)
        if scan.pairs is not None:
            return scan.pairs
        return tuple(self.decoded(self.cases[at]).pairs(image))  # the split is read once more

    def _hash(self, at: int) -> NDArray[np.uint64]:
        known = next((scans[at].hash for scans in self._scans.values()), None)
        return self.decoded(self.cases[at]).hash() if known is None else known


def _batch(pairs: Sequence[tuple[Any, ...]], image: ImageSection) -> PairBatch:
    parts = zip(*pairs, strict=True) if pairs else ((),) * 5
    images, masks, rows, spacing, has_mask = parts
    shape = (len(pairs), image.size, image.size)
    return PairBatch(
        np.array(images, np.uint8).reshape(*shape, image.channels),
        np.array(masks, np.uint8).reshape(shape),
        pd.DataFrame(list(rows), columns=list(FACETS)),
        np.array(spacing, np.float32).reshape(len(pairs), 2),
        np.array(has_mask, bool),
    )


def _scan(decoded: DecodedCase, image: ImageSection) -> Scan:
    faults, found = tuple(decoded.faults()), None
    try:
        found = decoded.hash()
        return Scan(faults, found, tuple(decoded.pairs(image)))
    except InputError as error:
        return Scan(faults, found, None, str(error))


def _described(case: Case) -> tuple[object, ...]:
    return (
        *(case.domain, case.split, case.patient, case.finding, case.text),
        *(case.spacing_mm, case.volume, case.slice, len(case.images)),
        *(part.key for part in case.parts),
    )


def _file_digest(path: Path, name: str) -> bytes:
    if not path.is_file():
        raise InputError(f"{name}: there is no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
