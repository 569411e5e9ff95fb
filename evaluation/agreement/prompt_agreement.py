"""Does a mask show the classes that its prompt asked for, and no others?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.pairs import Pairs, column, units_of, with_masks
from evaluation.statistics.bootstrap import Estimate, Units, bca_mean

SEPARATOR = ";"


@dataclass(frozen=True)
class PromptAgreement:
    """Prompt against mask.

    Attributes:
        asked_present: share of the asked classes that the mask shows, mean over pairs that were
            asked for any.
        unasked_absent: share of the other classes that it does not show, mean over pairs with
            any other; a generator that decodes masks among the asked classes gives 1 by design.
    """

    asked_present: Estimate
    unasked_absent: Estimate


def prompt_agreement(pairs: Pairs, classes: Sequence[str], *, seed: int = 0) -> PromptAgreement:
    """Compares masks with the facet `labels` ("left lung;heart"; "" asks for none).

    Pairs without a mask are left out; without a facet of that name nothing is known (n = 0).

    Args:
        pairs: of one domain.
        classes: names of its foreground classes.
        seed: of the intervals, which resample units: pairs, or volumes of which they are slices.
    """
    shown = with_masks(pairs)
    present = np.stack([(shown.masks == i + 1).any((1, 2)) for i in range(len(classes))], axis=1)
    texts = list(column(shown, "labels")) if "labels" in shown.facets else list[object]()
    asked = np.array(
        [[name in str(text).split(SEPARATOR) for name in classes] for text in texts], bool
    ).reshape(-1, len(classes))
    present, units = present[: len(asked)], units_of(shown)[: len(asked)]
    return PromptAgreement(
        _share(present, asked, units, seed=seed), _share(~present, ~asked, units, seed=seed)
    )


def _share(
    holds: NDArray[np.bool_], among: NDArray[np.bool_], units: Units, *, seed: int
) -> Estimate:
    """Mean over rows of the share of `among` that holds; rows with none among are left out."""
    counted = among.any(1)
    each = (holds & among).sum(1)[counted] / among.sum(1)[counted]
    return bca_mean(each, units[counted], seed=seed)
