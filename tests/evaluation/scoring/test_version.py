import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evaluation.agreement.judge_agreement import judged
from evaluation.errors import InputError
from evaluation.features.handcrafted import Handcrafted
from evaluation.features.names import GROUPS, SETS
from evaluation.gating.version_gates import decide
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.metric import Need
from evaluation.metrics.registry import FAMILIES, METRICS, headlines
from evaluation.pairs import Block, take
from evaluation.scoring.judges import (
    AuxiliaryModels,
    learnable_findings,
    new_finding_classifier,
    new_judge,
)
from evaluation.scoring.version import config_digest, score_version
from evaluation.settings import EvaluateSection

SECTION = EvaluateSection(judge_steps=2, ms_ssim_pairs=10)


class Judge:
    """Sees discs by their brightness: class 1 is the darker, class 2 the brighter one."""

    digest = "brightness"

    def __init__(self, *classes):
        self.classes = classes

    def predict(self, images):
        levels = np.array([120, 160])[: len(self.classes)]
        return np.digitize(images.mean(-1), levels).astype(np.uint8)


def joined(*blocks):
    return Block(
        *(np.concatenate([getattr(b, name) for b in blocks]) for name in ("images", "masks")),
        pd.concat([b.facets for b in blocks], ignore_index=True),
        *(
            np.concatenate([getattr(b, name) for b in blocks])
            for name in ("spacing_mm", "has_mask")
        ),
    )


def two_domains(discs, count, seed):
    """Two domains whose pairs alternate, so that rows are not in order of domain."""
    whole = joined(
        discs(count, seed=seed, domain="one"),
        discs(count, seed=seed + 50, domain="two", classes=2),
    )
    order = np.arange(2 * count).reshape(2, count).T.ravel()
    return Block(
        whole.images[order],
        whole.masks[order],
        whole.facets.iloc[order].reset_index(drop=True),
        whole.spacing_mm[order],
        whole.has_mask[order],
    )


@pytest.fixture(scope="module")
def scored(discs):
    train, held_out = two_domains(discs, 12, 0), two_domains(discs, 8, 1)
    made = two_domains(discs, 10, 2)
    made.images[5] = train.images[9]
    made.masks[5] = train.masks[9]
    judges = {"one": Judge("disc"), "two": Judge("left", "right")}
    return score_version(made, train, held_out, judges, SECTION)


def test_every_metric_whose_needs_are_met_has_a_headline(scored):
    lacking = {Need.TSTR_SEGMENTER, Need.FINDING_CLASSIFIER, Need.REJECTED, Need.DOWNSTREAM}
    lacking |= {Need.VOLUMES}
    lacking |= set(Need) & {"encoder", "network", "inception", "radiomics", "lite0-early"}
    expected = {name for name, metric in METRICS.items() if not metric.needs & lacking}
    assert set(headlines(scored.scores)) == expected


def test_a_mask_that_is_absent_is_never_taken_for_an_empty_one(discs):
    """What is scored on masks is scored as if pairs without one were not there."""
    parts = [discs(12, seed=0), discs(8, seed=1), discs(10, seed=2)]
    judges = {"discs": Judge("disc")}
    alone = score_version(*(parts[i] for i in (2, 0, 1)), judges, SECTION)
    more = [discs(4, seed=seed + 9) for seed in range(3)]
    blind = [replace(b, masks=b.masks * 0, has_mask=np.zeros(4, bool)) for b in more]
    mixed = [joined(part, b) for part, b in zip(parts, blind, strict=True)]
    found = score_version(*(mixed[i] for i in (2, 0, 1)), judges, SECTION)
    for name in ("consistency", "consistency_real", "consistency_constant", "plausible_share"):
        assert headlines(found.scores)[name].value == headlines(alone.scores)[name].value
    for name in ("frechet_geometry", "plausible_share_real", "frechet_handcrafted_real"):
        assert headlines(found.scores)[name].value == headlines(alone.scores)[name].value
    # Images are images: those without a mask count where no mask is asked for.
    assert headlines(found.scores)["sharpness"].value != headlines(alone.scores)["sharpness"].value
    assert found.pairs["dice"].isna().tolist() == [False] * 10 + [True] * 4
    assert found.pairs["plausible"].isna().tolist() == [False] * 10 + [True] * 4
    blank = replace(mixed[2], has_mask=np.zeros(14, bool))
    images = headlines(score_version(blank, mixed[0], mixed[1], {}, SECTION).scores)
    for name in ("mmd_texture", "frechet_spectrum_real", "two_sample_first_order_p"):
        assert headlines(found.scores)[name].value == images[name].value
    assert headlines(found.scores)["mmd_texture"].n == 14
    assert headlines(found.scores)["mmd_geometry"].n == 10


