from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from evaluation.errors import InputError
from evaluation.networks.augmentation import augmented, standardised
from evaluation.networks.registry import SEGMENTERS
from evaluation.networks.segmenter import (
    WEIGHTS,
    likeliest,
    load_segmenter,
    new_segmenter,
    save_segmenter,
    train_segmenter,
    validated,
)
from evaluation.networks.training_loop import batch_composition


def trained(parts, *, steps=3, seed=0, classes=("disc",), **options):
    segmenter = new_segmenter("unet", parts[0].images.shape[-1], classes, seed=seed)
    loop = train_segmenter(segmenter, parts, steps=steps, seed=seed, batch=4, **options)
    return segmenter, list(loop)


@pytest.mark.parametrize("kind", SEGMENTERS)
@pytest.mark.parametrize(("channels", "classes"), [(1, ("a",)), (3, ("a", "b", "c"))])
def test_every_segmenter_answers_with_class_indices(kind, channels, classes, discs):
    images = discs(2, size=32, channels=channels).images
    segmenter = new_segmenter(kind, channels, classes, seed=0)
    masks = segmenter.predict(images)
    assert masks.shape == (2, 32, 32)
    assert masks.dtype == np.uint8
    assert masks.max() <= len(classes)
    assert segmenter.predict(images[:0]).shape == (0, 32, 32)
    with pytest.raises(ValueError, match="channels"):
        segmenter.predict(np.zeros((1, 32, 32, 2), np.uint8))


@pytest.mark.slow
def test_it_learns_discs_of_two_classes(discs):
    train, fresh = discs(40, size=32, classes=2), discs(10, size=32, seed=1, classes=2)
    segmenter, steps = trained([train], steps=60, classes=("left", "right"))
    assert validated(segmenter, fresh) > 0.8
    assert np.mean([s.loss for s in steps[-5:]]) < steps[0].loss / 2


def test_the_seed_decides_everything_and_the_global_one_stays(discs):
    pairs = discs(6, size=32)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, steps = trained([pairs])
    assert torch.rand(1) == expected
    again, same = trained([pairs])
    other, _ = trained([pairs], seed=1)
    assert steps == same
    assert first.digest == again.digest != other.digest


def test_the_best_validated_weights_are_kept(discs):
    pairs = discs(6, size=32)
    segmenter, steps = trained([pairs], steps=5, validation=pairs, validate_every=2)
    scores = {s.number: s.validation for s in steps if s.validation is not None}
    assert list(scores) == [2, 4, 5]
    assert validated(segmenter, pairs) == pytest.approx(max(scores.values()))


def test_each_part_gives_an_equal_share_of_every_batch(discs, monkeypatch):
    dark, bright = discs(3, size=32), discs(9, size=32)
    dark = replace(dark, images=np.zeros_like(dark.images))
    seen = []
    keep = augmented

    def watch(images, masks, generator, strength):
        seen.append((images.amax((1, 2, 3)) > 0).tolist())
        return keep(images, masks, generator, strength)

    monkeypatch.setattr("evaluation.networks.segmenter.augmented", watch)
    trained([dark, bright])
    assert all(batch == [False, False, True, True] for batch in seen)
    seen.clear()
    trained([dark, bright], weights=(1, 3))
    assert all(batch == [False, True, True, True] for batch in seen)


@given(batch=st.integers(1, 16), first=st.floats(0.1, 9), second=st.floats(0.1, 9) | st.just(0.0))
def test_a_mixture_keeps_its_ratio_over_the_batches(batch, first, second):
    taken = np.array(list(islice(batch_composition(batch, (first, second)), 40)))
    assert (taken >= 0).all()
    assert (taken.sum(1) == batch).all()
    wanted = batch * np.arange(1, 41) * first / (first + second)
    assert (np.abs(taken[:, 0].cumsum() - wanted) <= 1).all()


def test_a_mixture_by_hand():
    assert list(islice(batch_composition(8, (1, 2)), 3)) == [[2, 6], [3, 5], [3, 5]]
    assert list(islice(batch_composition(8, (1, 1)), 2)) == [[4, 4], [4, 4]]


