"""Paths that people name: what none can be, and what the file system says against one, in a line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from factory.errors import InputError
from factory.visible_files import visible

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, on the file systems there are
FULL = {errno.ENOSPC, errno.EDQUOT}  # no fault of the place


def without_steps_up(path: Path) -> Path:
    """The same place, absolute, without "..", by which folders would be made to be left again."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve follows links, and fails at circles


def check_empty(folder: Path) -> None:
    """Whether a folder is new, or holds nothing that anybody put there.

    Raises:
        InputError: if it does, or cannot be a folder.
    """
    with named_place(folder):
        if folder.is_file() or visible(folder):
            raise InputError(f"{folder} is not empty, and its files would mix; name a new folder")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder to write into, whose files lie in `folder` once the block ends well.

    Where it does not, nothing of it stays: what is named is empty, or not there, as before.

    Args:
        folder: new or empty, see `check_empty`.

    Raises:
        InputError: as `named_place`.
    """
    with named_place(folder):
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # Within, since what stands beside may be another disk, or not ours to write.
            with TemporaryDirectory(prefix=".unfinished-", dir=folder) as made:
                yield Path(made)
                for each in Path(made).iterdir():
                    each.rename(folder / each.name)
        except BaseException:
            if new and not any(folder.iterdir()):
                folder.rmdir()
            raise


def check_file(path: Path, name: str) -> None:
    """Refuses what is no plain file: a folder, or a pipe, at which reading would wait for ever.

    Raises:
        InputError: saying which.
    """
    if path.is_file():
        return
    if path.exists():
        what = "a folder" if path.is_dir() else "a pipe or device"
        raise InputError(f"{name} is {what}, not a file; name the file itself")
    raise InputError(f"{name}: there is no such file")


@contextmanager
def named_place(path: Path) -> Iterator[None]:
    """Tells what the file system says against a path while the block looks at it or writes there.

    Args:
        path: as it was typed.

    Raises:
        InputError: in place of what is raised, but where the disk is full.
    """
    try:
        _refuse_pipe(path)
        yield
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what has no bytes
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        if isinstance(error, ValueError) and not _of_a_name(error):
            raise
        if isinstance(error, FileExistsError):
            raise InputError(
                f"{path} is there already, and would be lost; name another place"
            ) from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be written ({reason}); name another place") from error


def _refuse_pipe(path: Path) -> None:
    """Raises InputError where opening a place would wait for whoever reads it, be it for ever."""
    if path.is_fifo():
        raise InputError(f"{path} is a pipe, which holds no file; name another place")


def _of_a_name(error: ValueError) -> bool:
    return isinstance(error, UnicodeEncodeError) or "null byte" in str(error)


def path_fault(folder: Path, text: str) -> str:
    """Why no file below a folder can be called so, in words that go on after it; "" where one can."""
    try:
        whole = os.fsencode(folder.absolute() / text)
    except UnicodeEncodeError:
        return "holds characters that no file system stores"
    if "\0" in text:
        return "holds a character NUL, which no name of a file has"
    if max(map(len, whole.split(b"/"))) > LONGEST_NAME:
        return f"has a name of more than {LONGEST_NAME} bytes, which no file has"
    if len(whole) > LONGEST_PATH:
        return f"is a path of more than {LONGEST_PATH} bytes, which no file has"
    return ""


def leads_out(folder: Path, path: Path) -> bool:
    """Whether a path does not lie below a folder, as it is written: links are not followed."""
    there, here = os.path.abspath(path), os.path.abspath(folder)  # noqa: PTH100  # resolve follows
    return not Path(there).is_relative_to(here)
