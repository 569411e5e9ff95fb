"""How long a command takes that needs little, beside an import of torch alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir

from benchmarks.figures import Bar
from benchmarks.speed.contest import Contest

COMMANDS = {
    "help": (("--help",), 0.4),
    "datasets_list": (("datasets", "list"), 1.5),
    "doctor": (("doctor",), 3.0),
}
HEAVIEST = "import torch"
BARS = tuple(Bar(f"start_{name}_ours", "<=", most) for name, (_, most) in COMMANDS.items())


def contests() -> Iterator[tuple[str, Contest]]:
    """All of them, by name."""
    for name, (words, _) in COMMANDS.items():
        yield (
            f"start_{name}",
            Contest(
                f"`medpair {' '.join(words)}` in an empty home",
                "an import of torch alone",
                ran("-m", "medpair", *words),
                ran("-c", HEAVIEST),
                None,
            ),
        )


def ran(*words: str) -> Callable[[], object]:
    """What runs Python to its end, in a home where there is nothing."""
    home = {"MEDPAIR_HOME": str(Path(gettempdir()) / "medpair-speed-nothing")}

    def run() -> object:
        return subprocess.run(
            [sys.executable, *words],
            env={**os.environ, **home},
            capture_output=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )

    return run
