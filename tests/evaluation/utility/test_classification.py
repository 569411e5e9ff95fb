import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import InputError
from evaluation.networks.registry import CLASSIFIERS, SEGMENTERS
from evaluation.pairs import units_of
from evaluation.settings import ARMS, UtilitySection
from evaluation.statistics.bootstrap import holm
from evaluation.statistics.roc import discrimination, discrimination_gain
from evaluation.utility.arms import Arm
from evaluation.utility.classification import Answers, ClassificationTask, stratified_subset
from evaluation.utility.downstream_task import task_of
from evaluation.utility.registry import TASKS, every_arm, utility_of

TASK = ClassificationTask()
EVERY = tuple(ARMS)
TRAINED = tuple(kind for kind in ARMS if kind != "searched")  # which is trained as another
SECTION = UtilitySection(segmenters=(), classifiers=("resnet",), real=(2, "all"), seeds=2)
FINDINGS = ("dark", "round")


@pytest.fixture
def found(discs):
    """Discs of two findings, turn about unless told otherwise; without a mask."""

    def make(count, *, seed=0, findings=FINDINGS):
        block = discs(count, size=16, seed=seed)
        shown = [findings[n % len(findings)] for n in range(count)]
        return replace(
            block,
            masks=np.zeros_like(block.masks),
            has_mask=np.zeros(count, bool),
            facets=block.facets.assign(finding=shown),
        )

    return make


def trained(arm, train, made, *, steps=2, validation=None):
    classifier, loop = TASK.start(arm, train, made, FINDINGS, steps, validation)
    return classifier, list(loop)


def an_arm(kind, images=3, seed=0):
    return Arm("resnet", "discs", kind, str(images), images, seed, 1.0 if kind == "both" else 0.0)


def test_a_network_is_a_segmenter_or_a_classifier():
    assert not set(SEGMENTERS) & set(CLASSIFIERS)
    arm = an_arm("real")
    assert task_of(arm, TASKS).network == "classifier"
    assert task_of(replace(arm, network="unet"), TASKS).network == "segmenter"


def test_the_arms_of_a_recipe_need_no_masks(found):
    arms = TASK.arms(SECTION, found(5), found(8))
    assert len(arms) == 2 * (1 + 2 + 2)
    assert len({arm.name for arm in arms}) == len(arms)
    assert {arm.network for arm in arms} == {"resnet"}
    assert {arm.images for arm in arms} == {0, 2, 5}


def test_segmenters_and_classifiers_are_arms_of_one_run(discs):
    train = discs(4)
    train.facets["finding"] = ["a", "b", "a", ""]
    section = UtilitySection(classifiers=("resnet",), real=("all",), arms=("real",), seeds=1)
    segmenter, classifier = every_arm(section, train, train, fold=1)
    # One has no finding, all have a mask.
    assert (segmenter.network, segmenter.images, segmenter.fold) == ("unet", 4, 1)
    assert (classifier.network, classifier.images, classifier.fold) == ("resnet", 3, 1)


@pytest.mark.parametrize("findings", [("round",), ("",), ("round", "")])
def test_a_domain_that_leaves_nothing_to_tell_apart_is_refused(findings, found):
    with pytest.raises(InputError, match="need two findings or more to tell apart") as refusal:
        TASK.arms(SECTION, found(6, findings=findings), found(6))
    assert "domain 'discs'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_synthetic_images_of_other_findings_are_refused(found):
    with pytest.raises(InputError, match=r"none of the findings \['dark', 'round'\]"):
        TASK.arms(SECTION, found(6), found(6, findings=("square",)))
    # They are not asked to teach where only real images do.
    real = SECTION.model_copy(update={"arms": ("real", "reversed")})
    assert TASK.arms(real, found(6), found(6, findings=("square",)))
    with pytest.raises(InputError, match="asks for 9 real images of domain 'discs', which has 6"):
        TASK.arms(SECTION.model_copy(update={"real": (9,)}), found(6), found(6))


@pytest.mark.parametrize("kind", TRAINED)
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


@pytest.mark.parametrize("kind", TRAINED)
def test_only_the_chosen_images_leave_a_trace(kind, found):
    """`strict`: k images are chosen; changing every other one changes no byte of the weights."""
    train, made, arm = found(8), found(4, seed=1), an_arm(kind, seed=5)
    chosen = stratified_subset(train, 3, 5)
    poisoned, rest = found(8), np.setdiff1d(np.arange(8), chosen)
    if kind == "selftrained":  # looks at the other images, and says itself what they show
        poisoned.facets.loc[rest, "finding"] = poisoned.facets["finding"][rest].to_numpy()[::-1]
    else:
        poisoned.images[rest] = 255
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
    assert len(TASK.choosers(found(4), "discs", FINDINGS)) == 4
    assert TASK.choosers(found(4), "else", FINDINGS) is None
    assert TASK.choosers(None, "discs", FINDINGS) is None
    assert TASK.choosers(found(4, findings=("round",)), "discs", FINDINGS) is None
    assert TASK.choosers(found(4, findings=("round", "square")), "discs", FINDINGS) is None
    _, steps = trained(an_arm("pretrained"), found(4), found(4), validation=found(4, seed=2))
    assert [step.validation is None for step in steps] == [True, False]


