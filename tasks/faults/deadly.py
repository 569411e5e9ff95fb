"""Prompts that end the process which makes them: found by halving, as those at which a generator raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

MOST_DEATHS = 12  # of a shard: two prompts of sixteen are found, and a generator that always dies


class WorkersLostError(RuntimeError):
    """Workers end at whatever they make."""


class ClusterLostError(RuntimeError):
    """A scheduler or its workers cannot be reached any more; they may come back."""


def deadly(rows: Sequence[int], dies: Callable[[Sequence[int]], bool]) -> list[int]:
    """The rows at each of which alone a worker ends, asked twice; none where it was somebody's doing.

    Args:
        rows: at which one ended, in order.
        dies: has a worker make the pairs of some rows, and says whether it ended.

    Raises:
        WorkersLostError: if it ends at too many of them to go on.
    """
    deaths = 0

    def counted(part: Sequence[int]) -> bool:
        nonlocal deaths
        died = dies(part)
        deaths += died
        if deaths > MOST_DEATHS:
            raise lost(rows)
        return died

    return list(_halved(rows, counted))


def _halved(rows: Sequence[int], dies: Callable[[Sequence[int]], bool]) -> Iterator[int]:
    """Rows of a part at which a worker ended, that end one alone."""
    if len(rows) == 1:
        if dies(rows):
            yield rows[0]
        return
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        if dies(part):
            yield from _halved(part, dies)


def lost(rows: Sequence[int]) -> WorkersLostError:
    """What is said of rows that no worker survives."""
    return WorkersLostError(
        f"every worker ends while it makes rows {rows[0]} to {rows[-1]}, and not for one prompt: look "
        "for want of memory (`dmesg` names what was killed) or for a library that crashes; what was "
        "committed is kept, and the same command goes on"
    )