def test_one_mask_is_scored_as_far_as_one_can_be(discs):
    made = discs(10, seed=2)
    made = replace(made, has_mask=np.arange(10) == 3)
    judges = {"discs": Judge("disc")}
    found = headlines(
        score_version(made, discs(12, seed=0), discs(8, seed=1), judges, SECTION).scores
    )
    assert found["consistency"].n == 1
    assert found["sharpness"].n == found["mmd_texture"].n == 10
    assert not found["mmd_geometry"].known


def test_real_pairs_may_be_held_out_without_masks(discs):
    held_out = replace(discs(8, seed=1), has_mask=np.zeros(8, bool))
    judges = {"discs": Judge("disc")}
    found = headlines(
        score_version(discs(10, seed=2), discs(12, seed=0), held_out, judges, SECTION).scores
    )
    assert found["consistency"].known
    assert found["mmd_texture_real"].known
    for name in ("consistency_real", "consistency_closed", "plausible_share_real"):
        assert (found[name].known, found[name].n) == (False, 10 if "closed" in name else 0)


def test_headlines_are_means_over_domains(scored):
    for name, score in headlines(scored.scores).items():
        parts = [s for s in scored.scores if s.metric == name and not s.headline]
        parts = [s for s in parts if s.whole]
        assert [s.parameters["domain"] for s in parts] == ["one", "two"]
        assert score.value == pytest.approx(np.mean([s.value for s in parts]), nan_ok=True)
        assert score.n == sum(s.n for s in parts)


def test_a_domain_that_lacks_a_score_leaves_its_headline_unknown_and_its_gate_shut(discs):
    made, train, held_out = (two_domains(discs, count, at) for at, count in enumerate((10, 12, 8)))
    made.has_mask[1::2] = False  # of domain "two": images alone
    found = headlines(score_version(made, train, held_out, {"one": Judge("disc")}, SECTION).scores)
    assert found["sharpness"].known
    for name in ("consistency", "plausible_share", "region_contrast", "coverage"):
        assert (found[name].known, found[name].n > 0) == (False, True)
        assert not decide({name: ">= 0"}, found).passed
        assert not decide({f"{name}.low": ">= 0"}, found).passed


def test_a_domain_of_which_every_pair_was_rejected_leaves_headlines_unknown(discs):
    made, train, held_out = (two_domains(discs, count, at) for at, count in enumerate((10, 12, 8)))
    one, two = (take(made, np.arange(start, 20, 2)) for start in (0, 1))
    given = train, held_out, {"one": Judge("disc")}, SECTION
    found = headlines(score_version(one, *given, rejected=two).scores)
    assert not found["consistency"].known
    assert not found["sharpness"].known
    assert headlines(score_version(one, *given).scores)["consistency"].known


def test_a_domain_whose_real_pairs_have_no_masks_is_left_out_of_what_needs_them(discs):
    made, train, held_out = (two_domains(discs, count, at) for at, count in enumerate((10, 12, 8)))
    for pairs in (made, train, held_out):
        pairs.has_mask[1::2] = False
    found = headlines(score_version(made, train, held_out, {"one": Judge("disc")}, SECTION).scores)
    assert found["consistency"].known
    assert decide({"consistency": ">= 0"}, found).passed


