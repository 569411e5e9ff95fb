"""Some of the judged pairs of a snapshot, where there are too many to hold in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.store.shards import Status
from factory.store.snapshot import Rows, Snapshot


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows of a snapshot, ascending: a share of the accepted ones, and the same of the rejected.

    Attributes:
        accepted: rows of accepted pairs.
        rejected: rows of rejected ones.
        of: how many accepted ones there are.
    """

    accepted: Rows
    rejected: Rows
    of: int

    @property
    def whole(self) -> bool:
        """Whether no accepted pair is left out."""
        return len(self.accepted) == self.of

    @staticmethod
    def drawn(snapshot: Snapshot, most: int) -> Sample:
        """At most so many accepted pairs of a snapshot; of volumes, whole ones.

        Seeds, which are digests of prompts, decide: those up to a bound are drawn. So a pair is
        drawn whatever its place, and a version that grows keeps most of what was drawn before.
        """
        accepted, rejected = snapshot.rows(Status.ACCEPTED), snapshot.rejected()
        if len(accepted) <= most:
            return Sample(accepted, rejected, len(accepted))
        keys = _keys(snapshot)
        bound = highest(keys[accepted], most)
        drawn = keys <= bound
        return Sample(accepted[drawn[accepted]], rejected[drawn[rejected]], len(accepted))


def highest(keys: NDArray[np.uint64], most: int) -> np.uint64:
    """The highest key up to which there are at most so many of them; the lowest if there is none."""
    ordered = np.sort(keys)
    # Equal keys, of one volume, are drawn together or not at all.
    fitting = ordered[:most][ordered[:most] < ordered[most]]
    return np.uint64(fitting[-1] if len(fitting) else ordered[0])


def _keys(snapshot: Snapshot) -> NDArray[np.uint64]:
    """(N,) what decides on each row: its seed, or the lowest of its volume."""
    seeds: NDArray[np.uint64] = snapshot.column("seed")
    if snapshot.attributes["sections"].get("grid", {}).get("unit") != "volume":
        return seeds
    volumes = snapshot.facets(np.arange(len(snapshot)))["volume"]
    lowest = pd.Series(seeds).groupby(volumes).transform("min").to_numpy("uint64")
    return np.where(volumes == "", seeds, lowest)
