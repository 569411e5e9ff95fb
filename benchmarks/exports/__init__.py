"""Every export is read back, and held against the pairs it was written from, to the pixel.

`python -m benchmarks.exports` writes phantoms of two domains, one with several classes, in every
layout, and has the reader of each give images and masks back. A layout counts where both are equal
for every pair; one whose reader is not installed is named, and counts for nothing. A minute on one
core, `--quick` a few seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.exports.readers import READERS, Reader
from benchmarks.figures import Bar, Figure, show, verdicts
from factory.exports import EXPORTS
from factory.exports.by_domain import Origin
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, make, merge, missing
from factory.store.shards import Layout
from factory.store.snapshot import Snapshot

BARS = (Bar("exports_read_back", ">=", 9),)
DOMAINS = ("phantom-breast-us", "phantom-chest-xray")
SIZE = 64
PAIRS, QUICK = 96, 4  # of each domain; more than a block that exports read at a time
EQUAL, OTHER = "equal", "NOT the pairs that were written"


def phantoms(folder: Path, replicates: int) -> Snapshot:
    """Accepted pairs of phantoms, all with a mask.

    Args:
        folder: of the store.
        replicates: pairs of each domain.
    """
    generator = PhantomGenerator(ImageSection(size=SIZE))
    store = Store(str(folder), "phantoms").create()
    section = GridSection(facets={"domain": DOMAINS}, replicates=replicates)
    grid = PromptGrid(section, generator.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    layout = Layout(SIZE, SIZE, 1, 16, 64)
    run = Run("phantoms", grid, layout, generator.digest, label_maps, {}, {})
    shards = missing(declare(store, run))
    session = store.writable(run.branch)
    merge(session, (make(generator.generate, session.fork(), shard) for shard in shards))
    store.commit(session, "pairs", {})
    return judge(store, run.branch)


def read_back(kind: str, reader: Reader, snapshot: Snapshot, folder: Path) -> bool:
    """Whether a layout gives every image and mask of a version back.

    Args:
        kind: of the layout.
        reader: that reads it.
        snapshot: the version.
        folder: new, for the export.
    """
    told = Origin("v1", "CC0-1.0", layout=kind)
    parts = EXPORTS[kind].parts(snapshot, folder, told)
    for _ in EXPORTS[kind](snapshot, folder, told):
        pass
    same = []
    for part in parts:
        images, masks = reader.read(part)
        expected = snapshot.read(part.rows)
        same += [np.array_equal(images, expected.images[..., 0])]
        same += [np.array_equal(masks, expected.masks)]
    return all(same)


def measure(replicates: int, readers: Mapping[str, Reader] = READERS) -> dict[str, str]:
    """What came of every layout, in words.

    Args:
        replicates: pairs of each domain.
        readers: by layout.
    """
    with tempfile.TemporaryDirectory() as name:
        snapshot = phantoms(Path(name) / "pairs", replicates)
        return {
            kind: _told(kind, readers[kind], snapshot, Path(name) / kind)
            if kind in readers
            else "not run: nothing here reads it"
            for kind in EXPORTS
        }


def _told(kind: str, reader: Reader, snapshot: Snapshot, folder: Path) -> str:
    if reader.missing:
        return f"not run: {', '.join(reader.missing)} is not installed"
    said = EQUAL if read_back(kind, reader, snapshot, folder) else OTHER
    return f"{said}, as read by {reader.by}"


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pairs of each domain")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    start = time.monotonic()
    found = measure(QUICK if options.quick else PAIRS)
    equal = sum(words.startswith(EQUAL) for words in found.values())
    figures = {
        "exports_read_back": Figure(equal, "1", n=len(found)),
        "seconds": Figure(time.monotonic() - start, "s"),
    }
    show("exports", figures, {"formats": found}, options.json, verdicts(BARS, figures))
