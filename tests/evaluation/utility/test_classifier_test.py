import numpy as np
import pytest

from evaluation.errors import InputError
from evaluation.utility.arms import Arm
from evaluation.utility.classifier_test import Answers, class_numbers, try_class_arm

ARM = Arm("resnet", "discs", "real", "2", 2, 0)


class Fixed:
    """A classifier whose first label is as likely as an image's first pixel is bright."""

    labels = ("dark", "light")

    def probabilities(self, images):
        first = images[:, 0, 0, 0] / 255
        return np.stack([first, 1 - first], axis=1)


def shown(discs, findings, pixels):
    pairs = discs(len(findings), size=16)
    pairs.facets["finding"] = findings
    pairs.images[:, 0, 0, 0] = pixels
    pairs.has_mask[:] = False
    return pairs


def test_a_row_for_each_image_with_a_known_finding(discs):
    pairs = shown(discs, ["light", "", "dark", "other"], [0, 0, 255, 0])
    cases = try_class_arm(ARM, Fixed(), pairs)
    assert cases["case"].tolist() == [0, 2]
    assert cases["unit"].tolist() == [0, 2]
    assert cases["finding"].tolist() == ["light", "dark"]
    assert cases["truth"].tolist() == [1, 0]
    assert cases["probabilities"].tolist() == [(0, 1), (1, 0)]
    assert cases["findings"].iloc[0] == ("dark", "light")
    assert (cases["classifier"] == "resnet").all()
    assert class_numbers(cases) == {"auroc": 1, "balanced_accuracy": 1}


def test_only_the_fold_and_the_domain_are_tried(discs):
    pairs = shown(discs, ["light", "dark", "light"], [0, 0, 0])
    cases = try_class_arm(ARM, Fixed(), pairs, np.array([False, True, True]))
    assert cases["case"].tolist() == [1, 2]
    pairs.facets["domain"] = ["else", "else", "discs"]
    assert try_class_arm(ARM, Fixed(), pairs)["case"].tolist() == [2]
    with pytest.raises(InputError, match=r"has no pairs that show one of \['dark', 'light'\]"):
        try_class_arm(ARM, Fixed(), pairs, np.array([True, True, False]))


def test_one_finding_has_no_numbers(discs):
    assert class_numbers(try_class_arm(ARM, Fixed(), shown(discs, ["dark"] * 2, [0, 9]))) == {}


def test_answers_are_in_the_order_of_cases_under_every_seed(discs):
    pairs = shown(discs, ["light", "dark", "dark"], [0, 51, 102])
    cases = try_class_arm(ARM, Fixed(), pairs)
    found = Answers.of(cases.iloc[[2, 0, 1]])
    assert found.tables[:, :, 0].round(3).tolist() == [[0, 0.2, 0.4]]
    assert found.truth.tolist() == [1, 0, 0]
    assert found.units.tolist() == [0, 1, 2]
    assert found.seeds == 1
