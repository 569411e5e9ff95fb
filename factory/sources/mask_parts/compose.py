"""One mask made of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from factory.errors import InputError
from factory.sources.files.colours import class_values
from factory.sources.files.stack import Stack
from factory.sources.image_files import read_stack
from factory.sources.mask_parts.part import MaskPart
from factory.sources.mask_parts.registry import reader_of
from factory.sources.mask_parts.via import UNNAMED
from factory.vocabulary import BACKGROUND, unknown_name

Named = Callable[[Path], str]  # what a file is called in messages


def compose(
    parts: Sequence[MaskPart], values: Mapping[str, int], named: Named, like: Path
) -> Stack:
    """The parts painted over each other, the later ones on top; 0 is where none has anything.

    Args:
        parts: at least one.
        values: class name -> value in the result, for files that name their classes.
        named: what to call a file in an error.
        like: the image that the mask belongs to.

    Raises:
        InputError: if a part cannot be read, names an unknown class, or has another size.
    """
    stacks = [_stack(part, values, named, like) for part in parts]
    sizes = dict.fromkeys(stack.size for stack in stacks)
    if len(sizes) > 1:
        names = ", ".join(named(part.path) for part in parts)
        raise InputError(
            f"{names} are parts of one mask and differ in size: they must lie on one grid; export "
            "them at the size of their image"
        )
    painted = stacks[0].pixels.astype(np.int32)
    for stack in stacks[1:]:
        np.copyto(painted, stack.pixels, where=stack.pixels != 0, casting="unsafe")
    return Stack(painted, stacks[0].spacing_mm, stacks[0].volume)


def _stack(part: MaskPart, values: Mapping[str, int], named: Named, like: Path) -> Stack:
    name, reader = named(part.path), reader_of(part.path)
    if reader is None:
        return _image(part, name, like)
    if not part.path.is_file():
        raise InputError(f"{name}: there is no such file")
    shapes = reader(part, name, like)
    painted = np.zeros(shapes.size, np.int32)
    known = [each for each in values if each != BACKGROUND]
    for label, inside in shapes.regions:
        meant = known[0] if label == UNNAMED and len(known) == 1 else label
        if meant not in values:
            raise _unknown(label, known, name)
        painted[inside] = values[meant]
    return Stack(painted, (np.nan, np.nan), shapes.volume)


def _unknown(label: str, known: Sequence[str], name: str) -> InputError:
    if label != UNNAMED:
        return unknown_name("class", label, known, name)
    return InputError(
        f"{name}: a region has no label, and there are several classes ({', '.join(known)}); name it"
    )


def _image(part: MaskPart, name: str, like: Path) -> Stack:
    stack = read_stack(part.path, name, like)
    pixels = class_values(stack.pixels, name)
    if part.key:
        if not part.key.isdecimal():
            raise InputError(
                f"{name}#{part.key}: behind # stands the value of a class in classes.json, a whole "
                "number; correct the column mask"
            )
        pixels = np.where(pixels != 0, np.int32(part.key), np.int32(0))
    return Stack(pixels, stack.spacing_mm, stack.volume)