ARM = Arm("resnet", "discs", "real", "2", 2, 0)


class Fixed:
    """A classifier whose first label is as likely as an image's first pixel is bright."""

    labels = ("dark", "light")

    def probabilities(self, images):
        first = images[:, 0, 0, 0] / 255
        return np.stack([first, 1 - first], axis=1)


def measured(pairs, within=None):
    return TASK.test(ARM, Fixed(), pairs, Fixed.labels, UtilitySection(), within)


def pairs_of(discs, findings, pixels):
    pairs = discs(len(findings), size=16)
    pairs.facets["finding"] = findings
    pairs.images[:, 0, 0, 0] = pixels
    pairs.has_mask[:] = False
    return pairs


def test_a_row_for_each_image_with_a_known_finding(discs):
    pairs = pairs_of(discs, ["light", "", "dark", "other"], [0, 0, 255, 0])
    cases = measured(pairs)
    assert cases["case"].tolist() == [0, 2]
    assert cases["unit"].tolist() == [0, 2]
    assert cases["finding"].tolist() == ["light", "dark"]
    assert cases["truth"].tolist() == [1, 0]
    assert cases["probabilities"].tolist() == [(0, 1), (1, 0)]
    assert cases["findings"].iloc[0] == ("dark", "light")
    assert (cases["classifier"] == "resnet").all()
    assert TASK.numbers(cases) == {"auroc": 1, "balanced_accuracy": 1}


def test_only_the_fold_and_the_domain_are_tested(discs):
    pairs = pairs_of(discs, ["light", "dark", "light"], [0, 0, 0])
    cases = measured(pairs, np.array([False, True, True]))
    assert cases["case"].tolist() == [1, 2]
    pairs.facets["domain"] = ["else", "else", "discs"]
    assert measured(pairs)["case"].tolist() == [2]
    with pytest.raises(InputError, match=r"has no pairs that show one of \['dark', 'light'\]"):
        measured(pairs, np.array([True, True, False]))


def test_one_finding_has_no_numbers(discs):
    assert TASK.numbers(measured(pairs_of(discs, ["dark"] * 2, [0, 9]))) == {}


def test_answers_are_in_the_order_of_cases_under_every_seed(discs):
    pairs = pairs_of(discs, ["light", "dark", "dark"], [0, 51, 102])
    cases = measured(pairs)
    found = Answers.of(cases.iloc[[2, 0, 1]])
    assert found.tables[:, :, 0].round(3).tolist() == [[0, 0.2, 0.4]]
    assert found.truth.tolist() == [1, 0, 0]
    assert found.units.tolist() == [0, 1, 2]
    assert found.seeds == 1


TRUTH = [0, 0, 1, 1]
# Scores of the second finding; of the four pairs of a 1 and a 0 so many are in order:
THREE = [0.1, 0.4, 0.35, 0.8]  # .8 beats both, .35 beats .1 alone: 3 of 4
TWO = [0.9, 0.2, 0.4, 0.8]  # both beat .2, none beats .9: 2 of 4
ALL = [0.1, 0.2, 0.6, 0.7]


def levels_of(cases):
    return TASK.utility(cases).levels


def gains_of(cases):
    return TASK.utility(cases).gains


def equivalent_images_of(cases):
    return TASK.utility(cases).equivalent_images


def cases_of(
    scores, *, kind="real", real="2", images=2, seed=0, domain="d", ratio=0.0, truth=TRUTH, **more
):
    count = len(scores)
    return pd.DataFrame(
        {
            "classifier": "resnet",
            "domain": domain,
            "kind": kind,
            "real": real,
            "images": images,
            "seed": seed,
            "ratio": ratio,
            "fold": None,
            "case": range(count),
            "unit": range(count),
            "truth": truth,
            "findings": [("benign", "malignant")] * count,
            "probabilities": [(1 - score, score) for score in scores],
            "provenance": "" if kind in ("real", "augmented") else "transfer",
            "weights": "last",
        }
        | more
    )


def both(scores, **more):
    return cases_of(scores, kind="both", **({"ratio": 1.0} | more))


