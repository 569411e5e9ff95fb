"""A small disk, which is filled to the last byte and then enlarged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults_run.root import as_root

MEGABYTE = 2**20


@dataclass
class Disk:
    """A file system in memory, at a folder.

    Attributes:
        folder: where it is mounted.
        megabytes: how large it is.
    """

    folder: Path
    megabytes: int

    def fill(self) -> None:
        """Leaves no byte free."""
        with (self.folder / "ballast").open("ab", buffering=0) as file, suppress(OSError):
            for size in (MEGABYTE, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def enlarge(self) -> None:
        """Gives it as much room again, with what it holds."""
        self.megabytes *= 2
        as_root("mount", "-o", f"remount,size={self.megabytes}m", str(self.folder))


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk mounted at an empty folder, and gone after the block.

    Raises:
        PermissionError: where this process may not mount one.
    """
    if os.geteuid():
        raise PermissionError("mounting a disk needs root")
    folder.mkdir(parents=True, exist_ok=True)
    as_root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "medpair-faults", str(folder))
    try:
        yield Disk(folder, megabytes)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
