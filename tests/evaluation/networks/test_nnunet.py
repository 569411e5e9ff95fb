"""nnU-Net learns the arms as other segmenters do; most is tested where it is not installed."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.errors import InputError
from evaluation.networks import nnunet_files
from evaluation.networks.domain_randomisation import DomainRandomisation
from evaluation.networks.nnunet import Nnunet, Planned, train_nnunet
from evaluation.networks.nnunet_files import (
    DATASET,
    FOLDERS,
    INSTALL,
    check_installed,
    environment,
    part_of,
    write_raw,
)
from evaluation.networks.segmenter import save_segmenter, validated
from evaluation.networks.settings import DomainRandomisationSection
from evaluation.networks.weights import read_weights, restore, save_weights
from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm
from evaluation.utility.segmentation import SegmentationTask

DOCS = Path(__file__).resolve().parents[3] / "docs"
TASK = SegmentationTask()
SECTION = UtilitySection(segmenters=("nnunet",), real=(2,), seeds=1)


def untrained(classes=("disc",)):
    return Nnunet(Planned(), "nnunet", 1, classes)


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(nnunet_files, "find_spec", lambda name: None if name == "cc3d" else name)


def test_what_is_missing_is_named_with_the_command_that_installs_it(absent):
    with pytest.raises(InputError) as found:
        check_installed()
    (line,) = str(found.value).splitlines()
    assert "cc3d cannot be imported" in line
    assert INSTALL in line
    assert INSTALL in (DOCS / "running.md").read_text(encoding="utf-8")


def test_arms_are_refused_before_any_is_trained(absent, discs):
    with pytest.raises(InputError, match="not part of this package"):
        TASK.arms(SECTION, discs(5), discs(8))
    others = SECTION.model_copy(update={"segmenters": ("unet",)})
    assert TASK.arms(others, discs(5), discs(8))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_raw_data_set_holds_the_pairs_that_have_a_mask(channels, discs, tmp_path):
    first, second = (discs(n, classes=2, channels=channels, seed=n) for n in (3, 2))
    first = replace(first, has_mask=np.array([True, False, True]))
    write_raw([first, second], ("left disc", "right disc"), tmp_path)
    place = tmp_path / DATASET
    told = json.loads((place / "dataset.json").read_text())
    assert told["labels"] == {"background": 0, "left disc": 1, "right disc": 2}
    assert told["numTraining"] == 4
    assert len(told["channel_names"]) == channels
    assert "CT" not in told["channel_names"].values()
    names = ["part0_000000", "part0_000001", "part1_000000", "part1_000001"]
    assert sorted(p.name for p in (place / "labelsTr").iterdir()) == [f"{n}.png" for n in names]
    images = [np.asarray(Image.open(place / "imagesTr" / f"{n}_0000.png")) for n in names]
    masks = [np.asarray(Image.open(place / "labelsTr" / f"{n}.png")) for n in names]
    written = np.concatenate([first.images[[0, 2]], second.images])
    np.testing.assert_array_equal(np.reshape(images, written.shape), written)
    np.testing.assert_array_equal(masks, np.concatenate([first.masks[[0, 2]], second.masks]))
    assert [part_of(n) for n in names] == [0, 0, 1, 1]


@pytest.mark.parametrize("lacking", ["a mask", "content"])
def test_pairs_that_teach_nothing_are_refused(lacking, discs, tmp_path):
    pairs = discs(3)
    if lacking == "a mask":
        pairs = replace(pairs, has_mask=np.zeros(3, bool))
    else:
        pairs = replace(pairs, masks=np.zeros_like(pairs.masks))
    with pytest.raises(InputError, match="nothing to learn from"):
        write_raw([pairs], ("disc",), tmp_path)
    assert not list(tmp_path.iterdir())


def test_variables_are_set_in_the_block_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", "/mine")
    monkeypatch.delenv("nnUNet_results", raising=False)
    before = dict(os.environ)
    with environment(tmp_path, workers=3):
        assert [os.environ[name] for name in FOLDERS] == [str(tmp_path / n) for n in FOLDERS]
        assert os.environ["nnUNet_n_proc_DA"] == "3"  # noqa: SIM112
    assert dict(os.environ) == before


def test_an_untrained_one_predicts_nothing(discs):
    with pytest.raises(ValueError, match="no plan before it is trained"):
        untrained().predict(discs(1).images)


def test_a_weight_of_two_names_is_kept_once(tmp_path):
    def network():
        found = Planned()
        layer = torch.nn.Conv2d(1, 2, 1)
        found.layers = torch.nn.ModuleDict({"one": layer, "same": layer})
        return found

    first, second = network(), network()
    assert list(first.state_dict()) == ["layers.one.weight", "layers.one.bias"]
    save_weights(first, {}, tmp_path / "weights")
    _, state = read_weights(tmp_path / "weights", "segmenter")
    restore(second, state, tmp_path, "nnunet")
    assert torch.equal(second.layers["same"].weight, first.layers["one"].weight)
    with pytest.raises(InputError, match="weights of another"):
        restore(second, {"layers.one.weight": state["layers.one.weight"]}, tmp_path, "nnunet")


@pytest.mark.parametrize("changed", ["strength", "randomisation"])
def test_its_augmentation_cannot_be_changed(changed, discs, tmp_path):
    given = {"strength": 2.0}
    if changed == "randomisation":
        randomisation = DomainRandomisation(DomainRandomisationSection(), ("disc",), 0, (48, 48))
        given = {"randomisations": [randomisation]}
    loop = train_nnunet(untrained(), [discs(3)], steps=1, seed=0, work=tmp_path / "arm", **given)
    with pytest.raises(InputError, match="by its own rules"):
        next(loop)
    assert not list(tmp_path.iterdir())


def world():
    """What nnU-Net would change beyond itself: its variables, and global random numbers."""
    own = {name: value for name, value in os.environ.items() if name.startswith("nnUNet")}
    _, numbers, place, *_ = np.random.get_state()  # noqa: NPY002
    return own, numbers.tolist(), place, torch.get_rng_state().tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # nnU-Net's, of what it imports
def test_it_learns_an_arm_of_real_and_synthetic_pairs_and_is_read_back(discs, tmp_path):
    arm = Arm("nnunet", "discs", "both", "all", 8, 0, ratio=2)
    pools = discs(8, size=32), discs(6, size=32, seed=1)
    fresh, before = discs(4, size=32, seed=2), world()
    given = (arm, *pools, ("disc",), 20)
    segmenter, loop = TASK.start(*given, validation=fresh, work=tmp_path / "work")
    steps = [next(loop)]
    assert world() == before
    assert (tmp_path / "work").is_dir()
    steps += loop
    assert not list(tmp_path.iterdir())
    assert [step.number for step in steps] == list(range(1, 21))
    assert steps[-1].validation == validated(segmenter, fresh) > 0.5
    assert steps[-1].loss < steps[0].loss
    save_segmenter(segmenter, tmp_path / "one")
    back = Nnunet.load(tmp_path / "one")
    assert back.digest == segmenter.digest
    np.testing.assert_array_equal(back.predict(fresh.images), segmenter.predict(fresh.images))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_goes_on_with_its_plan_from_synthetic_to_real_pairs(discs, tmp_path):
    arm = Arm("nnunet", "discs", "pretrained", "all", 4, 0)
    pools = discs(4, size=32, classes=2), discs(6, size=32, classes=2, seed=1)
    sides = ("left disc", "right disc")
    segmenter, loop = TASK.start(arm, *pools, sides, 4, work=tmp_path / "work")
    seen = [(step.number, json.dumps(segmenter.network.plan)) for step in loop]
    assert [number for number, _ in seen] == [1, 2, 3, 4]
    assert len({plan for _, plan in seen}) == 1
    assert segmenter.network.plan["mirrored"] is False
    answers = segmenter.predict(pools[0].images)
    assert answers.shape == pools[0].masks.shape
    assert answers.max() <= 2
