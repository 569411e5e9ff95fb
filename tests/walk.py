"""How many files a thing enters on its way: `python -m tests.walk`.

A tiny run is traced. A file counts as entered by a traveller if one of its functions is called with
the traveller, or with a part of it, among its arguments:

- recipe: a recipe of phantoms, scored, published, tested; its parts are its sections;
- folder: a folder held against another by `medpair evaluate`; its parts are its cases and pairs;
- arm: one downstream training and test; its parts are itself alone.

What a reader has to open to follow each, in other words.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = tuple(f"{ROOT / name}{os.sep}" for name in ("factory", "evaluation", "tasks", "flows"))

Travels = Callable[[object], bool]


class Walk:
    """A tracer that keeps the files in which something travels."""

    def __init__(self, travels: Travels) -> None:
        self.travels = travels
        self.files: dict[str, str] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(PACKAGES):
            return
        if code.co_filename in self.files:
            return
        count = code.co_argcount + code.co_kwonlyargcount
        if any(self.travels(frame.f_locals.get(name)) for name in code.co_varnames[:count]):
            self.files[code.co_filename] = code.co_qualname

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Traces this block, in all threads."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def __str__(self) -> str:
        lines = sorted(f"{Path(f).relative_to(ROOT)}: {name}" for f, name in self.files.items())
        return "\n".join(lines)


def section_of_a_recipe(value: object) -> bool:
    """Whether it is a recipe, or a section of one."""
    from pydantic import BaseModel

    own = type(value).__module__.startswith(("factory.", "evaluation.", "flows."))
    return (
        isinstance(value, BaseModel)
        and own
        and type(value).__name__ not in ("Domain", "Vocabulary", "Wording", "RunContext")
    )


def pairs_of_a_folder(value: object) -> bool:
    """Whether it is the source of a folder, its cases, or pairs read of them."""
    return type(value).__name__ in ("FolderSource", "Cases", "Case", "DecodedCase", "FolderContext")


def arm(value: object) -> bool:
    """Whether it is an arm of a comparison."""
    return type(value).__name__ == "Arm"


TINY = {
    "format": 1,
    "name": "tiny",
    "source": {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 8, "val": 6},
    "image": {"size": 32},
    "generator": {"kind": "phantom"},
    "grid": {"facets": {"finding": ["benign", "malignant"]}, "replicates": 4, "seed": 7},
    "evaluate": {"features": ["handcrafted", "encoder"], "encoder_steps": 2, "judge_steps": 3},
    "utility": {"classifiers": ["resnet"], "real": [4], "seeds": 1, "steps": 2},
}


def walks(home: Path) -> dict[str, Walk]:
    """The three walks, each of a fresh home below a folder."""
    import yaml
    from typer.testing import CliRunner

    from flows.console.cli import app

    def call(walk: Walk, *words: object) -> Walk:
        with walk.watching():
            result = CliRunner().invoke(app, [*map(str, words), "--json"])
        if result.exit_code:
            raise RuntimeError(result.stderr)
        return walk

    recipe = home / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(TINY))
    there = ("--home", home / "home")
    found = {"recipe": call(Walk(section_of_a_recipe), "run", recipe, *there)}
    found["arm"] = call(Walk(arm), "utility", "tiny", "--set", "utility.steps=3", *there)
    call(Walk(arm), "datasets", "export", "tiny", home / "pairs", *there)
    held = ("evaluate", home / "pairs", "--against", recipe, "--size", 32)
    found["folder"] = call(Walk(pairs_of_a_folder), *held, *there)
    return found


def main() -> None:
    """Prints the number of files of each walk, and which they are."""
    os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="medpair-prefect-")
    with tempfile.TemporaryDirectory() as folder:
        for name, walk in walks(Path(folder)).items():
            print(f"{name}: {len(walk.files)} files\n{walk}\n")


if __name__ == "__main__":
    main()
