from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from evaluation.errors import InputError
from evaluation.settings import ARMS, ArmKind, UtilitySection
from evaluation.utility.arms import Arm, arms_of
from evaluation.utility.segmentation import SegmentationTask, nested_subset

EVERY = tuple(ARMS)
TRAINED = tuple(kind for kind in ARMS if kind != "searched")  # which is trained as another
TASK = SegmentationTask()


def trained(arm, train, made, *, steps=2, validation=None):
    segmenter, loop = TASK.start(arm, train, made, ("disc",), steps, validation)
    return segmenter, list(loop)


def test_every_kind_of_arm_is_explained():
    assert set(ARMS) == set(get_args(ArmKind))


def test_the_arms_of_a_recipe(discs):
    section = UtilitySection(real=(2, "all"), seeds=2)
    found = TASK.arms(section, discs(5), discs(8))
    assert len(found) == 2 * (1 + 2 + 2)
    assert len({arm.name for arm in found}) == len(found)
    assert found[0] == Arm("unet", "discs", "synthetic", "", 0, 0)
    assert {(arm.kind, arm.real, arm.images, arm.ratio) for arm in found} == {
        ("synthetic", "", 0, 0.0),
        ("real", "2", 2, 0.0),
        ("both", "2", 2, 1.0),
        ("real", "all", 5, 0.0),
        ("both", "all", 5, 1.0),
    }


def test_every_arm_at_every_ratio_has_a_name_of_its_own(discs):
    section = UtilitySection(
        segmenters=("unet", "segresnet"), real=(2, 4), arms=EVERY, ratios=(0.5, 1, 3), seeds=2
    )
    found = [arm for fold in (None, 0, 1) for arm in TASK.arms(section, discs(5), discs(8), fold)]
    # Synthetic, then seven others and two at three ratios for each number of real images.
    assert len(found) == 3 * 2 * 2 * (1 + 2 * (7 + 2 * 3))
    assert len({arm.name for arm in found}) == len(found)
    assert "unet-discs-both-ratio0.5-2-fold1-seed0" in {arm.name for arm in found}


def test_an_arm_tested_in_reverse_is_trained_as_a_real_one():
    arm = Arm("unet", "d", "reversed", "2", 2, 0)
    assert arm.trained_as == Arm("unet", "d", "real", "2", 2, 0)
    assert arm.needs_synthetic
    assert not arm.learns_synthetic
    for kind in set(EVERY) - {"reversed"}:
        assert replace(arm, kind=kind).trained_as == replace(arm, kind=kind)


def test_more_real_images_than_there_are_is_refused(discs):
    with pytest.raises(InputError, match="asks for 9 real images of domain 'discs', which has 5"):
        TASK.arms(UtilitySection(real=(9,)), discs(5), discs(8))
    with pytest.raises(InputError, match=r"names \['lungs'\], but the pairs only hold"):
        TASK.arms(UtilitySection(domains=("lungs",)), discs(20), discs(8))


def test_a_number_that_only_others_have_is_left_out(caplog):
    section = UtilitySection(real=(4, 9, "all"), arms=("real",), seeds=1)
    found = arms_of(("unet",), section, ("few", "many"), {"few": 5, "many": 20}, None)
    assert [(arm.domain, arm.real) for arm in found] == [
        *(("few", real) for real in ("4", "all")),
        *(("many", real) for real in ("4", "9", "all")),
    ]
    assert "few has 5 real images for training: no network learns from 9 there" in caplog.text
    fewest = UtilitySection(real=(9,))
    with pytest.raises(InputError, match="asks for 9 real images of domain 'few', which has 5"):
        list(arms_of(("unet",), fewest, ("few", "many"), {"few": 5, "many": 20}, None))


def test_a_share_is_written_as_its_number(discs):
    section = UtilitySection(real=("1%", "25%", "26%", 10, "100%", "all"), arms=("real",), seeds=1)
    found = {arm.real: arm.images for arm in TASK.arms(section, discs(40), discs(8))}
    # 0.4 of an image becomes one; 10 and 10.4 images are the 10 that were named too.
    assert found == {"1": 1, "10": 10, "40": 40, "all": 40}
    with pytest.raises(InputError, match="asks for 25% real images of domain 'discs', which has 0"):
        TASK.arms(UtilitySection(real=("25%",)), discs(5, domain="else"), discs(8))


@pytest.mark.parametrize("kind", TRAINED)
def test_every_arm_takes_equally_many_steps(kind, discs):
    arm = Arm("unet", "discs", kind, "3", 3, 0, 3.0 if kind == "both" else 0.0)
    _, steps = trained(arm, discs(4, size=32), discs(4, size=32, seed=1), steps=3)
    # The two halves of the arm `pretrained` are numbered through.
    assert [step.number for step in steps] == [1, 2, 3]


def test_arms_differ_where_their_training_does(discs):
    train, made = discs(4, size=32), discs(4, size=32, seed=1)
    real = Arm("unet", "discs", "real", "3", 3, 0)
    others = [replace(real, kind=kind) for kind in ("augmented", "synthetic", "pretrained")]
    others += [replace(real, kind="both", ratio=ratio) for ratio in (1.0, 3.0)]
    digests = [trained(arm, train, made, steps=1)[0].digest for arm in (real, *others)]
    # Of a single step the arm `pretrained` takes the second half, on its real images.
    assert len(set(digests)) == len(digests)
    assert trained(replace(real, seed=1), train, made, steps=1)[0].digest not in digests


@pytest.mark.parametrize("kind", TRAINED)
def test_only_the_chosen_images_leave_a_trace(kind, discs):
    """`strict`: k images are chosen; changing every other one changes no byte of the weights."""
    train, made = discs(8, size=32), discs(4, size=32, seed=1)
    arm = Arm("unet", "discs", kind, "3", 3, 5, 1.0 if kind == "both" else 0.0)
    chosen = nested_subset(train, 3, 5)
    poisoned = discs(8, size=32)
    rest = np.setdiff1d(np.arange(8), chosen)
    poisoned.masks[rest] = 1
    if kind != "selftrained":  # which looks at the other images, and labels them itself
        poisoned.images[rest] = 255
    clean, _ = trained(arm, train, made)
    assert trained(arm, poisoned, made)[0].digest == clean.digest
    if kind != "synthetic":
        poisoned.images[chosen[0]] = 255
        assert trained(arm, poisoned, made)[0].digest != clean.digest


def test_validation_chooses_weights_in_the_domain_alone(discs):
    held = discs(3, size=32)
    assert len(TASK.choosers(held, "discs", ("disc",))) == 3
    assert TASK.choosers(held, "else", ("disc",)) is None
    assert TASK.choosers(None, "discs", ("disc",)) is None
    held.masks[:] = 0
    assert TASK.choosers(held, "discs", ("disc",)) is None
    arm = Arm("unet", "discs", "pretrained", "3", 3, 0)
    _, steps = trained(arm, discs(4, size=32), discs(4, size=32), validation=discs(2, size=32))
    assert [step.validation is None for step in steps] == [True, False]
