"""Arms of volumes: counted in volumes, tested volume by volume, in the tables of segmenters."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from evaluation.errors import InputError
from evaluation.pairs import take
from evaluation.settings import UtilitySection
from evaluation.utility.registry import TASKS, every_arm, utility_of
from evaluation.utility.segmenter_test import MACRO, measure
from evaluation.utility.volumes.segmentation import VolumeSegmentationTask
from evaluation.volumes.stacks import stacks_of
from factory.images import ImageSection
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource

SECTION = UtilitySection(segmenters=("unet3d",), real=(2, "all"), seeds=1, steps=2)
TASK = VolumeSegmentationTask()


@pytest.fixture(scope="module")
def sets():
    source = PhantomVolumeSource(train=4, val=3, test=2, slices=6).build()
    return [source.read(split, ImageSection(size=32)) for split in ("train", "val", "test")]


def cases_of(sets):
    train, held_out, made = sets
    for arm in TASK.arms(SECTION, train, made):
        network, loop = TASK.start(arm, train, made, DOMAIN.classes, SECTION.steps)
        assert len(list(loop)) == SECTION.steps
        yield arm, TASK.test(arm, network, held_out, DOMAIN.classes, SECTION)


def test_numbers_of_real_images_are_numbers_of_volumes(sets):
    train, _, made = sets
    arms = every_arm(SECTION, train, made)
    assert {(arm.kind, arm.images) for arm in arms} == {
        ("synthetic", 0), ("real", 2), ("real", 4), ("both", 2), ("both", 4)
    }  # fmt: skip
    two, three = (TASK.subset(train, count, seed=1) for count in (2, 3))
    assert len(two) == 12
    assert set(two) < set(three)
    assert {len(stack) for stack in stacks_of(train[two])} == {6}


def test_more_volumes_than_there_are_is_a_line(sets):
    train, _, made = sets
    with pytest.raises(InputError, match="asks for 9 real images of domain 'phantom-volume'"):
        every_arm(SECTION.model_copy(update={"real": (9,)}), train, made)


@pytest.mark.parametrize("side", [0, 2])
def test_flat_pairs_teach_no_volumes(side, sets):
    parts = [take(pairs, np.arange(len(pairs))) for pairs in sets]
    parts[side].facets["volume"] = ""
    with pytest.raises(InputError, match=r"leave nnunet3d, segresnet3d, unet3d out of utility"):
        every_arm(SECTION, parts[0], parts[2])


def test_a_case_is_a_volume_and_the_tables_are_those_of_segmenters(sets):
    cases = {arm.name: table for arm, table in cases_of(sets)}
    assert len(cases) == 5
    for table in cases.values():
        assert len(table) == 3 * (len(DOMAIN.classes) + 1)
        assert sorted(set(table["case"])) == [0, 6, 12]
    told = pd.concat(cases.values()).assign(provenance="", weights="last", chosen="")
    found = utility_of({"segmentation": told}).segmentation
    assert set(found.levels["segmenter"]) == {"unet3d"}
    assert {"utility_gain"} <= {score.metric for score in found.scores}


def test_volumes_are_measured_as_one_image_and_in_millimetres():
    masks = np.zeros((1, 4, 16, 16), np.uint8)
    masks[0, 1:3, 4:12, 4:12] = 1
    answer = np.roll(masks, 1, axis=1)
    found = measure(answer, masks, 1, np.array([[5.0, 1.0, 1.0]]), 2.0)
    assert found["dice"][0, 0] == pytest.approx(0.5)
    assert found["hd95"][0, 0] == pytest.approx(5)  # one slice further on
    assert found["shown"].all()


def test_slices_and_volumes_share_no_network_and_one_task():
    assert len({kind for task in TASKS for kind in task.kinds}) == sum(len(t.kinds) for t in TASKS)
    section = UtilitySection(segmenters=("unet", "unet3d"))
    assert [list(task.named(section)) for task in TASKS[:2]] == [["unet"], ["unet3d"]]


def test_what_would_tear_volumes_is_refused():
    with pytest.raises(ValidationError, match="learn volumes, which domain_randomisation does not"):
        UtilitySection(segmenters=("segresnet3d",), domain_randomisation={})


def test_the_classical_arm_learns_from_volumes_that_are_bent(sets):
    section = UtilitySection(
        segmenters=("unet3d",), real=("all",), arms=("real", "classical"), seeds=1, steps=2
    )
    digests = {}
    for arm in TASK.arms(section, sets[0], sets[2]):
        network, loop = TASK.start(arm, sets[0], sets[2], DOMAIN.classes, section.steps)
        assert all(np.isfinite(step.loss) for step in loop)
        digests[arm.kind] = network.digest
    assert digests["classical"] != digests["real"]


def test_macro_is_the_mean_over_shown_classes(sets):
    table = next(iter(cases_of(sets)))[1]
    whole = table[table["class"] == MACRO].set_index("case")["dice"]
    shown = table[(table["class"] != MACRO) & table["shown"]].groupby("case")["dice"].mean()
    np.testing.assert_allclose(whole, shown)
