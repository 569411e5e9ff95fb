"""Everything that was inferred of a folder, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from factory.errors import InputError
from factory.layouts.layout import Found, FoundRow, some
from factory.layouts.overlaps import Overlaps, Shown, overlaps_of
from factory.layouts.survey import Survey, survey
from factory.layouts.table import cell, table, with_splits
from factory.sources.files.colours import written_value
from factory.sources.folder import Row
from factory.sources.mask_parts.compose import compose
from factory.sources.mask_parts.part import MaskPart, parse_cell
from flows.starting.answers import CLASSES, JOIN, Answer, Ask, Given, class_names, facets
from tasks.services.progress import stage

COMBINATION_SHARE, MOST_COMBINATIONS = 0.05, 4


@dataclass(frozen=True)
class Look:
    """What was seen of a folder.

    Attributes:
        folder: of the user's data.
        found: its layout; rows with splits.
        seen: what the files hold.
        structures: structure -> value, where the masks of an image are classes.
    """

    folder: Path
    found: Found
    seen: Survey
    structures: Mapping[str, int]


@dataclass(frozen=True)
class Inferred(Look):
    """What a folder holds, with a name for everything.

    Attributes:
        classes: value -> class.
        classes_from: where the names come from.
        facets: modality and anatomy.
    """

    classes: Mapping[int, str]
    classes_from: str
    facets: Mapping[str, Answer]

    @property
    def label_map(self) -> dict[str, str]:
        """The classes as classes.json writes them, without the background."""
        return {written_value(value): name for value, name in self.classes.items()}

    @property
    def findings(self) -> list[str]:
        """The findings, in order."""
        return sorted({row.finding for row in self.found.rows} - {""})

    @property
    def patients(self) -> int:
        """How many were told or guessed."""
        return len({row.patient for row in self.found.rows} - {""})

    @property
    def combinations(self) -> list[str]:
        """Classes that are often seen together in an image, joined by ";", the most frequent first."""
        total = self.seen.shown.total()
        often = [
            ";".join(self.classes[value] for value in sorted(values))
            for values, count in self.seen.shown.most_common(MOST_COMBINATIONS)
            if count >= COMBINATION_SHARE * total and (values or not self.seen.volumes)
        ]
        return often or [";".join(self.classes.values())]

    @property
    def channels(self) -> int:
        """3 where most images are coloured, else 1."""
        return 3 if self.seen.coloured * 2 > len(self.found.rows) else 1

    @property
    def longest_side(self) -> float:
        """The median over images."""
        return float(np.median([max(side) for side in self.seen.sides]))

    def rows(self, place: Path) -> list[Row]:
        """The table.

        Args:
            place: the folder that it will lie in; paths are relative to it.
        """
        return table(
            self.found.rows,
            self.seen.values,
            self.classes,
            {name: answer.text for name, answer in self.facets.items()},
            self.structures,
            lambda path: PurePosixPath(os.path.relpath(self.folder / path, place)).as_posix(),
        )


def looked_through(folder: Path, found: Found, answer: str) -> Look:
    """Reads every file of a folder, of images with several masks first how these overlap.

    Args:
        folder: of the user's data.
        found: its layout.
        answer: what several masks of an image are, see `several_masks`.

    Raises:
        InputError: with one line for everything that is wrong.
    """
    chosen = _with_one(found.rows, answer)
    rows, notes = with_splits(chosen)
    structures = {name: at for at, name in enumerate(found.structures, 1) if answer == CLASSES}
    notes = [*_chosen(found, chosen, answer), *notes]
    overlaps = _overlaps(folder, rows, structures)
    rows = overlaps.stacked(rows)
    found = replace(found, rows=tuple(rows), notes=(*found.notes, *notes))
    seen = _survey(folder, found, structures)
    # Parts of one class may lie on each other as they like.
    told = overlaps.told() if len(seen.classes) > 1 else ()
    found = replace(found, notes=(*found.notes, *told, *seen.doubts))
    _refuse(seen, found)
    return Look(folder, found, seen, structures)


def infer(look: Look, given: Given, ask: Ask) -> Inferred:
    """Names what was seen.

    Raises:
        InputError: if options name something else.
    """
    found = look.found
    if given.classes and (found.nnunet or (found.labels and found.named)):
        raise InputError(
            f"--classes {given.classes!r}: a folder of the layout {found.layout} names its classes "
            "itself; leave the option out"
        )
    values = look.structures or (found.values if found.named else {})
    told = found.classes or {at: name for name, at in values.items()}
    named, origin = class_names(look.seen.classes, told, given, ask)
    words = facets(look.folder.resolve().name, found, given, ask)
    found = replace(found, notes=(*found.notes, *_in_no_mask(look.seen, named)))
    look = replace(look, found=found)
    return Inferred(**vars(look), classes=named, classes_from=origin, facets=words)


def _in_no_mask(seen: Survey, classes: Mapping[int, str]) -> Iterator[str]:
    if lost := [repr(name) for value, name in classes.items() if value not in seen.classes]:
        yield (
            f"no mask shows {some(lost)}, where none is drawn or others cover it wholly, so that "
            "nothing can be learnt of it: correct the masks, or leave the class out"
        )


def _with_one(rows: Sequence[FoundRow], answer: str) -> list[FoundRow]:
    """The rows with the masks of one structure, where one is meant."""
    if answer in (JOIN, CLASSES):
        return list(rows)
    kept = [row.only(answer) for row in rows]
    return [row for row in kept if row.masks]


def _chosen(found: Found, rows: Sequence[FoundRow], answer: str) -> Iterator[str]:
    """Which of several masks is taken, and which images have none of them."""
    if answer in (JOIN, CLASSES):
        return
    others = ", ".join(name for name in found.structures if name != answer)
    yield f"of several masks of an image {answer!r} is taken, not {others}; --several says otherwise"
    kept = {row.image for row in rows}
    if bare := [row.image for row in found.rows if row.image not in kept]:
        yield f"{len(bare)} images have no mask {answer!r} and are left out: {some(bare)}"


def _overlaps(folder: Path, rows: Sequence[FoundRow], structures: Mapping[str, int]) -> Overlaps:
    several = [row for row in rows if len(row.structures) > 1]
    if not several:
        return Overlaps({})
    with stage("looking which masks overlap", len(several)) as progress:
        return overlaps_of(several, lambda row: _shown(folder, row, structures), progress.advance)


def _shown(folder: Path, row: FoundRow, structures: Mapping[str, int]) -> Shown:
    """Structure -> where an image's masks show it; {} where the survey will refuse them."""
    try:
        masks = {
            name: compose(
                parse_cell(folder, cell(row.only(name), structures)), {}, str, folder / row.image
            )
            for name in row.structures
        }
    except InputError:
        return {}
    same = len({mask.size for mask in masks.values()}) == 1
    return {name: mask.pixels != 0 for name, mask in masks.items()} if same else {}


def _survey(folder: Path, found: Found, structures: Mapping[str, int]) -> Survey:
    def parts(row: FoundRow) -> Sequence[MaskPart]:
        return parse_cell(folder, cell(row, structures))

    with stage("reading images and masks", len(found.rows)) as progress:
        return survey(folder, found.rows, parts, found.values, progress.advance)


def _refuse(seen: Survey, found: Found) -> None:
    problems = seen.problems
    if found.classes and (nameless := set(seen.classes) - set(found.classes)):
        known = ", ".join(f"{value} {name}" for value, name in found.classes.items())
        problems.append(
            f"the masks hold {', '.join(map(written_value, sorted(nameless)))}, which no class has "
            f"({found.layout}: {known}); correct the masks, or dataset.json"
        )
    if problems:
        raise InputError("\n".join([*problems, *found.notes]))
