"""Writing and reading versions, beside plain Zarr on the same layout."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.speed.contest import Contest, largest
from benchmarks.speed.pictures import SIDE
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store.repository import ForkSession, Session, Store
from factory.store.runs import Run, declare, judge, make, merge
from factory.store.shards import Layout, cut
from factory.store.snapshot import Snapshot, new_array

PAIRS = 256
BATCH = 8  # pairs read at a time
ARRAYS = ("image", "mask")


class Written:
    """Pairs that are there before anything is timed, and stores that they are written into."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, count()
        generator = PhantomGenerator(ImageSection(size=SIDE))
        section = GridSection(facets={"domain": ("phantom-chest-xray",)}, replicates=PAIRS)
        self.grid = PromptGrid(section, generator.domains)
        self.layout = Layout.of(SIDE, 1)
        self.digest = generator.digest
        prompts = [self.grid[i] for i in range(PAIRS)]
        self.pairs: PairBatch = generator.generate(prompts, [prompt.seed for prompt in prompts])

    def declared(self) -> tuple[Store, Run, Session]:
        """A store in which every row of a run is laid out, and a session to fill them in."""
        name = f"pairs{next(self.numbers)}"
        store = Store(str(self.folder), name).create()
        maps = {domain.name: domain.label_map for domain in self.grid.domains.values()}
        run = Run(name, self.grid, self.layout, self.digest, maps, {}, {})
        declare(store, run)
        return store, run, store.writable(run.branch)

    def filled(self, session: Session) -> list[ForkSession]:
        """Pairs checked and written with their checksums, each shard as a worker does it."""
        shards = cut(PAIRS, self.layout.shard)
        return [make(lambda *_: self.pairs, session.fork(), shard) for shard in shards]

    def version(self) -> Snapshot:
        """A version of all pairs."""
        store, run, session = self.declared()
        merge(session, self.filled(session))
        store.commit(session, "pairs", {})
        return judge(store, run.branch)

    def plain(self) -> Any:  # noqa: ANN401  # a zarr.Group, which has no types here
        """Images and masks alone, in the same chunks."""
        group = zarr.open_group(self.folder / f"plain{next(self.numbers)}", mode="w")
        for name, values in zip(ARRAYS, pixels(self.pairs), strict=True):
            new_array(group, name, self.layout, PAIRS)
            group[name][:] = values
        return group


def contests() -> Iterator[tuple[str, Contest]]:
    """All of them, by name."""
    with tempfile.TemporaryDirectory() as folder:
        written = Written(Path(folder))
        _, _, session = written.declared()
        yield (
            "store_write",
            Contest(
                f"{PAIRS} pairs of {SIDE} x {SIDE} checked and written",
                "Zarr, images and masks alone",
                lambda: written.filled(session),
                written.plain,
                0.9,
                each=PAIRS,
            ),
        )
        snapshot, group = (
            written.version(),
            zarr.open_group(str(written.plain().store.root), mode="r"),
        )
        rows = np.sort(np.random.default_rng(0).permutation(PAIRS)[:BATCH])
        yield (
            "store_read",
            Contest(
                f"{BATCH} pairs of {SIDE} x {SIDE} read at random",
                "Zarr, images and masks alone",
                lambda: pixels(snapshot.read(rows)),
                lambda: [group[name].oindex[rows] for name in ARRAYS],
                0.9,
                apart=most_apart,
                each=BATCH,
            ),
        )


def pixels(pairs: PairBatch) -> list[NDArray[np.uint8]]:
    """Images and masks, in the order of `ARRAYS`."""
    return [pairs.images, pairs.masks]


def most_apart(
    ours: Sequence[NDArray[np.uint8]], theirs: Sequence[NDArray[np.uint8]]
) -> Mapping[str, Figure]:
    """The largest difference of any pixel of images or masks."""
    found = [largest(a.astype(int), b)["apart"] for a, b in zip(ours, theirs, strict=True)]
    return {"apart": max(found, key=lambda figure: figure.value or 0.0)}
