import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evaluation.agreement.finding_agreement import finding_agreement
from evaluation.errors import InputError
from evaluation.labels import labels_of
from evaluation.networks import classifier as module
from evaluation.networks.augmentation import augmented, augmented_images
from evaluation.networks.classifier import (
    WEIGHTS,
    load_classifier,
    new_classifier,
    save_classifier,
    train_classifier,
    validated,
)
from evaluation.networks.registry import CLASSIFIERS

LABELS = ("bright", "dark")


@pytest.fixture
def shaded(discs):
    """Discs brighter or darker than their surroundings, turn about unless told otherwise."""

    def make(count, *, seed=0, findings=None, size=16):
        block = discs(count, size=size, seed=seed)
        findings = findings or [LABELS[n % 2] for n in range(count)]
        dark = np.array([finding == "dark" for finding in findings])
        images = np.where(dark[:, None, None, None], 255 - block.images, block.images)
        return replace(block, images=images, facets=block.facets.assign(finding=findings))

    return make


def trained(parts, *, steps=3, seed=0, kind="resnet", **options):
    classifier = new_classifier(kind, parts[0].images.shape[-1], LABELS, seed=seed)
    options = {"batch": 4} | options
    loop = train_classifier(classifier, parts, "finding", steps=steps, seed=seed, **options)
    return classifier, list(loop)


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_classifier_answers_with_probabilities(kind, channels, discs):
    images = discs(3, size=16, channels=channels).images
    classifier = new_classifier(kind, channels, ("a", "b", "c"), seed=0)
    found = classifier.probabilities(images)
    assert found.shape == (3, 3)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(1), 1)
    assert found.min() >= 0
    # An answer depends on no other image.
    np.testing.assert_allclose(classifier.probabilities(images[:1]), found[:1], rtol=1e-4)
    assert classifier.probabilities(images[:0]).shape == (0, 3)
    larger = discs(1, size=40, channels=channels).images
    assert classifier.probabilities(larger).shape == (1, 3)
    with pytest.raises(ValueError, match="channels"):
        classifier.probabilities(np.zeros((1, 16, 16, 2), np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_it_learns_bright_from_dark(kind, shaded):
    classifier, steps = trained([shaded(40)], steps=40, kind=kind, batch=8)
    assert validated(classifier, shaded(20, seed=1), "finding") > 0.9
    assert np.mean([s.loss for s in steps[-5:]]) < steps[0].loss


def test_the_seed_decides_everything_and_the_global_one_stays(shaded):
    pairs = shaded(6)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, steps = trained([pairs])
    assert torch.rand(1) == expected
    again, same = trained([pairs])
    other, _ = trained([pairs], seed=1)
    assert steps == same
    assert [s.number for s in steps] == [1, 2, 3]
    assert first.digest == again.digest != other.digest


def test_the_best_validated_weights_are_kept(shaded, monkeypatch):
    scores = iter([0.5, 0.9, 0.7])
    digests = []

    def watch(classifier, pairs, column):
        digests.append(classifier.digest)
        return next(scores)

    monkeypatch.setattr(module, "validated", watch)
    pairs = shaded(6)
    classifier, steps = trained([pairs], steps=5, validation=pairs, validate_every=2)
    assert {s.number: s.validation for s in steps} == {1: None, 2: 0.5, 3: None, 4: 0.9, 5: 0.7}
    assert len(set(digests)) == 3
    assert classifier.digest == digests[1]


def test_parts_and_labels_have_equal_shares(shaded, monkeypatch):
    # One black part, one of nine bright and three dark discs: told apart by their brightest pixel.
    black = replace(shaded(3), images=np.zeros((3, 16, 16, 1), np.uint8))
    uneven = shaded(12, findings=["bright"] * 9 + ["dark"] * 3)
    seen = []

    def watch(images, *how):
        seen.append(images.amax((1, 2, 3)) > 0)
        return augmented_images(images, *how)

    monkeypatch.setattr(module, "augmented_images", watch)
    trained([black, uneven])
    assert all(batch.tolist() == [False, False, True, True] for batch in seen)
    draws = module._batches(
        [uneven], "finding", LABELS, 50, 0, itertools.repeat(None), augmented_images, 1.0, ()
    )
    drawn = torch.cat([next(draws)[1] for _ in range(20)])
    assert drawn.double().mean() == pytest.approx(0.5, abs=0.05)


def test_unlabelled_pairs_teach_nothing(shaded, monkeypatch):
    some = shaded(4, findings=["bright", "", "dark", ""])
    some.images[[1, 3]] = 255
    seen = []
    monkeypatch.setattr(
        module, "augmented_images", lambda images, *_: seen.append(images) or images
    )
    trained([some], steps=5)
    assert torch.cat(seen).mean((1, 2, 3)).max() < 0.9
    with pytest.raises(InputError, match="no pair with a label in 'finding'"):
        trained([shaded(3), shaded(3, findings=[""] * 3)])


def test_labels_that_cannot_be_learnt_or_validated_are_refused(shaded):
    with pytest.raises(InputError, match=r"'finding' holds \['round'\], but only"):
        trained([shaded(2, findings=["round", "bright"])])
    with pytest.raises(InputError, match="fewer than two labels in 'finding'"):
        trained([shaded(4)], validation=shaded(3, findings=["dark", "dark", ""]))


def test_masks_are_not_looked_at(shaded):
    pairs = shaded(6)
    bare = replace(pairs, masks=np.zeros_like(pairs.masks), has_mask=np.zeros(6, bool))
    assert trained([pairs])[0].digest == trained([bare])[0].digest


def test_what_is_no_classifier_to_make_is_refused():
    with pytest.raises(InputError, match=r"'resnett' is unknown; choose one of \['densenet', "):
        new_classifier("resnett", 1, LABELS, seed=0)
    for labels in (("one",), ("a", "a", "b"), ()):
        with pytest.raises(InputError, match="nothing to tell apart"):
            new_classifier("resnet", 1, labels, seed=0)


def test_a_saved_classifier_gives_the_same_answers(shaded, tmp_path):
    pairs = shaded(6)
    classifier, _ = trained([pairs])
    save_classifier(classifier, tmp_path / "judge")
    back = load_classifier(tmp_path / "judge")
    assert back.digest == classifier.digest
    assert back.labels == labels_of(pairs, "finding") == LABELS
    found = classifier.probabilities(pairs.images)
    np.testing.assert_array_equal(back.probabilities(pairs.images), found)
    renamed = replace(classifier, labels=("a", "b"))
    assert renamed.digest != classifier.digest


def test_what_is_no_classifier_to_load_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no classifier"):
        load_classifier(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_classifier(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / WEIGHTS, metadata={"format": "2"})
    with pytest.raises(InputError, match="format '2', this version reads 1"):
        load_classifier(tmp_path)
    card = {"format": "1", "kind": "resnet", "channels": "1", "labels": '["a", "b"]'}
    save_file({"a": torch.zeros(1)}, tmp_path / WEIGHTS, metadata=card)
    with pytest.raises(InputError, match="weights of another resnet"):
        load_classifier(tmp_path)


def test_augmented_images_move_as_pairs_do():
    images = torch.rand(4, 1, 16, 16)
    alone = augmented_images(images, torch.Generator().manual_seed(3))
    paired, _ = augmented(images, images, torch.Generator().manual_seed(3))
    torch.testing.assert_close(alone, paired)


@pytest.mark.slow
def test_a_trained_classifier_judges_what_prompts_asked_for(shaded):
    classifier, _ = trained([shaded(40)], steps=40, batch=8)
    good, held_out = shaded(30, seed=1), shaded(20, seed=2)
    found = finding_agreement(good, held_out, classifier, seed=0)
    assert found.findings == LABELS
    assert found.closed.value > 0.8
    # The same images, half of them under the other finding.
    half = [LABELS[(n + n // 2) % 2] for n in range(30)]
    wrong = replace(good, facets=good.facets.assign(finding=half))
    assert finding_agreement(wrong, held_out, classifier, seed=0).closed.high < 0.6
