"""The decoder of coarse pictures: what it is shown, that it learns, that it goes on."""

import itertools

import numpy as np
import pytest
import torch

from factory.models.autoencoders.detail_prior import doubled
from factory.settings import CoarseTraining
from factory.training.autoencoders.coarse import (
    MOST_DISTURBED,
    disturbed,
    draw_levels,
    new_coarse,
    parts_with_detail,
    train_coarse,
)

SHORT = CoarseTraining(steps=4, batch=2, width=8)


def discs(count=8, side=32):
    """Images of a bright disc each (N, 3, H, W) uint8, and masks of the discs."""
    places = np.random.default_rng(0).uniform(10, side - 10, (count, 2))
    sizes = np.linspace(5, 8, count)
    rows, columns = np.mgrid[:side, :side]
    inside = np.stack(
        [
            (rows - y) ** 2 + (columns - x) ** 2 < r**2
            for (y, x), r in zip(places, sizes, strict=True)
        ]
    )
    masks = torch.from_numpy(inside)[:, None].expand(-1, 3, -1, -1).to(torch.uint8) * 255
    return masks // 2 + 40, masks


def trained(spec, resume, streams=2, seed=0):
    images, masks = discs()
    masks = masks if streams == 2 else masks[:0]
    torch.manual_seed(seed)
    autoencoder = new_coarse(images, masks, spec, seed)
    return autoencoder, list(train_coarse(autoencoder, images, masks, spec, seed, resume))


def test_disturbance_has_a_strength_of_its_own_for_every_stream():
    added, strength = disturbed(torch.zeros(64, 6, 8, 8), torch.Generator().manual_seed(0))
    spread = added.unflatten(1, (2, 3)).std((2, 3, 4))
    torch.testing.assert_close(spread, strength, atol=0.01, rtol=0)
    assert spread.min() < 0.1 * MOST_DISTURBED
    assert spread.median() < 0.4 * MOST_DISTURBED  # little is the rule
    assert 0.9 * MOST_DISTURBED < spread.max() < 1.1 * MOST_DISTURBED
    assert not torch.allclose(spread[:, 0], spread[:, 1], rtol=0.2)


def test_parts_lie_where_there_is_detail_and_come_to_as_many_pixels():
    pictures = torch.zeros(6, 6, 64, 64)
    busy = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(1))
    pictures[2, :, 32:, :32] = busy
    parts = parts_with_detail(pictures, 3, torch.Generator().manual_seed(0))
    assert parts.shape == (12, 6, 32, 32)
    assert parts.numel() == 3 * pictures[0].numel()
    shown = (parts != 0).float().mean((1, 2, 3))
    assert (shown > 0).float().mean() > 0.7
    whole = parts[shown.argmax()]
    assert any(torch.equal(whole, part) for part in pictures[2].unfold(1, 32, 8).unfold(2, 32, 8)
               .permute(1, 2, 0, 3, 4).flatten(0, 1))  # fmt: skip


def test_flat_pictures_have_parts_and_small_ones_stay_whole():
    generator = torch.Generator().manual_seed(0)
    assert parts_with_detail(torch.zeros(4, 3, 64, 64), 2, generator).shape == (8, 3, 32, 32)
    small = torch.rand(4, 6, 32, 32)
    assert torch.equal(parts_with_detail(small, 2, generator), small[:2])


def test_levels_are_shared_by_half_and_a_stream_is_known_in_some():
    levels = draw_levels(4000, 2, torch.Generator().manual_seed(0))
    known = levels == 0
    assert known.float().mean(0).tolist() == pytest.approx([0.1, 0.1], abs=0.02)
    assert not known.all(1).any()
    noisy = levels[~known.any(1)]
    assert (noisy[:, 0] == noisy[:, 1]).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert (draw_levels(100, 1, torch.Generator().manual_seed(0)) > 0).all()


def test_training_tells_the_loss_of_every_stream(tmp_path):
    autoencoder, steps = trained(SHORT, tmp_path / "resume")
    assert [(p.stage, p.step, p.steps) for p in steps] == [("decoder", i, 8) for i in range(1, 9)]
    assert all(set(p.losses) == {"image", "mask"} for p in steps)
    # Untrained it knows that detail is white noise, which leaves all of the velocity open.
    assert steps[0].losses["mask"] == pytest.approx(1, abs=0.35)
    assert all(0.1 < ratio < 2 for doubling in autoencoder.config.ratios for ratio in doubling)
    _, alone = trained(SHORT, tmp_path / "alone", streams=1)
    assert set(alone[-1].losses) == {"image"}


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path, monkeypatch):
    whole, steps = trained(SHORT, tmp_path / "whole")
    monkeypatch.setattr(
        "factory.training.autoencoders.coarse.ResumePoint.save_sometimes",
        lambda point, step, _: point.save(step),
    )
    images, masks = discs()
    torch.manual_seed(0)
    first = train_coarse(
        new_coarse(images, masks, SHORT, 0), images, masks, SHORT, 0, tmp_path / "cut"
    )
    list(itertools.islice(first, 2))
    first.close()
    again, rest = trained(SHORT, tmp_path / "cut")
    assert [p.losses for p in rest] == [p.losses for p in steps[2:]]
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
def test_discs_are_drawn_nearer_to_the_truth_than_enlarged(tmp_path):
    spec = CoarseTraining(steps=500, batch=8, width=16, learning_rate=5e-3)
    autoencoder, steps = trained(spec, tmp_path / "resume")
    assert steps[-1].losses["mask"] < 0.6  # knowing nothing achieves 1
    real = [stream[:4].float() / 127.5 - 1 for stream in discs()]
    latents = [autoencoder.encode(stream) for stream in real]
    drawn = autoencoder.decode_streams(latents, range(4))
    smooth = [doubled(doubled(autoencoder.sizes(stream)[0])) for stream in real]
    # Of the images' faint discs a decoder this small leaves noise; masks are plain.
    assert (drawn[1] - real[1]).square().mean() < 0.9 * (smooth[1] - real[1]).square().mean()
    # Borders agree: the image is bright, above -0.2, where the mask is.
    inside = drawn[1] > 0
    agreement = ((drawn[0] > -0.2) == inside).float().mean()
    assert agreement > 0.95
