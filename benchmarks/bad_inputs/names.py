"""Names of data sets, versions and folders that are none, given to every command that takes one."""

from __future__ import annotations

import random

import yaml

from benchmarks.bad_inputs import hostile
from benchmarks.bad_inputs.case import Case, Place
from benchmarks.bad_inputs.ground import RECIPE
from benchmarks.bad_inputs.recipes import lay_paths
from factory.exports import EXPORTS

KNOWN = "phantoms"
BRANCH = f"{KNOWN}@run-{KNOWN}"


def name(draw: random.Random, place: Place) -> Case:
    """A name that no data set has, or a version that it has not."""
    bad = hostile.text(draw)
    called = draw.choice((bad, f"{KNOWN}@{bad}", f"{bad}@v1", f"{KNOWN}@v{bad}", f"{bad}@{bad}"))
    bare = draw.choice((bad, f"x{bad}"))
    words = draw.choice(
        (
            ("datasets", "show", called),
            ("datasets", "verify", called),
            ("datasets", "log", bare),
            ("datasets", "diff", KNOWN, bad, "main"),
            ("datasets", "diff", KNOWN, "main", bad),
            ("datasets", "diff", bare, "v1", "v2"),
            ("datasets", "gc", bare),
            ("datasets", "export", called, "out"),
            ("datasets", "tag", called, bad),
            ("datasets", "tag", BRANCH, bad),
            ("datasets", "rollback", KNOWN, bad),
            ("datasets", "withdraw", called, "--reason", bad),
            ("datasets", "remake", called, "0", "out"),
            ("report", called),
            ("utility", called, "--dry-run"),
            ("evaluate", called),
            ("readers", "result", bad),
            ("run", bad, "--dry-run"),
            ("recipes", "show", bad),
            ("recipes", "copy", bad, "out.yaml"),
        )
    )
    return _called(words, place)


def place_to_write(draw: random.Random, place: Place) -> Case:
    """A folder or file to write to that cannot be, or holds something."""
    lay_paths(place.folder)
    (place.folder / hostile.DIRECTORY / "full.txt").write_text("x")
    (place.folder / "file").write_text("x")
    (place.folder / "recipe.yaml").write_text(yaml.safe_dump(dict(RECIPE)))
    bad = draw.choice((*hostile.PATHS, "file", "file/x", hostile.DIRECTORY, f"{hostile.PIPE}/x"))
    layout = draw.choice((*EXPORTS, *hostile.TEXTS)) if draw.random() < 0.5 else "folder"
    words = draw.choice(
        (
            ("datasets", "export", BRANCH, "--as", layout, "--", bad),
            ("datasets", "export", f"{KNOWN}@v9", "--as", layout, "--", bad),
            ("preview", "--number", "1", "--out", bad, "--", "recipe.yaml"),
            ("recipes", "copy", "--", "demo", bad),
            ("readers", "export", "--", bad, bad),
            ("datasets", "remake", "--", BRANCH, "0", bad),
        )
    )
    return _called(words, place)


def home(draw: random.Random, place: Place) -> Case:
    """A home that cannot be one."""
    lay_paths(place.folder)
    (place.folder / "file").write_text("x")
    bad = draw.choice((*hostile.PATHS, *hostile.TEXTS, "file", "file/x", f"{hostile.PIPE}/x"))
    words = draw.choice(
        (
            *(("datasets", "list"), ("status",), ("datasets", "show", "x"), ("scores", "select 1")),
            *(
                ("datasets", "gc", "x"),
                ("report", "x"),
                ("run", "demo", "--set", "x=1", "--dry-run"),
            ),
        )
    )
    return Case(f"home {bad[:40]!r}", (*words, f"--home={bad}"))


def _called(words: tuple[str, ...], place: Place) -> Case:
    at = words.index("--") if "--" in words else len(words)
    whole = (*words[:at], "--home", str(place.ground.home), *words[at:])
    return Case(" ".join(words)[:60], whole)
