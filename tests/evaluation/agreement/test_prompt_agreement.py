import numpy as np
import pandas as pd

from evaluation.agreement.prompt_agreement import prompt_agreement
from evaluation.pairs import Block


def pairs(shown, labels=None, has_mask=None):
    """A mask per entry of `shown`, with one row of pixels for each class index in it."""
    masks = np.zeros((len(shown), 8, 8), np.uint8)
    for mask, indices in zip(masks, shown, strict=True):
        for index in indices:
            mask[index] = index
    facets = pd.DataFrame({"labels": labels} if labels else {"name": range(len(shown))})
    spacing = np.full((len(shown), 2), np.nan, np.float32)
    known = np.ones(len(shown), bool) if has_mask is None else np.array(has_mask)
    return Block(masks[..., None], masks, facets, spacing, known)


def test_by_hand():
    # Asked lung and heart, shown lung: half. Asked heart, shown heart: all. The mean is 3/4.
    # Unasked: nothing in the first; lung in the second, absent: 1. Third: asked none, shows lung:
    # of two unasked classes one is absent: 1/2. The mean is 3/4.
    found = prompt_agreement(
        pairs([(1,), (2,), (1,)], ["lung;heart", "heart", ""]), ["lung", "heart"]
    )
    assert found.asked_present.value == 0.75
    assert found.asked_present.n == 2
    assert found.unasked_absent.value == 0.75
    assert found.unasked_absent.n == 2


def test_absent_masks_and_unknown_prompts_say_nothing():
    found = prompt_agreement(pairs([(1,), ()], ["lung", "lung"], [True, False]), ["lung"])
    assert found.asked_present.value == 1
    assert found.asked_present.n == 1
    assert found.unasked_absent.n == 0
    assert prompt_agreement(pairs([(1,)]), ["lung"]).asked_present.n == 0
