"""Images without masks: scored for what they are, and for nothing that a mask would have to say."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Need
from evaluation.metrics.registry import METRICS
from evaluation.scoring.domain import score_domain
from evaluation.scoring.version import score_version
from evaluation.settings import EvaluateSection

SECTION = EvaluateSection(ms_ssim_pairs=10)


def without_masks(pairs):
    return replace(
        pairs, masks=np.zeros_like(pairs.masks), has_mask=np.zeros(len(pairs.images), bool)
    )


@pytest.fixture(scope="module")
def scored(discs):
    train, held_out = discs(14, seed=0), discs(12, seed=1)
    made = without_masks(discs(10, seed=2))
    made.images[3] = train.images[5]
    return score_version(made, train, held_out, {}, SECTION)


def test_every_score_that_needs_no_mask_is_there_and_no_other(scored):
    trained = {Need.MASKS, Need.FINDING_CLASSIFIER, Need.DOWNSTREAM, Need.VOLUMES}
    expected = {name for name, metric in METRICS.items() if not metric.needs & trained}
    assert {score.metric for score in scored.scores} == expected
    assert {"mmd_texture", "frechet_spectrum_real", "sharpness", "ms_ssim"} <= expected
    assert all(score.known for score in scored.scores if score.metric.startswith("mmd_"))


def test_a_row_for_each_image_says_where_it_was_copied_from(scored):
    assert len(scored.pairs) == 10
    assert scored.pairs["dice"].isna().all()
    assert scored.pairs["nearest"][3] == 5
    assert scored.pairs["copied"][3]


def test_masks_of_the_real_pairs_change_nothing(discs):
    train, held_out, made = discs(14, seed=0), discs(12, seed=1), without_masks(discs(10, seed=2))
    with_them = score_domain(ScoringContext(made, train, held_out, SECTION))
    blind = without_masks(train), without_masks(held_out)
    without = score_domain(ScoringContext(made, *blind, SECTION))
    assert [score.value for score in with_them] == pytest.approx(
        [score.value for score in without], nan_ok=True
    )


def test_a_domain_with_masks_still_needs_its_judge(discs):
    with pytest.raises(ValueError, match="has no judge"):
        score_version(discs(6, seed=2), discs(8, seed=0), discs(8, seed=1), {}, SECTION)
