"""The autoencoder and the terms of its loss."""

import numpy as np
import pytest
import torch

from factory.models.autoencoders.kl import KLAutoencoder
from factory.settings import AutoencoderTraining
from factory.training.autoencoders.kl import energy_gap, high_pass, recoloured, train_autoencoder


@pytest.mark.parametrize("factor", [4, 8])
def test_shapes_and_unit_latents(factor):
    torch.manual_seed(0)
    autoencoder = KLAutoencoder.small(factor, torch.rand(8, 3, 32, 32) * 2 - 1)
    pictures = torch.rand(6, 3, 32, 32) * 2 - 1
    autoencoder.measure_statistics(pictures)
    latents = autoencoder.encode(pictures)
    assert autoencoder.factor == factor
    assert latents.shape == (6, 16, 32 // factor, 32 // factor)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(16), atol=1e-4, rtol=0)
    assert float(latents.std()) == pytest.approx(1, abs=5e-3)
    assert autoencoder.decode(latents).shape == pictures.shape


def test_saved_and_loaded_it_decodes_the_same(tmp_path):
    torch.manual_seed(0)
    autoencoder = KLAutoencoder.small(4, torch.rand(8, 3, 32, 32) * 2 - 1)
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    autoencoder.measure_statistics(pictures)
    autoencoder.save(tmp_path / "vae")
    again = KLAutoencoder.load(tmp_path / "vae")
    latents = autoencoder.encode(pictures)
    assert torch.equal(again.encode(pictures), latents)
    assert torch.equal(again.decode(latents), autoencoder.decode(latents))


def test_a_flat_picture_has_no_high_pass_and_equal_texture_no_gap():
    assert float(high_pass(torch.full((1, 3, 16, 16), 0.3)).abs().max()) < 1e-6
    noise = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    other = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    # Texture of the same strength elsewhere costs little; none at all costs much.
    assert float(energy_gap(noise, noise)) == 0
    assert float(energy_gap(noise, other)) < 0.5
    assert float(energy_gap(torch.zeros_like(noise), noise)) > 3


def test_recolouring_permutes_the_corners_of_the_cube():
    masks = torch.ones(64, 3, 4, 4)
    masks[:, 0] = -1
    seen = recoloured(masks, 1.0, torch.Generator().manual_seed(0))
    assert seen.abs().eq(1).all()
    assert len(torch.unique(seen[:, :, 0, 0], dim=0)) == 8
    assert torch.equal(recoloured(masks, 0.0, torch.Generator().manual_seed(0)), masks)


def test_training_lowers_the_loss_and_ends_with_unit_latents(tmp_path):
    torch.manual_seed(0)
    autoencoder = KLAutoencoder.small(4, torch.rand(8, 3, 32, 32) * 2 - 1)
    rows = np.linspace(0, 255, 32, dtype=np.uint8)
    images = torch.from_numpy(np.broadcast_to(rows, (8, 3, 32, 32)).copy())
    masks = (images > 127).to(torch.uint8) * 255
    spec = AutoencoderTraining(
        steps=25, batch=4, texture_loss_from=0.9, adversarial=0.1, learning_rate=3e-3
    )
    steps = list(
        train_autoencoder(autoencoder, images, masks, spec, 0, tmp_path / "autoencoder.resume")
    )
    assert [step.step for step in steps] == list(range(1, 26))
    assert steps[-1].losses["image_l1"] < 0.7 * steps[0].losses["image_l1"]
    assert "adversarial" in steps[-1].losses
    assert "adversarial" not in steps[0].losses
    latents = autoencoder.encode(torch.cat([images, masks]).float() / 127.5 - 1)
    assert float(latents.std()) == pytest.approx(1, abs=0.05)


def test_images_alone_are_learnt_without_any_mask(tmp_path):
    torch.manual_seed(0)
    autoencoder = KLAutoencoder.small(4, torch.rand(8, 3, 32, 32) * 2 - 1)
    images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    spec = AutoencoderTraining(steps=2, batch=2, texture_loss_from=0, adversarial=0.1)
    resume = tmp_path / "autoencoder.resume"
    steps = list(train_autoencoder(autoencoder, images, images[:0], spec, 0, resume))
    assert not {"mask_l1", "mask_l2"} & set(steps[-1].losses)
    assert all(np.isfinite(list(steps[-1].losses.values())))
