"""Paths as tables name them: such as a file can have, within the folder of the table."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, on the file systems there are


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