def alone(scores, **more):
    return cases_of(scores, kind="synthetic", real="", images=0, **more)


def test_levels_by_hand():
    cases = pd.concat([cases_of(TWO, seed=0), cases_of(ALL, seed=1)])
    (row,) = levels_of(cases).to_dict("records")
    # AUROC 2/4 and 4/4. TWO takes .9 for malignant and .4 for benign: one of two right of each.
    assert row["auroc"] == pytest.approx(0.75)
    assert row["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert row["auroc_low"] < 0.75 < row["auroc_high"]
    assert (row["n"], row["patients"], row["seeds"], row["images"]) == (4, 4, 2, 2)
    assert (row["findings"], row["provenance"], row["weights"]) == (
        ("benign", "malignant"),
        "",
        "last",
    )


def test_gains_by_hand():
    cases = pd.concat(
        [
            cases_of(TWO, seed=0),
            cases_of(TWO, seed=1),
            both(THREE, seed=0),
            both(ALL, seed=1),
            alone(TWO, seed=0),
            alone(TWO, seed=1),
        ]
    )
    more, same = gains_of(cases).to_dict("records")
    assert more["comparison"] == "both - real"
    # Seeds gain 1/4 and 2/4.
    assert more["gain"] == pytest.approx(0.375)
    assert more["seed_sd"] == pytest.approx(0.25 / math.sqrt(2))
    # THREE takes both for benign but .8: 2/2 and 1/2 right, 0.75; ALL has all; TWO has half.
    assert more["balanced_gain"] == pytest.approx((0.25 + 0.5) / 2)
    assert (more["n"], more["patients"], more["seeds"]) == (4, 4, 2)
    assert (more["real"], more["images"], more["provenance"]) == ("2", 2, "transfer")
    # No resample differs from no gain.
    assert (same["comparison"], same["gain"], same["p"]) == ("synthetic - real", 0, 1)
    assert (same["low"], same["high"]) == (0, 0)


def test_gains_are_the_paired_bootstraps_and_corrected_together():
    rng = np.random.default_rng(0)
    truth = np.arange(30) % 2
    units = np.repeat(np.arange(15), 2)
    base = [rng.normal(0.3 * truth) for _ in range(2)]
    other = [rng.normal(1.5 * truth) for _ in range(2)]
    told = {"truth": truth, "unit": units}
    parts = [cases_of(base[s], seed=s, **told) for s in range(2)]
    parts += [both(other[s], seed=s, **told) for s in range(2)]
    parts += [cases_of(base[s] + 0.1 * other[s], kind="augmented", seed=s, **told) for s in (0, 1)]
    found = gains_of(pd.concat(parts))
    assert sorted(found["comparison"]) == ["augmented - real", "both - augmented", "both - real"]
    row = found.set_index("comparison").loc["both - real"]
    tables = [np.array([[(1 - s, s) for s in seed] for seed in arm]) for arm in (other, base)]
    paired = discrimination_gain(*tables, truth, units, seed=0).auroc
    assert (row["gain"], row["low"], row["high"]) == (paired.value, paired.low, paired.high)
    # An interval above 0 and a p-value below 0.05 are one statement.
    assert (row["low"] > 0) == (row["p"] < 0.05)
    np.testing.assert_allclose(found["p_holm"], list(holm(dict(enumerate(found["p"]))).values()))
    level = levels_of(pd.concat(parts[:2])).iloc[0]
    alone = discrimination(tables[1], truth, units, seed=0).auroc
    assert (level["auroc"], level["auroc_low"]) == (alone.value, alone.low)


def test_folds_are_read_together():
    first, second = cases_of(ALL), cases_of(ALL)
    first, second = first[first["case"].isin([0, 3])], second[second["case"].isin([1, 2])]
    whole = pd.concat([second.assign(fold=1), first.assign(fold=0)])
    (row,) = levels_of(whole).to_dict("records")
    assert (row["auroc"], row["n"]) == (1, 4)


def test_cases_of_one_finding_have_no_value_and_equal_nothing():
    truth = [1, 1, 1, 1]
    sizes = [cases_of(TWO, truth=truth), cases_of(ALL, real="9", images=9, truth=truth)]
    cases = pd.concat([*sizes, both(ALL, truth=truth)])
    levels, gains = levels_of(cases), gains_of(cases)
    assert levels["auroc"].isna().all()
    assert levels["n"].tolist() == [4, 4, 4]
    assert gains[["gain", "p", "p_holm", "low"]].isna().all(axis=None)
    assert equivalent_images_of(cases).empty
    (*_, headline) = TASK.utility(cases).scores
    assert math.isnan(headline.value)
    assert headline.n == 4


def test_one_patient_of_a_finding_leaves_no_interval():
    told = {"truth": [0, 0, 1], "unit": [0, 1, 2]}
    sizes = [cases_of(TWO[:3], **told), cases_of(ALL[:3], real="9", images=9, **told)]
    cases = pd.concat([*sizes, both(ALL[:3], **told)])
    (gain,) = gains_of(cases).to_dict("records")
    assert gain["gain"] == pytest.approx(0.5)
    assert math.isnan(gain["low"])
    assert math.isnan(gain["p"])
    (row,) = equivalent_images_of(cases).to_dict("records")
    assert row["images"] == pytest.approx(9)
    assert math.isnan(row["low"])
    assert row["words"] == "9"


def curve(**more):
    """AUROC 2/4 with 4 images and 4/4 with 16."""
    return [
        cases_of(scores, real=str(images), images=images, seed=seed, **more)
        for images, scores in ((4, TWO), (16, ALL))
        for seed in (0, 1)
    ]


def test_equivalent_images_by_hand():
    halfway = [alone(THREE, seed=seed) for seed in (0, 1)]
    (row,) = equivalent_images_of(pd.concat([*curve(), *halfway])).to_dict("records")
    # 3/4 lies half of the way from 2/4 to 4/4: √(4 · 16) = 8.
    assert row["images"] == pytest.approx(8)
    assert row["low"] <= 8 <= row["high"]
    assert (row["own"], row["fewest"], row["most"]) == (0, 4, 16)
    assert (row["n"], row["seeds"], row["classifier"]) == (4, 2, "resnet")


def test_equivalent_images_beyond_the_ends_are_censored():
    falling = [
        cases_of(THREE, real=str(images), images=images, seed=seed)
        for images in (4, 16)
        for seed in (0, 1)
    ]
    above = [alone(ALL, seed=seed) for seed in (0, 1)]
    below = [both(TWO, real="4", images=4, seed=seed) for seed in (0, 1)]
    over, under = equivalent_images_of(pd.concat([*falling, *above, *below])).to_dict("records")
    assert (over["images"], over["high"]) == (16, math.inf)
    assert over["words"].startswith("more than all 16")
    assert (under["images"], under["low"]) == (4, 0)
    assert under["words"].startswith("fewer than 4")
    assert equivalent_images_of(pd.concat([*curve()[:2], *above])).empty


def test_headlines_are_means_over_domains():
    parts = []
    for domain, scores in (("a", THREE), ("b", ALL)):
        parts += curve(domain=domain)
        told = {"domain": domain, "real": "4", "images": 4}
        parts += [both(scores, seed=seed, **told) for seed in (0, 1)]
        parts += [alone(scores, seed=seed, domain=domain) for seed in (0, 1)]
    found = utility_of({"classification": pd.concat(parts)})
    assert found.segmentation.levels.empty
    headlines = {score.metric: score for score in found.scores if score.headline}
    assert set(headlines) == {"utility_auroc_gain", "utility_auroc_equivalent_images"}
    gain = headlines["utility_auroc_gain"]
    equivalent = headlines["utility_auroc_equivalent_images"]
    assert gain.value == pytest.approx((0.25 + 0.5) / 2)
    assert gain.unit == "AUROC"
    told = {"classifier": "resnet", "real": "4", "ratio": 1.0, "provenance": "transfer"}
    assert gain.parameters == told
    assert equivalent.value == pytest.approx((8 + 16) / 2)
    assert equivalent.parameters["kind"] == "synthetic"


def test_a_domain_without_a_gain_leaves_the_headlines_unknown():
    """Of domain b real images of one number alone were tried: no arm with pairs, and no curve."""
    made = [both(THREE, real="4", images=4, seed=seed) for seed in (0, 1)]
    made += [alone(THREE, seed=seed) for seed in (0, 1)]
    parts = [*curve(), *made, *curve(domain="b")[:2]]
    found = utility_of({"classification": pd.concat(parts)})
    headlines = {score.metric: score for score in found.scores if score.headline}
    assert set(headlines) == {"utility_auroc_gain", "utility_auroc_equivalent_images"}
    assert not any(score.known for score in headlines.values())


def test_arms_tested_in_reverse_are_compared_with_none():
    cases = pd.concat([cases_of(TWO), cases_of([*ALL, 0.5], kind="reversed", truth=[*TRUTH, 1])])
    assert len(levels_of(cases)) == 2
    assert gains_of(cases).empty
    assert TASK.utility(cases).scores == ()
    assert TASK.utility(pd.DataFrame()).levels.empty


@settings(max_examples=25)
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
