"""nnU-Net in three dimensions learns whole volumes, goes by their spacing, and comes back."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

from evaluation.errors import InputError
from evaluation.networks.nnunet_files import DATASET
from evaluation.networks.segmenter import save_segmenter
from evaluation.pairs import take
from evaluation.utility.arms import Arm
from evaluation.utility.volumes.segmentation import VolumeSegmentationTask
from evaluation.volumes.nnunet import VolumeNnunet
from evaluation.volumes.segmenter import validated_volumes
from evaluation.volumes.stacks import stacks_of
from factory.images import ImageSection
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource

TASK = VolumeSegmentationTask()


@pytest.fixture(scope="module")
def pairs():
    return PhantomVolumeSource(train=5, slices=12).build().read("train", ImageSection(size=32))


def test_cases_are_volumes_that_nnunet_finds_no_fault_with(pairs, tmp_path):
    few = take(pairs, np.arange(24))
    VolumeNnunet.new(1, DOMAIN.classes).write([few, pairs], tmp_path)
    place = tmp_path / DATASET
    verify_dataset_integrity(str(place), num_processes=1)
    assert json.loads((place / "dataset.json").read_text())["numTraining"] == 7
    names = sorted(path.name for path in (place / "labelsTr").iterdir())
    assert names[:3] == [f"part{part}_{n:06d}.nii.gz" for part, n in ((0, 0), (0, 1), (1, 0))]
    stack = stacks_of(pairs)[1]
    image = nibabel.load(place / "imagesTr" / "part1_000001_0000.nii.gz")
    label = nibabel.load(place / "labelsTr" / "part1_000001.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, stack.images[..., 0])
    np.testing.assert_array_equal(np.asarray(label.dataobj).T, stack.masks)
    np.testing.assert_allclose(image.header.get_zooms(), stack.spacing_mm[::-1])


def test_pairs_of_no_volume_are_refused(pairs, tmp_path):
    flat = take(pairs, np.arange(4))
    flat.facets["volume"] = ""
    with pytest.raises(InputError, match="nothing to learn from"):
        VolumeNnunet.new(1, DOMAIN.classes).write([flat], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # nnU-Net's, of what it imports
def test_it_learns_an_arm_of_volumes_and_is_read_back(pairs, tmp_path):
    arm = Arm("nnunet3d", DOMAIN.name, "both", "all", 5, 0, ratio=1)
    fresh = take(pairs, np.arange(12))
    given = (arm, pairs, pairs, DOMAIN.classes, 4)
    segmenter, loop = TASK.start(*given, validation=fresh, work=tmp_path / "work")
    steps = list(loop)
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert not (tmp_path / "work").exists()
    assert steps[-1].validation == validated_volumes(segmenter, fresh)
    save_segmenter(segmenter, tmp_path / "one")
    back = TASK.load("nnunet3d", tmp_path / "one")
    assert back.digest == segmenter.digest
    stack = stacks_of(pairs)[0]
    answer = segmenter.segment(stack)
    np.testing.assert_array_equal(back.segment(stack), answer)
    assert answer.shape == stack.masks.shape
    # Of another spacing it is another anatomy to a network that goes by millimetres.
    other = replace(stack, spacing_mm=stack.spacing_mm * [1, 3, 3])
    assert not np.array_equal(segmenter.segment(other), answer)
