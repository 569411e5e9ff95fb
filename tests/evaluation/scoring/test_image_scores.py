"""Images without masks: scored for what they are, and for nothing that a mask would have to say."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.image_scores import needs_mask, score_images
from evaluation.metrics.registry import METRICS
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


def test_no_score_needs_the_masks_that_are_not_there(scored):
    names = {score.metric for score in scored.scores}
    assert not {name for name in names if needs_mask(name)}
    assert {"kernel_texture", "frechet_spectrum_real", "sharpness", "ms_ssim"} <= names
    assert all(score.known for score in scored.scores if score.metric.startswith("kernel_"))


def test_every_other_score_of_a_version_is_there(scored):
    expected = {name for name in METRICS if not needs_mask(name) and "finding" not in name}
    # Classifiers need no masks, but are trained elsewhere.
    trained = {name for name in expected if name.startswith("utility_auroc")}
    assert expected - {score.metric for score in scored.scores} == trained


def test_a_row_for_each_image_says_where_it_was_copied_from(scored):
    assert len(scored.pairs) == 10
    assert scored.pairs["dice"].isna().all()
    assert scored.pairs["nearest"][3] == 5
    assert scored.pairs["copied"][3]


def test_masks_of_the_real_pairs_change_nothing(discs):
    train, held_out, made = discs(14, seed=0), discs(12, seed=1), without_masks(discs(10, seed=2))
    with_them = score_images(made, train, held_out, SECTION)[0]
    without = score_images(made, without_masks(train), without_masks(held_out), SECTION)[0]
    assert [score.value for score in with_them] == pytest.approx(
        [score.value for score in without], nan_ok=True
    )


def test_a_domain_with_masks_still_needs_its_judge(discs):
    with pytest.raises(ValueError, match="has no judge"):
        score_version(discs(6, seed=2), discs(8, seed=0), discs(8, seed=1), {}, SECTION)
