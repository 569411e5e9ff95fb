"""Pairs that others made: how their folder is read, and whether it can be held against real pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source
from factory.sources.folder import FolderSource
from factory.sources.splits import Split
from factory.vocabulary import Domain, load_vocabulary

Domains = Mapping[str, Domain]


def folder_against(folder: Path, real: Source) -> Source:
    """The pairs of a folder, read as the real ones' domain where they have only one.

    Raises:
        InputError: if folder or table are missing, or the domain stays unclear.
    """
    known = [name for name in real.domains if name in load_vocabulary().domains]
    domain = known[0] if len(real.domains) == len(known) == 1 else None
    return FolderSource(path=folder, domain=domain, masks="optional").build()


def check_folder(folder: Path, real: Source) -> None:
    """Whether both can be read and are of the same domains; decodes every file once.

    Raises:
        InputError: with a line for everything that is wrong.
    """
    theirs = folder_against(folder, real)
    lines = [*real.problems(), *theirs.problems()]
    lines += _strangers(theirs.domains, real.domains)
    if lines:
        raise InputError("\n".join(lines))


def read_folder(folder: Path, real: Source, image: ImageSection) -> PairBatch:
    """The pairs of every split of a folder, their domains called what the real ones call them.

    Raises:
        InputError: if it holds no pair, or a bad row or file.
    """
    theirs = folder_against(folder, real)
    splits: tuple[Split, ...] = ("train", "val", "test")
    parts = [part for split in splits if len(part := theirs.read(split, image))]
    if not parts:
        raise InputError(
            f"{folder} holds no pair to score: no slice of its volumes shows a class; leave the "
            "column mask empty where there is no mask"
        )
    pairs = PairBatch.concatenate(parts)
    names = pairs.facets["domain"].replace(_called(theirs.domains, real.domains))
    return replace(pairs, facets=pairs.facets.assign(domain=names))


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
