"""What a version taught: how its downstream model does on each facet, how its pairs are judged there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.closed_loop.evidence import Belief, FacetEvidence
from evaluation.closed_loop.facets import facets_of
from evaluation.metrics.registry import Score
from evaluation.utility.gains import mixed_arm
from evaluation.utility.result import Utility
from evaluation.utility.segmenter_test import MACRO, by_seed
from factory.errors import InputError
from factory.pairs import PairBatch
from factory.store.sample import Sample
from flows.build import Built
from flows.context import RunContext
from flows.evaluate import pairs_of
from flows.improving.asked import AskedFacet, columns_of
from tasks.reporting import pair_table


@dataclass(frozen=True, eq=False)
class Tried:
    """A version that was built, and what its downstream model reached.

    Attributes:
        built: the run.
        dice: of the model, a row per held-out case, by unit and case, and a column per seed.
        alone: of one that learnt as long from the real images alone, likewise.
        facets: of each of these rows.
        evidence: on each facet.
    """

    built: Built
    dice: pd.DataFrame
    alone: pd.DataFrame
    facets: NDArray[np.object_]
    evidence: Sequence[FacetEvidence]

    @staticmethod
    def of(context: RunContext, built: Built, facets: Sequence[AskedFacet]) -> Tried:
        """Reads what a run left in its tables."""
        columns, utility = columns_of(context.recipe), built.utility
        if utility is None:
            raise ValueError(f"run {built.outcome.run} measured no utility: see `check_tried`")
        held, (cases, alone) = facets_of(context.reference.held_out, columns), model_cases(utility)
        dice, names = dice_of(facets, cases, held)
        without = by_seed(alone).loc[dice.index]
        pairs = judged_pairs(context, built, columns)
        real = real_images(context.reference.train, columns, int(cases["images"].mean()))
        evidence = [evidence_on(each, dice[names == each.name], pairs, real) for each in facets]
        return Tried(built, dice, without, names, evidence)


def dice_of(
    facets: Sequence[AskedFacet], cases: pd.DataFrame, held: NDArray[np.object_]
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Dice of the held-out cases that show one of the facets, and which one; others tell nothing.

    Args:
        facets: that can be asked for.
        cases: from `model_cases`.
        held: facet of each held-out pair.

    Returns:
        A row per case, by unit and case, and a column per seed; the facet of each row.

    Raises:
        InputError: if no held-out case shows any of them.
    """
    dice = by_seed(cases)
    names = held[dice.index.get_level_values("case")]
    known = np.isin(names, [each.name for each in facets])
    if not known.any():
        raise InputError(
            f"no held-out image shows what the grid asks for ({', '.join(e.name for e in facets)}), "
            f"but {', '.join(sorted(set(names)))}: name findings that the source has, or use "
            "`medpair run`"
        )
    return dice[known], names[known]


def model_cases(utility: Utility) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tested cases of the first segmenter on fewest real images: with pairs, and without.

    Returns:
        For each a row per seed and case that shows something, over all its classes.
    """
    table = pd.read_csv(utility.files["segmentation"], dtype={"real": str})
    rows = table[(table["class"] == MACRO) & table["shown"]]
    rows = rows[rows["segmenter"] == rows.iloc[0]["segmenter"]]
    mixed = rows[rows["kind"] == mixed_arm(set(rows["kind"]))]
    mixed = mixed[mixed["ratio"] == mixed.iloc[0]["ratio"]]
    return _of_fewest(mixed), _of_fewest(rows[rows["kind"] == "real"])


def _of_fewest(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["images"] == rows.groupby("domain")["images"].transform("min")]


def judged_pairs(context: RunContext, built: Built, columns: Sequence[str]) -> pd.DataFrame:
    """A row for each pair that was made: facet, accepted, and trust, which is NaN where unknown."""
    snapshot = context.store.snapshot(built.outcome.snapshot)
    accepted, rejected = pairs_of(snapshot, Sample.drawn(snapshot, len(snapshot)))
    numbers = pair_table(context.lake, snapshot, built.evaluated.about)
    judged = numbers.reindex(accepted.facets["row"])["dice"] if "dice" in numbers else np.nan
    real = accepted.facets["domain"].map(real_agreement(built.evaluated.scores))
    kept = pd.DataFrame({"facet": facets_of(accepted, columns), "accepted": True})
    kept["trust"] = (np.asarray(judged, float) / real.to_numpy(float)).clip(0, 1)
    if rejected is None:
        return kept
    lost = pd.DataFrame({"facet": facets_of(rejected, columns), "accepted": False})
    return pd.concat([kept, lost], ignore_index=True)


def real_agreement(scores: Sequence[Score]) -> dict[str, float]:
    """Domain -> Dice of the judge on real held-out pairs."""
    found = [each for each in scores if each.metric == "consistency_real" and each.whole]
    return {str(e.parameters["domain"]): e.value for e in found if "domain" in e.parameters}


def real_images(train: PairBatch, columns: Sequence[str], images: int) -> dict[str, float]:
    """Facet -> how many of so many real images of its domain show it, on average."""
    table = pd.DataFrame({"facet": facets_of(train, columns), "domain": train.facets["domain"]})
    share = table.groupby("domain")["facet"].value_counts(normalize=True).droplevel("domain")
    return {str(name): images * float(value) for name, value in share.items()}


def evidence_on(
    facet: AskedFacet, dice: pd.DataFrame, pairs: pd.DataFrame, real: dict[str, float]
) -> FacetEvidence:
    """What speaks for a facet: its held-out cases, its pairs, its real images."""
    mine = pairs[pairs["facet"] == facet.name]
    error = 1 - dice.mean(axis=1)
    return FacetEvidence(
        facet=facet.name,
        cost=facet.cells,
        real=real.get(facet.name, 0.0),
        pairs=int(mine["accepted"].sum()),
        accepted=float(mine["accepted"].mean()) if len(mine) else 1.0,
        error=Belief.of(error, error.index.get_level_values("unit").to_numpy()),
        trust=Belief.of(mine["trust"]) if "trust" in mine else Belief.of([]),
    )
