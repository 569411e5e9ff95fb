"""Where the next prompts go: a bandit's rule, or the same for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation.closed_loop.evidence import FacetEvidence
from evaluation.settings import LoopRule


def least_granted(cost: int, floor: int) -> int:
    """The fewest pairs that come in prompts of so many each, and are no fewer than a floor."""
    return cost * -(-floor // cost)


def allocate(
    evidence: Sequence[FacetEvidence],
    pairs: int,
    floor: int,
    rng: np.random.Generator,
    rule: LoopRule = "thompson",
) -> list[int]:
    """How many further pairs of each facet are asked for; never more than `pairs` in all.

    First every facet gets its floor. Then pairs are granted one prompt after the other, by Thompson's
    rule to the facet that is worth most in a world drawn from what is believed, so that what is
    uncertain is tried, and what is known to be of no use is left; or, uniformly, to the facet that
    has been granted least.

    Args:
        evidence: of each facet.
        pairs: the budget.
        floor: least number of each facet.
        rng: draws; equal generators decide equally.
        rule: which of the two.

    Raises:
        ValueError: if the budget is too small for the floor.

    Source: Thompson 1933, Biometrika 25:285; Russo et al. 2018, arXiv 1707.02038.
    """
    granted = [least_granted(each.cost, floor) for each in evidence]
    if sum(granted) > pairs:
        raise ValueError(f"{pairs} pairs are fewer than the floor of all facets, {sum(granted)}")
    while affordable := [k for k, each in enumerate(evidence) if each.cost <= pairs - sum(granted)]:
        if rule == "uniform":
            chosen = min(affordable, key=lambda k: granted[k])
        else:
            worths = [each.worth(rng, has) for each, has in zip(evidence, granted, strict=True)]
            chosen = max(affordable, key=worths.__getitem__)
        granted[chosen] += evidence[chosen].cost
    return granted