def test_every_interval_holds_its_value(scored):
    for score in scored.scores:
        if math.isfinite(score.low):
            assert score.low <= score.value <= score.high, score


def test_no_two_scores_have_one_key(scored):
    keys = [(s.metric, tuple(sorted(s.parameters.items()))) for s in scored.scores]
    assert len(set(keys)) == len(keys)


def test_each_class_has_its_own_consistency(scored):
    found = {
        (s.parameters["domain"], s.parameters["class"])
        for s in scored.scores
        if "class" in s.parameters
    }
    assert found == {("one", "disc"), ("two", "left"), ("two", "right")}


def test_pairs_stay_in_order_and_the_copy_is_found(scored):
    table = scored.pairs
    assert table["pair"].tolist() == list(range(20))
    assert table["domain"].tolist() == ["one", "two"] * 10
    assert table.loc[5, "nearest"] == 9
    assert table.loc[5, "copied"]
    assert table.loc[5, "nearest_distance"] == pytest.approx(0, abs=1e-3)
    assert (table["nearest"] % 2 == table["pair"] % 2).all()


def test_the_mean_before_rejection_counts_every_pair_with_a_mask(discs):
    made, train, held_out = discs(6, seed=2), discs(8), discs(6, seed=1)
    rejected = discs(4, seed=3)
    rejected.masks[0] = 1 - rejected.masks[0]  # the judge disagrees
    rejected.masks[1] = 0
    rejected.masks[2, 0, 0] = 9  # a class that nobody knows
    judges = {"discs": Judge("disc")}
    found = score_version(made, train, held_out, judges, SECTION, rejected=rejected)
    scores = headlines(found.scores)
    few = judged(take(rejected, np.array([0, 3])), judges["discs"])[0]
    expected = np.mean([*found.pairs["dice"], *few])
    assert scores["consistency_before_filtering"].n == 8
    assert scores["consistency_before_filtering"].value == pytest.approx(expected)
    assert scores["consistency_before_filtering"].value < scores["consistency"].value
    none = score_version(made, train, held_out, judges, SECTION, take(rejected, np.array([], int)))
    assert "consistency_before_filtering" not in headlines(none.scores)


def test_the_digest_of_a_configuration_changes_with_it_and_with_versions_of_scores(monkeypatch):
    before = config_digest(SECTION)
    assert before == config_digest(EvaluateSection(**SECTION.model_dump()))
    assert before != config_digest(SECTION.model_copy(update={"seed": 1}))
    raised = {"alarms": replace(METRICS["alarms"], version=99)}
    monkeypatch.setitem(FAMILIES, "alarms", replace(FAMILIES["alarms"], metrics=raised))
    assert before != config_digest(SECTION)


DEMO = EvaluateSection(judge_steps=300, finding_classifier_steps=150)
# Families that were added since scores and keys had their first names.
ADDED = ("regions", "band_power", "flat_noise", "grid", "closed_reach")
# Versions that scores had then, of those that are measured otherwise since.
FIRST_VERSIONS = dict.fromkeys(
    (
        *(f"consistency{part}" for part in ("", "_shuffled", "_constant", "_closed")),
        *("consistency_over_constant", "consistency_before_filtering"),
        *("finding_agreement_shuffled", "finding_agreement_closed"),
        *("plausible_share", "asked_present", "unasked_absent"),
        *("sharpness", "sharpness_real", "ms_ssim", "ms_ssim_real", "ms_ssim_rank"),
        *(f"mmd_{name}{part}" for name in (*GROUPS, *SETS) for part in ("", "_real")),
        *(f"two_sample_{name}_p" for name in GROUPS),
        *("memorised_certifiable", "dcr_share", "membership_advantage"),
    ),
    1,
) | dict.fromkeys(
    (
        *(f"mmd_{name}_p" for name in (*GROUPS, *SETS)),
        *("memorised_share", "memorised_share_real", "memorised_excess"),
        *("copying_p", "authenticity", "alarms"),
    ),
    2,
)


