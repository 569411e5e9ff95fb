from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import InputError
from evaluation.networks.registry import CLASSIFIERS, SEGMENTERS
from evaluation.pairs import units_of
from evaluation.settings import ARMS, UtilitySection
from evaluation.utility.arms import Arm
from evaluation.utility.classifier_arms import (
    class_arms,
    class_choosers,
    every_arm,
    start_class_arm,
    stratified_subset,
)

EVERY = tuple(ARMS)
SECTION = UtilitySection(segmenters=(), classifiers=("resnet",), real=(2, "all"), seeds=2)
FINDINGS = ("dark", "round")


@pytest.fixture
def found(discs):
    """Discs of two findings, turn about unless told otherwise; without a mask."""

    def make(count, *, seed=0, findings=FINDINGS):
        block = discs(count, size=16, seed=seed)
        told = [findings[n % len(findings)] for n in range(count)]
        return replace(
            block,
            masks=np.zeros_like(block.masks),
            has_mask=np.zeros(count, bool),
            facets=block.facets.assign(finding=told),
        )

    return make


def trained(arm, train, made, *, steps=2, validation=None):
    classifier, loop = start_class_arm(arm, train, made, FINDINGS, steps, validation)
    return classifier, list(loop)


def an_arm(kind, images=3, seed=0):
    return Arm("resnet", "discs", kind, str(images), images, seed, 1.0 if kind == "both" else 0.0)


def test_a_network_is_a_segmenter_or_a_classifier():
    assert not set(SEGMENTERS) & set(CLASSIFIERS)
    arm = an_arm("real")
    assert arm.classifies
    assert arm.fields["classifier"] == "resnet"
    assert "segmenter" not in arm.fields
    assert replace(arm, network="unet").fields["segmenter"] == "unet"


def test_the_arms_of_a_recipe_need_no_masks(found):
    arms = class_arms(SECTION, found(5), found(8))
    assert len(arms) == 2 * (1 + 2 + 2)
    assert len({arm.name for arm in arms}) == len(arms)
    assert all(arm.classifies for arm in arms)
    assert {arm.images for arm in arms} == {0, 2, 5}


def test_segmenters_and_classifiers_are_arms_of_one_run(discs):
    train = discs(4)
    train.facets["finding"] = ["a", "b", "a", ""]
    section = UtilitySection(classifiers=("resnet",), real=("all",), arms=("real",), seeds=1)
    drawing, classifying = every_arm(section, train, train, fold=1)
    # One has no finding, all have a mask.
    assert (drawing.network, drawing.images, drawing.fold) == ("unet", 4, 1)
    assert (classifying.network, classifying.images, classifying.fold) == ("resnet", 3, 1)


@pytest.mark.parametrize("findings", [("round",), ("",), ("round", "")])
def test_a_domain_that_leaves_nothing_to_tell_apart_is_refused(findings, found):
    with pytest.raises(InputError, match="need two findings or more to tell apart") as refusal:
        class_arms(SECTION, found(6, findings=findings), found(6))
    assert "domain 'discs'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_synthetic_images_of_other_findings_are_refused(found):
    with pytest.raises(InputError, match=r"none of the findings \['dark', 'round'\]"):
        class_arms(SECTION, found(6), found(6, findings=("square",)))
    # They are not asked to teach where only real images do.
    real = SECTION.model_copy(update={"arms": ("real", "reversed")})
    assert class_arms(real, found(6), found(6, findings=("square",)))
    with pytest.raises(InputError, match="asks for 9 real images of domain 'discs', which has 6"):
        class_arms(SECTION.model_copy(update={"real": (9,)}), found(6), found(6))


