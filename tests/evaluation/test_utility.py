import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import InputError
from evaluation.pairs import units_of
from evaluation.sections import UtilitySection
from evaluation.utility import (
    MACRO,
    Arm,
    arms,
    gains,
    levels,
    nested_subset,
    start_arm,
    try_arm,
    utility_scores,
)


def cases_of(dice, *, kind="real", real="2", images=2, seed=0, domain="discs"):
    return pd.DataFrame(
        {
            "segmenter": "unet",
            "domain": domain,
            "kind": kind,
            "real": real,
            "images": images,
            "seed": seed,
            "case": range(len(dice)),
            "unit": range(len(dice)),
            "class": MACRO,
            "dice": dice,
        }
    )


def test_the_arms_of_a_recipe(discs):
    section = UtilitySection(real=(2, "all"), seeds=2)
    found = arms(section, discs(5), discs(8))
    assert len(found) == 2 * (1 + 2 + 2)
    assert len({arm.name for arm in found}) == len(found)
    assert found[0] == Arm("unet", "discs", "synthetic", "", 0, 0)
    assert {(arm.kind, arm.real, arm.images) for arm in found} == {
        ("synthetic", "", 0),
        ("real", "2", 2),
        ("both", "2", 2),
        ("real", "all", 5),
        ("both", "all", 5),
    }


def test_more_real_images_than_there_are_is_refused(discs):
    with pytest.raises(InputError, match="asks for 9 real images of domain 'discs', which has 5"):
        arms(UtilitySection(real=(9,)), discs(5), discs(8))
    with pytest.raises(InputError, match=r"names \['lungs'\], but the pairs only hold"):
        arms(UtilitySection(domains=("lungs",)), discs(20), discs(8))


@settings(max_examples=25, deadline=None)
@given(small=st.integers(0, 12), large=st.integers(0, 12), seed=st.integers(0, 50))
def test_subsets_of_a_seed_are_nested_and_go_by_patient(discs, small, large, seed):
    real = discs(12, size=32)
    real.facets["patient"] = [f"p{n // 3}" for n in range(12)]
    small, large = sorted((small, large))
    less, more = nested_subset(real, small, seed), nested_subset(real, large, seed)
    assert more[:small].tolist() == less.tolist()
    assert len(set(more)) == large
    # At most the last patient is taken in part.
    counts = np.bincount(units_of(real)[more], minlength=4)
    assert sum(0 < count < 3 for count in counts) <= 1


def test_each_arm_trains_and_is_tried_on_its_own_domain(discs):
    train, made, test = discs(6, size=32), discs(6, size=32, seed=1), discs(4, size=32, seed=2)
    test.has_mask[0] = False
    test.masks[1] = 0
    for arm in arms(UtilitySection(real=(3,), seeds=1), train, made):
        segmenter, loop = start_arm(arm, train, made, ("disc",), steps=2)
        assert [step.number for step in loop] == [1, 2]
        rows, cases = try_arm(arm, segmenter, test)
        assert rows["class"].tolist() == ["disc", MACRO]
        assert rows["n"].tolist() == [3, 3]
        assert rows["n_positive"].tolist() == [2, 2]
        assert (rows["kind"] == arm.kind).all()
        assert cases[cases["class"] == MACRO]["case"].tolist() == [2, 3]
    with pytest.raises(InputError, match="no real test pairs"):
        try_arm(Arm("unet", "else", "real", "1", 1, 0), segmenter, test)


def test_gains_by_hand():
    cases = pd.concat(
        [
            cases_of([0.5, 0.7], seed=0),
            cases_of([0.5, 0.7], seed=1),
            cases_of([0.6, 0.8], kind="both", seed=0),
            cases_of([0.8, 1.0], kind="both", seed=1),
            cases_of([0.4, 0.5], kind="synthetic", real="", images=0, seed=0),
            cases_of([0.4, 0.5], kind="synthetic", real="", images=0, seed=1),
        ]
    )
    both, alone = gains(cases).to_dict("records")
    # Seeds gain 0.1 and 0.3, alike in both cases.
    assert both["comparison"] == "both - real"
    assert (both["gain"], both["low"], both["high"]) == pytest.approx((0.2, 0.1, 0.3))
    assert both["seed_sd"] == pytest.approx(math.sqrt(0.02))
    assert (both["n"], both["seeds"], both["images"]) == (2, 2, 2)
    # Cases lose 0.1 and 0.2, alike under both seeds.
    assert (alone["gain"], alone["low"], alone["high"]) == pytest.approx((-0.15, -0.2, -0.1))
    table = levels(cases).set_index("kind")
    assert table.loc["real", "dice"] == pytest.approx(0.6)
    assert table.loc["synthetic", "dice"] == pytest.approx(0.45)


def test_the_headline_is_the_gain_at_the_fewest_real_images():
    cases = []
    for domain, gain in (("a", 0.1), ("b", 0.3)):
        for real, images, share in (("2", 2, 1.0), ("all", 9, 0.5)):
            base = np.array([0.4, 0.5])
            options = {"real": real, "images": images, "domain": domain}
            cases.append(cases_of(base, **options))
            cases.append(cases_of(base + share * gain, kind="both", **options))
    *parts, headline = utility_scores(gains(pd.concat(cases)))
    assert len(parts) == 4
    assert headline.headline
    assert headline.value == pytest.approx(0.2)
    assert headline.n == 4
    assert headline.parameters == {"segmenter": "unet", "real": "2"}


def test_no_arms_give_no_scores():
    assert utility_scores(pd.DataFrame()) == []