def test_the_digest_of_a_configuration_is_that_of_the_first_names(monkeypatch):
    """As they were when scores and keys still had these: but for scores that are measured since,
    nothing has changed on which a scoring of then depends."""
    for family in ADDED:
        monkeypatch.delitem(FAMILIES, family)
    for name, family in FAMILIES.items():
        then = {
            key: replace(metric, version=FIRST_VERSIONS.get(key, metric.version))
            for key, metric in family.metrics.items()
        }
        monkeypatch.setitem(FAMILIES, name, replace(family, metrics=then))
    monkeypatch.setattr(Handcrafted, "fingerprint", "1")
    assert config_digest(EvaluateSection()) == "c59f7becde349d60"
    assert config_digest(DEMO) == "2c2d40811ffeecae"


def test_the_digest_of_a_configuration_stays_as_long_as_scores_do():
    assert config_digest(EvaluateSection()) == "7bb67d56a538c9b3"
    assert config_digest(DEMO) == "d4f00fc63d2c0cb8"


def test_a_scoring_of_fewer_scores_is_kept_and_not_taken_for_a_whole_one(
    discs, tmp_path, monkeypatch
):
    lake, about = Lake(str(tmp_path)), ScoreKey("a-snapshot", "real", "judge", "discs")
    sets = discs(6, seed=2), discs(8), discs(6, seed=1)
    judges = {"discs": Judge("disc")}
    with monkeypatch.context() as earlier:
        for family in ADDED:
            earlier.delitem(FAMILIES, family)
        digest = config_digest(SECTION)
        old = score_version(*sets, judges, SECTION).scores
        lake.record(about, old)
        lake.record_scoring(about, digest, "pairs", old)
    assert lake.scoring(about, config_digest(SECTION)) is None
    new = score_version(*sets, judges, SECTION).scores
    lake.record(about, new)
    lake.record_scoring(about, config_digest(SECTION), "pairs", new)
    # What was measured then has the values that it had, and both scorings are there.
    for terms, scores in ((digest, old), (config_digest(SECTION), new)):
        kept = lake.scoring(about, terms)
        assert [(s.metric, repr(s.value)) for s in kept] == [
            (s.metric, repr(s.value)) for s in scores
        ]
    assert {repr(score) for score in old} < {repr(score) for score in new}


def test_scoring_twice_gives_the_same_numbers(discs):
    sets = discs(6, seed=2), discs(8), discs(6, seed=1)
    first, again = (score_version(*sets, {"discs": Judge("disc")}, SECTION) for _ in range(2))
    assert repr(first.scores) == repr(again.scores)
    pd.testing.assert_frame_equal(first.pairs, again.pairs)


def test_one_pair_is_scored_as_far_as_one_can_be(discs):
    found = score_version(discs(1), discs(4), discs(3), {"discs": Judge("disc")}, SECTION)
    scores = headlines(found.scores)
    assert scores["consistency"].known
    assert not scores["consistency_closed"].known
    assert not scores["frechet_handcrafted"].known
    assert not scores["ms_ssim"].known


def test_a_rank_without_an_interval_is_one_that_the_lake_can_keep(discs):
    found = score_version(discs(2), discs(8), discs(6), {"discs": Judge("disc")}, SECTION)
    rank = headlines(found.scores)["ms_ssim_rank"]  # two images are one pair to compare
    assert rank.known
    assert math.isnan(rank.low)
    assert math.isnan(rank.high)


def test_colour_and_absent_masks(discs):
    made = discs(6, seed=1, channels=3)
    made.has_mask[:3] = False
    sets = made, discs(6, channels=3), discs(4, seed=2, channels=3)
    scores = headlines(score_version(*sets, {"discs": Judge("disc")}, SECTION).scores)
    assert scores["consistency"].n == 3
    assert scores["frechet_handcrafted"].n == 3
    assert scores["memorised_share"].n == 6