def test_the_last_part_leaves_the_batches_in_a_line():
    # From step 2 on its half of 8 falls by a quarter a step: 4, 4, 3, 2, 1, 0, and stays away.
    taken = list(islice(batch_composition(8, (1, 1), (2, 6)), 8))
    assert [second for _, second in taken] == [4, 4, 3, 2, 1, 0, 0, 0]
    assert all(sum(counts) == 8 for counts in taken)


def test_absent_masks_teach_nothing(discs):
    pairs = discs(3, size=32)
    pairs.has_mask[:] = False
    with pytest.raises(InputError, match="no pair with a mask to learn from"):
        trained([pairs])
    pairs.has_mask[:] = True
    pairs.masks[:] = 0
    with pytest.raises(InputError, match="none can choose weights"):
        validated(new_segmenter("unet", 1, ("disc",), seed=0), pairs)


def test_an_unknown_segmenter_is_refused_with_those_that_exist():
    with pytest.raises(
        InputError, match=r"'unett' is unknown; choose one of \['segresnet', 'transunet', 'unet'\]"
    ):
        new_segmenter("unett", 1, ("disc",), seed=0)


def test_a_saved_segmenter_gives_the_same_answers(discs, tmp_path):
    pairs = discs(6, size=32, classes=2)
    segmenter, _ = trained([pairs], classes=("left", "right"))
    save_segmenter(segmenter, tmp_path / "judge")
    back = load_segmenter(tmp_path / "judge")
    assert back.digest == segmenter.digest
    assert back.classes == ("left", "right")
    np.testing.assert_array_equal(back.predict(pairs.images), segmenter.predict(pairs.images))


def test_what_is_no_segmenter_is_refused(discs, tmp_path):
    with pytest.raises(InputError, match="holds no segmenter"):
        load_segmenter(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_segmenter(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / WEIGHTS, metadata={"format": "2"})
    with pytest.raises(InputError, match="format '2', this version reads 1"):
        load_segmenter(tmp_path)
    card = {"format": "1", "kind": "unet", "channels": "1", "classes": '["disc"]'}
    save_file({"a": torch.zeros(1)}, tmp_path / WEIGHTS, metadata=card)
    with pytest.raises(InputError, match="weights of another unet"):
        load_segmenter(tmp_path)


def test_augmentation_moves_image_and_mask_together():
    y, x = np.mgrid[:48, :48]
    disc = torch.from_numpy((np.hypot(y - 20, x - 26) < 9).astype(np.float32))
    images = disc.expand(16, 1, 48, 48)
    moved, masks = augmented(images, images, torch.Generator().manual_seed(0))
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert (masks != images).flatten(1).any(1).all()
    # The disc is bright in the image wherever the moved mask says so, noise aside.
    inside = (moved * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3))
    outside = (moved * (1 - masks)).sum((1, 2, 3)) / (1 - masks).sum((1, 2, 3))
    assert (inside - outside > 0.6).all()


def test_a_stronger_augmentation_changes_more():
    images = torch.rand(16, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    masks = (images > 0.5).float()
    changes = [
        augmented(images, masks, torch.Generator().manual_seed(0), strength)[0] - images
        for strength in (0.0, 1.0, 2.0)
    ]
    none, usual, strong = (float(change.square().mean()) for change in changes)
    assert none < 1e-6 < usual < strong


def test_left_stays_left():
    half = torch.zeros(32, 1, 32, 32)
    half[..., :16] = 1
    _, masks = augmented(half, half, torch.Generator().manual_seed(0))
    assert (masks[..., :16].mean((1, 2, 3)) > masks[..., 16:].mean((1, 2, 3))).all()


def test_standardised_images_have_mean_0_and_spread_1():
    images = torch.rand(3, 2, 8, 8) * 5 + 3
    found = standardised(images)
    torch.testing.assert_close(found.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std((1, 2, 3), correction=0), torch.ones(3))
    assert not standardised(torch.full((1, 1, 4, 4), 0.3)).round(decimals=3).any()


def test_the_likeliest_class_is_the_first_of_the_largest():
    logits = torch.randint(-3, 3, (4, 5, 9, 7), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(likeliest(logits), logits.argmax(1).byte())
