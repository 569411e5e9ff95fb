"""Pairs that others made: how their folder is read, and whether it can be held against real pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from evaluation.pairs import by_domain
from evaluation.settings import EvaluateSection
from factory.errors import InputError
from factory.pairs import PairBatch
from factory.sources.base import Source
from factory.sources.folder import TABLE, FolderSource
from factory.sources.splits import Split
from factory.sources.union import Union
from factory.visible_files import visible
from factory.vocabulary import Domain, load_vocabulary
from flows.planning.real_pairs import RealPairs

Domains = Mapping[str, Domain]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class FolderContext(RealPairs):
    """A folder of pairs and the real ones it is held against, each opened and decoded once.

    Attributes:
        folder: with a metadata.csv, or of such folders; all their splits count.
        evaluate: what the pairs are scored with.
    """

    folder: Path
    evaluate: EvaluateSection = EvaluateSection()

    @cached_property
    def theirs(self) -> Source:
        """The pairs of the folder, read as the real ones' domain where they have only one.

        Raises:
            InputError: if folder or table are missing, or the domain stays unclear.
        """
        known = [name for name in self.real.domains if name in load_vocabulary().domains]
        domain = known[0] if len(self.real.domains) == len(known) == 1 else None
        found = {
            place.name: FolderSource(path=place, domain=domain, masks="optional").build()
            for place in folders_of_pairs(self.folder)
        }
        if len(found) > 1:
            return Union(found)
        (theirs,) = found.values()
        if len(theirs.domains) == len(self.real.domains) == 1:
            (real,) = self.real.domains.values()
            return theirs.with_class_order(real.classes)
        return theirs

    @cached_property
    def pairs(self) -> PairBatch:
        """The pairs of every split of the folder, their domains called what the real ones' are.

        Raises:
            InputError: if it holds no pair, or a bad row or file.
        """
        parts = [part for split in SPLITS if len(part := self.theirs.read(split, self.image))]
        if not parts:
            raise InputError(
                f"{self.folder} holds no pair to score: no slice of its volumes shows a class; "
                "leave the column mask empty where there is no mask"
            )
        pairs = PairBatch.concatenate(parts)
        names = pairs.facets["domain"].replace(_called(self.theirs.domains, self.real.domains))
        return replace(pairs, facets=pairs.facets.assign(domain=names))

    def check(self) -> None:
        """Whether both can be read, are of the same domains, and real pairs of these are held out.

        Raises:
            InputError: with a line for everything that is wrong.
        """
        lines = [*self.real.problems(self.image), *self.theirs.problems(self.image)]
        lines += _strangers(self.theirs.domains, self.real.domains)
        if lines:
            raise InputError("\n".join(lines))
        for name, at in by_domain(self.pairs):
            self.reference.check_splits([name], masked=bool(self.pairs.has_mask[at].any()))


def folders_of_pairs(folder: Path) -> list[Path]:
    """The folder itself; without a table those in it that have one: an export of several domains."""
    if (folder / TABLE).exists() or not folder.is_dir():
        return [folder]
    return [each for each in visible(folder) if (each / TABLE).is_file()] or [folder]


def _called(theirs: Domains, real: Domains) -> dict[str, str]:
    """Their domains by the real ones' names: of data sets of their own, folders name them."""
    if len(theirs) == len(real) == 1:
        (one,), (other,) = theirs.values(), real.values()
        if one.classes == other.classes:
            return {one.name: other.name}
    return {name: name for name in theirs}


def _strangers(theirs: Domains, real: Domains) -> Iterator[str]:
    for name, called in _called(theirs, real).items():
        classes = list(theirs[name].classes)
        if called not in real:
            known = ", ".join(f"{each.name} {list(each.classes)}" for each in real.values())
            yield (
                f"the folder's pairs are of domain {name!r} {classes}, the real ones of {known}: "
                "there is nothing to hold them against; correct the columns modality and anatomy, "
                "or classes.json, or name other real pairs"
            )
        elif list(real[called].classes) != classes:
            yield (
                f"domain {name!r} has the classes {classes} in the folder and "
                f"{list(real[called].classes)} among the real pairs: their masks cannot be "
                "compared; correct classes.json"
            )
