"""Commands that only root may run."""

from __future__ import annotations

import subprocess


def as_root(*words: str) -> None:
    """Runs a command.

    Raises:
        PermissionError: with what it says, if it fails.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(f"{' '.join(words)}: {done.stderr.strip()}")
