import subprocess
import sys

import pytest
from pydantic import ValidationError

from evaluation.networks.settings import DomainRandomisationSection
from evaluation.settings import LATER_KEYS, EvaluateSection, UtilitySection, first_named


def test_the_defaults_are_those_of_the_design():
    assert EvaluateSection().features == ("handcrafted",)
    assert UtilitySection().real == (10, "all")
    assert UtilitySection().segmenters == ("unet",)
    assert UtilitySection().classifiers == ()
    assert UtilitySection().arms == ("real", "synthetic", "both")
    assert UtilitySection().ratios == (1,)
    assert UtilitySection().folds is None


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        (EvaluateSection, {"features": ["dino"]}, "'dino' are unknown; choose among"),
        (EvaluateSection, {"features": ["randconv"]}, "'randconv' are no longer worked out; drop"),
        (EvaluateSection, {"features": ["inception"]}, "name no file"),
        (EvaluateSection, {"features": ["network:"]}, "write network:PATH with an exported"),
        (EvaluateSection, {"features": ["handcrafted:a.pt2"]}, "handcrafted does not read"),
        (EvaluateSection, {"features": ["network:a", "network:b"]}, "would share one name"),
        (EvaluateSection, {"features": ["encoder"]}, "blind to blur and noise"),
        (EvaluateSection, {"features": []}, "name handcrafted"),
        (EvaluateSection, {"judge": "vnet"}, "'vnet' is unknown; choose among"),
        (EvaluateSection, {"judge_steps": 0}, "greater than or equal to 1"),
        (EvaluateSection, {"feature": ["handcrafted"]}, "Extra inputs are not permitted"),
        (UtilitySection, {"segmenters": ["unet", "unet"]}, r"\['unet'\] is given twice"),
        (UtilitySection, {"classifiers": ["vgg"]}, r"'vgg' is unknown; choose among \['densenet'"),
        (UtilitySection, {"segmenters": []}, "segmenters and classifiers are both empty"),
        (EvaluateSection, {"judge": "nnunet"}, "'nnunet' is unknown"),
        (UtilitySection, {"segmenters": ["nnunett"]}, r"among \['nnunet', 'nnunet3d', 'segresnet'"),
        (
            UtilitySection,
            {"segmenters": ["nnunet"], "domain_randomisation": {}},
            "augments and mixes by its own rules",
        ),
        (
            UtilitySection,
            {"segmenters": ["unet", "nnunet"], "arms": ["real", "augmented"]},
            "segmenter nnunet augments and mixes by its own rules",
        ),
        (UtilitySection, {"real": []}, "at least 1 item"),
        (UtilitySection, {"real": [10, "some"]}, "'all'"),
        (UtilitySection, {"real": ["0%"]}, "'0%' is no number of real images"),
        (UtilitySection, {"real": ["101%"]}, "or a share of the real training images"),
        (UtilitySection, {"unseen": ["a", "a"]}, "given twice"),
        (UtilitySection, {"unseen": ["a"], "classifiers": ["resnet"]}, "nothing to classifiers"),
        (UtilitySection, {"real": [0]}, "greater than or equal to 1"),
        (UtilitySection, {"domains": ["a", "a"]}, "given twice"),
        (UtilitySection, {"arms": ["both", "synthetic"]}, "lacks real, from which every gain"),
        (UtilitySection, {"arms": ["real", "imagined"]}, "'pretrained'"),
        (UtilitySection, {"ratios": [1, 1]}, "given twice"),
        (UtilitySection, {"ratios": [0]}, "greater than 0"),
        (UtilitySection, {"folds": 1}, "greater than or equal to 2"),
    ],
)
def test_a_mistake_is_refused_in_words(section, values, words):
    with pytest.raises(ValidationError, match=words):
        section(**values)


def test_files_of_features_are_sought_where_the_recipe_lies(tmp_path):
    section = EvaluateSection(features=("handcrafted", "network:nets/a.pt2", "inception:/b.pt2"))
    found = section.with_files(lambda path: tmp_path / path).features
    assert found == ("handcrafted", f"network:{tmp_path}/nets/a.pt2", "inception:/b.pt2")
    assert section.with_files(lambda path: tmp_path / path).features == found


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, {"utility_gain", "utility_equivalent_images"}),
        ({"real": ["all"]}, {"utility_gain"}),
        ({"arms": ["real", "synthetic"]}, {"utility_equivalent_images"}),
        ({"arms": ["real", "augmented", "reversed"]}, set()),
        (
            {"unseen": ["opacity"]},
            {
                f"utility_{part}_{name}"
                for part in ("seen", "unseen", "harmonic")
                for name in ("dice", "iou")
            },
        ),
        (
            {"segmenters": [], "classifiers": ["resnet"]},
            {"utility_auroc_gain", "utility_auroc_equivalent_images"},
        ),
        (
            {"classifiers": ["resnet"], "real": [4]},
            {"utility_gain", "utility_auroc_gain"},
        ),
    ],
)
def test_a_section_knows_which_scores_it_gives(values, names):
    assert UtilitySection(**values).scores == names


def test_a_renamed_key_is_known_by_its_first_name():
    section = EvaluateSection(tstr=False, finding_classifier="densenet", finding_classifier_steps=7)
    first = first_named(section)
    assert (first["both_ways"], first["finder"], first["finder_steps"]) == (False, "densenet", 7)
    assert first["judge"] == section.judge
    # Keys that came later are no part of what was scored before, unless they are set.
    assert len(first) == len(EvaluateSection.model_fields) - len(LATER_KEYS)
    assert first_named(EvaluateSection(sample=10))["sample"] == 10
    changed = UtilitySection(domain_randomisation=DomainRandomisationSection())
    assert first_named(changed)["bridge"] == {"strength": 1.0, "mirror": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    ["settings", "metrics.registry", "scoring.version", "utility.registry", "report.report"],
)
def test_recipes_and_reports_are_read_without_torch(module):
    code = f"import sys, evaluation.{module}; assert not {{'torch', 'monai', 'nibabel'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
