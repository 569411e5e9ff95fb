"""The linear start: principal components, written into a network that is not linear."""

import pytest
import torch
from diffusers import AutoencoderKL

from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.autoencoders.pca_init import principal_components, start_linear


def smooth_pictures(count, side=32, seed=0):
    noise = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (side, side), mode="bicubic").clamp(-1, 1)


def test_components_of_a_line_by_hand():
    # Points on the line through (1, 1) in direction (3, 4): one component, no variance beside it.
    steps = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
    mean, components, variances = principal_components(
        torch.tensor([1.0, 1.0]) + steps[:, None] * torch.tensor([3.0, 4.0]), 2
    )
    torch.testing.assert_close(mean, torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(components[0].abs(), torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(variances[0], torch.tensor(50.0))  # 25 x mean of (4, 1, 0, 1, 4)
    assert variances[1] < 1e-5


@pytest.mark.parametrize("factor", [4, 8])
@torch.no_grad()
def test_the_network_starts_as_the_analysis_of_its_patches(factor):
    pictures = smooth_pictures(24)
    torch.manual_seed(0)
    autoencoder = KLAutoencoder.small(factor, pictures)
    others = smooth_pictures(4, seed=1)
    folded = torch.nn.functional.pixel_unshuffle(pictures, factor).movedim(1, -1).flatten(0, 2)
    mean, components, _ = principal_components(folded, 16)
    patches = torch.nn.functional.pixel_unshuffle(others, factor).movedim(1, -1)
    projected = (patches - mean) @ components.T @ components + mean
    expected = torch.nn.functional.pixel_shuffle(projected.movedim(-1, 1), factor)
    made = autoencoder.picture(autoencoder.posterior(others).mode())
    # GroupNorm's statistics are dominated by constants, not equal to them.
    assert float((made - expected).abs().mean()) < 0.03 * float(others.abs().mean())


@torch.no_grad()
def test_latents_are_almost_noiseless_and_coarse_structure_is_loudest():
    torch.manual_seed(0)
    posterior = KLAutoencoder.small(4, smooth_pictures(24)).posterior(smooth_pictures(8))
    assert float(posterior.std.max()) < 0.05
    loudness = posterior.mean.std((0, 2, 3))
    assert float(loudness[0]) > 2 * float(loudness[-1])


def test_a_network_of_two_levels_is_refused():
    vae = AutoencoderKL(
        in_channels=48,
        out_channels=48,
        latent_channels=16,
        block_out_channels=(64, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=16,
    )
    with pytest.raises(ValueError, match="one level"):
        start_linear(vae, torch.randn(64, 48))
