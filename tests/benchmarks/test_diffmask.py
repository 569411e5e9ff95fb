"""The benchmark of masks from attention: its controls, and its line where nothing is recorded."""

import numpy as np
import pytest

from benchmarks import diffmask
from evaluation.settings import EvaluateSection


def test_iou_counts_the_classes_that_are_there():
    truth = np.zeros((2, 4, 4), np.uint8)
    truth[0, :2, :2], truth[0, 3] = 1, 2
    found = truth.copy()
    found[0, 3] = 0
    # Class 1 is found whole, class 2 not at all: (1 + 0) / 2. Nothing is there to find in the other.
    np.testing.assert_array_equal(diffmask.shown_iou(found, truth, 3), [0.5, 0])


def test_otsu_names_pieces_by_the_mean_mask_and_leaves_out_the_border():
    image = np.full((16, 16, 1), 200, np.uint8)
    image[4:8, 3:6] = image[4:8, 10:13] = 20
    image[12:, :] = 20  # touches the border
    average = np.zeros((16, 16), np.uint8)
    average[3:9, 2:7], average[3:9, 9:14] = 1, 2
    mask = diffmask.otsu_mask(image, average, dark=True)
    assert (mask[4:8, 3:6] == 1).all()
    assert (mask[4:8, 10:13] == 2).all()
    assert (mask > 0).sum() == 24
    assert not diffmask.otsu_mask(np.full_like(image, 7), average, dark=True).any()


def test_without_a_checkpoint_one_line_says_how_to_train_one(monkeypatch, capsys, tmp_path):
    there = ["--checkpoint", str(tmp_path), "--real-checkpoint", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["diffmask", "--quick", *there])
    with pytest.raises(SystemExit) as stopped:
        diffmask.main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "medpair train diffmask-phantoms" in said[0]
    assert "medpair train diffmask-cxr" in said[0]


@pytest.mark.slow
def test_every_step_is_judged_on_drawn_images():
    quick = ["generator.sample.steps=2", "generator.sample.batch=2"]
    setup = diffmask.Setup.of("diffmask-phantoms", diffmask.CHECKPOINTS["phantoms"], quick, 2)
    real = setup.train, setup.held_out, setup.domain
    section = EvaluateSection(judge_steps=2)
    figures = diffmask.judged(setup.generator, setup.prompts, *real, section)
    steps = set(setup.generator.masks.steps) - {"gate"}
    assert figures.keys() == steps | {"control", "real"}
    for figure in figures.values():
        assert figure.n == 2
        assert 0 <= figure.value <= 1