def test_what_cannot_be_scored_is_refused(discs):
    real, judges = discs(3), {"discs": Judge("disc")}
    none = replace(real, images=real.images[:0], masks=real.masks[:0], facets=real.facets[:0])
    with pytest.raises(InputError, match="no pairs to score"):
        score_version(none, real, real, judges, SECTION)
    with pytest.raises(InputError, match="'discs' has no judge"):
        score_version(real, real, real, {}, SECTION)
    other = discs(3, domain="other")
    with pytest.raises(InputError, match="'other' has no real training pairs"):
        score_version(other, real, real, {"other": Judge("disc")}, SECTION)
    with pytest.raises(InputError, match="'discs' has no real held-out pairs"):
        score_version(real, real, other, judges, SECTION)


def test_a_judge_learns_from_its_own_domain(discs):
    train = joined(discs(4, size=32), discs(4, size=32, domain="other", classes=2))
    judge, loop = new_judge(train, "other", ("left", "right"), SECTION)
    assert len(list(loop)) == 2
    assert judge.classes == ("left", "right")
    with pytest.raises(InputError, match="'third' has no real training pairs"):
        new_judge(train, "third", ("disc",), SECTION)


@pytest.mark.slow
def test_real_chest_x_rays_score_as_real(shared_data):
    """Real pairs in the place of synthetic ones: what every score says where nothing is wrong."""
    from PIL import Image

    folder = shared_data / "cxr_montgomery"
    table = pd.read_csv(folder / "metadata.csv")
    images, masks = (
        np.stack([np.asarray(Image.open(folder / name).resize((64, 64), how)) for name in names])
        for names, how in ((table["image"], Image.Resampling.BOX), (table["mask"], 0))
    )
    count = len(table)
    spacing, shown = np.full((count, 2), np.nan, np.float32), np.ones(count, bool)
    facets = table.assign(domain="chest")
    whole = Block(images[..., None], masks, facets, spacing, shown)
    train, val, test = (
        take(whole, (table["split"] == split).to_numpy()) for split in ("train", "val", "test")
    )
    section = EvaluateSection(judge_steps=120)
    judge, loop = new_judge(train, "chest", ("lungs",), section)
    list(loop)
    found = score_version(test, train, val, {"chest": judge}, section)
    scores = headlines(found.scores)
    assert scores["consistency_real"].value > 0.9
    assert scores["consistency_closed"].value == pytest.approx(1, abs=0.15)
    assert scores["consistency_constant"].value == pytest.approx(0.82, abs=0.05)
    assert scores["sharpness"].value == pytest.approx(1, abs=0.25)
    assert 0.025 < scores["ms_ssim_rank"].value < 0.975
    assert scores["memorised_share"].value <= 0.1
    floor = scores["frechet_handcrafted_real"]
    assert scores["frechet_handcrafted"].value < 2 * floor.high


def test_auxiliary_models_add_the_scores_that_need_them(discs):
    made, train, held_out = discs(6, seed=2), discs(8), discs(6, seed=1)
    for pairs in (made, train, held_out):
        pairs.facets["finding"] = ["round", "flat"] * (len(pairs) // 2)
    judge = Judge("disc")
    finding_classifier, loop = new_finding_classifier(
        train, "discs", SECTION.model_copy(update={"finding_classifier_steps": 1})
    )
    assert len(list(loop)) == 1
    auxiliary = {
        "discs": AuxiliaryModels(tstr_segmenter=judge, finding_classifier=finding_classifier)
    }
    scores = headlines(
        score_version(made, train, held_out, {"discs": judge}, SECTION, auxiliary).scores
    )
    assert scores["tstr_dice"].value == scores["consistency_real"].value
    assert scores["finding_agreement"].n == 6
    alone = headlines(score_version(made, train, held_out, {"discs": judge}, SECTION).scores)
    assert set(scores) - set(alone) == {
        "tstr_dice",
        *(name for name in METRICS if name.startswith("finding_")),
    }


def test_one_finding_is_nothing_to_tell_apart(discs):
    assert learnable_findings(discs(4), "discs") == ()
