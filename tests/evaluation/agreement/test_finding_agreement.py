import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from evaluation.agreement.finding_agreement import finding_agreement
from evaluation.pairs import Block

NAMES = ("effusion", "nodule", "normal")


@dataclass(frozen=True)
class Reader:
    """Reads the finding off the brightness: 0, 100 and 200 are its three labels."""

    labels: tuple[str, ...] = NAMES
    digest: str = "reader"
    sure: float = 0.8

    def probabilities(self, images):
        answer = images[:, 0, 0, 0] // 100
        rest = (1 - self.sure) / (len(self.labels) - 1)
        return np.where(np.arange(len(self.labels)) == answer[:, None], self.sure, rest)


def pairs(shown, findings, patients=None):
    """Images of one brightness each, which say `shown`, under these findings."""
    count = len(findings)
    level = np.array([NAMES.index(name) * 100 for name in shown], np.uint8)
    facets = {"domain": "d", "finding": findings, "patient": patients or [""] * count}
    return Block(
        np.broadcast_to(level[:, None, None, None], (count, 4, 4, 1)),
        np.zeros((count, 4, 4), np.uint8),
        pd.DataFrame(facets),
        np.full((count, 2), np.nan, np.float32),
        np.zeros(count, bool),
    )


def real(wrong=0, each=10):
    findings = ["effusion"] * each + ["normal"] * each
    shown = ["normal"] * wrong + findings[wrong:]
    return pairs(shown, findings, [f"p{n}" for n in range(2 * each)])


def test_figures_by_hand():
    # Asked: 6 effusions, of which 3 look so, and 2 normals, both right: 5/8, balanced 3/4.
    # Real: 8 of 10 and 10 of 10: 18/20 both ways. The ratio is 5/6.
    asked = ["effusion"] * 6 + ["normal"] * 2
    shown = ["effusion"] * 3 + ["nodule"] * 2 + ["normal"] * 3
    found = finding_agreement(pairs(shown, asked), real(wrong=2), Reader(), seed=0)
    assert found.findings == ("effusion", "normal")
    assert (found.pairs.accuracy.value, found.pairs.accuracy.n) == (5 / 8, 8)
    assert found.pairs.balanced_accuracy.value == 3 / 4
    assert (found.real.balanced_accuracy.value, found.real.accuracy.n) == (0.9, 20)
    assert found.balanced_accuracy_ratio.value == pytest.approx(5 / 6)
    chance = found.shuffled.balanced_accuracy.value
    assert found.closed.value == pytest.approx((3 / 4 - chance) / (0.9 - chance))


def test_pairs_as_good_as_real_close_the_way():
    findings = ["effusion", "normal"] * 30
    found = finding_agreement(pairs(findings, findings), real(), Reader(), seed=0)
    for e in (found.closed, found.balanced_accuracy_ratio):
        assert (e.value, e.low, e.high, e.n) == (1, 1, 1, 60)
    assert 0.2 < found.shuffled.balanced_accuracy.value < 0.8


def test_images_that_ignore_their_prompt_are_at_chance():
    asked = ["effusion", "normal"] * 50
    shown = np.random.default_rng(0).choice(["effusion", "normal"], 100)
    found = finding_agreement(pairs(shown, asked), real(wrong=1), Reader(), seed=0)
    assert found.closed.low < 0 < found.closed.high < 0.5
    assert found.pairs.auroc.low < 0.5 < found.pairs.auroc.high
    assert found.balanced_accuracy_ratio.low < 0.5 / 0.95 < found.balanced_accuracy_ratio.high


def test_the_ratio_resamples_pairs_and_patients():
    asked = ["effusion", "normal"] * 20
    shown = [*asked[:30], *(["normal"] * 10)]
    few, many = real(wrong=2), real(wrong=20, each=100)
    wide = finding_agreement(pairs(shown, asked), few, Reader(), seed=0).balanced_accuracy_ratio
    narrow = finding_agreement(pairs(shown, asked), many, Reader(), seed=0)
    closer = narrow.balanced_accuracy_ratio
    assert wide.value == pytest.approx(closer.value)
    assert wide.high - wide.low > closer.high - closer.low


def test_findings_that_cannot_be_judged_are_left_out():
    # No held-out nodule, a finding nobody knows, a blank one: only two findings remain.
    asked = ["effusion", "normal", "nodule", "fracture", None, "normal"]
    shown = ["effusion", "normal", "nodule", "normal", "normal", "normal"]
    found = finding_agreement(pairs(shown, asked), real(), Reader(), seed=0)
    assert found.findings == ("effusion", "normal")
    assert (found.pairs.accuracy.value, found.pairs.accuracy.n) == (1, 3)
    # A single effusion cannot be resampled.
    assert math.isnan(found.closed.low)
    assert math.isnan(found.pairs.balanced_accuracy.low)


@pytest.mark.parametrize("asked", [["normal"] * 3, ["fracture"] * 3, [""] * 3, []])
def test_without_two_findings_nothing_is_known(asked):
    found = finding_agreement(pairs(["normal"] * len(asked), asked), real(), Reader(), seed=0)
    figures = [*vars(found.pairs).values(), *vars(found.real).values(), found.closed]
    assert found.findings == ()
    assert all(e.n == 0 and not e.known for e in [*figures, found.balanced_accuracy_ratio])


def test_a_classifier_that_cannot_read_real_images_judges_nothing():
    # On real images it is always wrong: no ratio to that, though the pairs have their figures.
    blind = pairs(["normal"] * 4 + ["effusion"] * 4, ["effusion"] * 4 + ["normal"] * 4)
    findings = ["effusion", "normal"] * 5
    found = finding_agreement(pairs(findings, findings), blind, Reader(), seed=0)
    assert found.pairs.accuracy.value == 1
    assert found.real.accuracy.value == 0
    for e in (found.balanced_accuracy_ratio, found.closed):
        assert (e.known, e.n) == (False, 10)


def test_another_column_asks_for_something_else():
    findings = ["effusion", "normal"] * 5
    ours, theirs = pairs(findings, findings), real()
    for block in (ours, theirs):
        block.facets["modality"] = block.facets.pop("finding")
    assert finding_agreement(ours, theirs, Reader(), seed=0).findings == ()
    found = finding_agreement(ours, theirs, Reader(), column="modality", seed=0)
    assert found.closed.value == 1