@settings(max_examples=25, deadline=None)
@given(small=st.integers(0, 24), large=st.integers(0, 24), seed=st.integers(0, 50))
def test_subsets_are_nested_and_show_every_finding_where_they_can(discs, small, large, seed):
    real = discs(24, size=16)
    real.facets["patient"] = [f"p{n // 2}" for n in range(24)]
    # Nine patients of one finding, two of another, one of a third.
    real.facets["finding"] = ["a"] * 18 + ["b"] * 4 + ["c"] * 2
    small, large = sorted((small, large))
    less, more = stratified_subset(real, small, seed), stratified_subset(real, large, seed)
    assert more[:small].tolist() == less.tolist()
    assert len(set(more)) == large
    assert real.facets["finding"].iloc[more].nunique() == min(large, 3)
    # Whole patients but for those of the first images, and the last.
    counts = np.bincount(units_of(real)[more], minlength=12)
    assert sum(counts == 1) <= 3 + 1


def test_half_of_the_images_hold_findings_in_proportion(discs):
    real = discs(40, size=16)
    real.facets["finding"] = ["a"] * 30 + ["b"] * 10
    for seed in range(5):
        half = real.facets["finding"].iloc[stratified_subset(real, 20, seed)]
        # 15 and 5, but for the first of the rarer, which comes early.
        assert (half == "b").sum() in (5, 6)
    assert len({tuple(stratified_subset(real, 20, seed)) for seed in range(5)}) == 5


def test_a_patient_of_two_findings_counts_for_one_and_is_taken_once(discs):
    real = discs(4, size=16)
    real.facets["patient"] = ["p", "p", "q", "q"]
    real.facets["finding"] = ["a", "b", "a", "a"]
    for seed in range(4):
        rows = stratified_subset(real, 4, seed).tolist()
        assert sorted(rows) == [0, 1, 2, 3]
        assert 1 in rows[:2]


@pytest.mark.parametrize("kind", EVERY)
def test_every_arm_takes_equally_many_steps_and_repeats_itself(kind, found):
    runs = [trained(an_arm(kind), found(4), found(4, seed=1), steps=3) for _ in range(2)]
    assert [step.number for step in runs[0][1]] == [1, 2, 3]
    assert runs[0][0].digest == runs[1][0].digest


def test_arms_differ_where_their_training_does(found):
    train, made = found(6), found(4, seed=1)
    kinds = ("real", "augmented", "synthetic", "pretrained", "both")
    arms = [an_arm(kind) for kind in kinds]
    arms += [replace(an_arm("both"), ratio=3.0), an_arm("real", seed=1)]
    digests = {trained(arm, train, made, steps=1)[0].digest for arm in arms}
    assert len(digests) == len(arms)


@pytest.mark.parametrize("kind", EVERY)
def test_only_the_chosen_images_leave_a_trace(kind, found):
    """`strict`: k images are chosen; changing every other one changes no byte of the weights."""
    train, made, arm = found(8), found(4, seed=1), an_arm(kind, seed=5)
    chosen = stratified_subset(train, 3, 5)
    poisoned = found(8)
    poisoned.images[np.setdiff1d(np.arange(8), chosen)] = 255
    clean, _ = trained(arm, train, made)
    assert trained(arm, poisoned, made)[0].digest == clean.digest
    if kind != "synthetic":
        poisoned.images[chosen[0]] = 255
        assert trained(arm, poisoned, made)[0].digest != clean.digest


def test_synthetic_images_of_unknown_findings_teach_nothing(found):
    made = found(6, seed=1, findings=(*FINDINGS, "square"))
    clean, _ = trained(an_arm("synthetic"), found(4), made)
    made.images[[2, 5]] = 255
    assert trained(an_arm("synthetic"), found(4), made)[0].digest == clean.digest


def test_validation_chooses_weights_where_it_shows_two_findings(found):
    assert len(class_choosers(found(4), "discs", FINDINGS)) == 4
    assert class_choosers(found(4), "else", FINDINGS) is None
    assert class_choosers(None, "discs", FINDINGS) is None
    assert class_choosers(found(4, findings=("round",)), "discs", FINDINGS) is None
    assert class_choosers(found(4, findings=("round", "square")), "discs", FINDINGS) is None
    _, steps = trained(an_arm("pretrained"), found(4), found(4), validation=found(4, seed=2))
    assert [step.validation is None for step in steps] == [True, False]
