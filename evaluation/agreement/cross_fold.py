"""Do the pairs agree with one another? Each is judged by models that learned from the others.

A mask that does not fit its image is not what models learn from the rest of the pairs. This needs
no real pair, so it may reject pairs without touching what the judge is there to measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.dice import overlaps, positive_dice
from evaluation.pairs import Pairs, take

if TYPE_CHECKING:
    from evaluation.networks.segmenter import Segmenter
    from evaluation.networks.training_loop import Step

FOLDS = 3


def fold_models(
    pairs: Pairs, fold: NDArray[np.intp], classes: Sequence[str], kind: str, steps: int, seed: int
) -> Iterator[tuple[Segmenter, Iterator[Step]]]:
    """For each fold a segmenter and the loop that trains it on the other folds.

    Args:
        pairs: of one domain.
        fold: (N,) fold of each pair, see `folds.folds_of`.
        classes: names of the foreground classes.
        kind: name in `SEGMENTERS`.
        steps: of training.
        seed: of weights and batches.
    """
    # Sections name segmenters and must be read without waiting for torch.
    from evaluation.networks.segmenter import new_segmenter, train_segmenter

    for number in range(int(fold.max()) + 1):
        segmenter = new_segmenter(kind, pairs.images.shape[-1], classes, seed=seed + number)
        others = take(pairs, fold != number)
        yield segmenter, train_segmenter(segmenter, [others], steps=steps, seed=seed + number)


def fold_agreement(
    pairs: Pairs, fold: NDArray[np.intp], segmenters: Sequence[Segmenter]
) -> NDArray[np.float64]:
    """(N,) Dice of each mask with the answer of the model that has not seen its pair.

    Mean over the classes that the mask shows; of an empty mask 1 where the answer is empty too,
    else 0; NaN where the mask is absent.
    """
    dice = np.full(len(pairs), np.nan)
    for number, segmenter in enumerate(segmenters):
        rows = np.flatnonzero(fold == number)
        part = take(pairs, rows)
        answers = segmenter.predict(part.images)
        agreed = positive_dice(overlaps(answers, part.masks, len(segmenter.classes)))
        nothing = ~answers.any((1, 2))
        dice[rows] = np.where(part.masks.any((1, 2)), agreed, nothing)
    return np.where(np.asarray(pairs.has_mask, bool), dice, np.nan)
