from pathlib import Path

import torch
from diffusers import DDIMScheduler

from factory.generators.sampling import Conditioning, make_solver, sample
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import SCHEDULE, TINY
from factory.settings import SampleSection

ALPHAS = DDIMScheduler.from_config(dict(SCHEDULE)).alphas_cumprod


def coloured(count: int, deviations: tuple[float, ...], seed: int) -> torch.Tensor:
    """(count, C, 8, 8) Gaussian latents, smooth within a channel, of these deviations."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, len(deviations), 8, 8, generator=generator)
    smooth = noise + noise.roll(1, -1) + noise.roll(1, -2)
    return smooth / 3**0.5 * torch.tensor(deviations).view(1, -1, 1, 1)


def test_of_white_latents_nothing_is_known() -> None:
    prior = GaussianPrior(torch.ones(2, 3, 8, 8), ALPHAS)
    noisy, t = torch.randn(4, 3, 8, 8), torch.tensor([0, 300, 600, 999])
    assert prior.velocity(noisy, t, 0).abs().max() < 1e-6
    torch.testing.assert_close(prior.unknown(t, 0), torch.ones(4, 3, 1, 1))
    torch.testing.assert_close(prior.scaled(noisy, t, 0), noisy)


def test_of_silent_latents_everything_is_known() -> None:
    prior = GaussianPrior(torch.zeros(2, 1, 8, 8), ALPHAS)
    t = torch.full((4,), 500)
    signal = ALPHAS[500]
    noise = torch.randn(4, 1, 8, 8)
    noisy = (1 - signal).sqrt() * noise
    # v = a e where there is no signal
    torch.testing.assert_close(
        prior.velocity(noisy, t, 1), signal.sqrt() * noise, rtol=1e-3, atol=1e-3
    )
    assert prior.unknown(t, 1).max() < 0.02


def test_the_prior_is_the_best_linear_prediction_and_knows_its_own_error() -> None:
    latents = coloured(4000, (2.0, 0.2), 0)
    prior = GaussianPrior.measured((latents, latents), ALPHAS)
    t = torch.full((len(latents),), 400)
    signal = ALPHAS[400]
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
    noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
    velocity = signal.sqrt() * noise - (1 - signal).sqrt() * latents
    left = velocity - prior.velocity(noisy, t, 0)
    # What is left is uncorrelated with what was seen, and as large as `unknown` says.
    overlap = (left * noisy).mean((0, 2, 3)) / (left.std() * noisy.std((0, 2, 3)))
    assert overlap.abs().max() < 0.01
    torch.testing.assert_close(
        left.std((0, 2, 3)), prior.unknown(t[:1], 0).flatten(), rtol=0.01, atol=0
    )


def test_an_untrained_network_draws_latents_of_the_measured_spectrum() -> None:
    image, mask = coloured(2000, (2.0, 1.0, 0.5, 0.1), 0), coloured(2000, (0.1, 3.0, 0.5, 1.0), 1)
    prior = GaussianPrior.measured((image, mask), ALPHAS)
    unet = DualStreamUNet(TINY, "joint", prior).eval()
    text = torch.zeros(64, 4, 32)
    noise = torch.randn(2, 64, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    made = sample(
        unet,
        make_solver("ddim", dict(SCHEDULE)),
        Conditioning((text, text), (text, text)),
        noise,
        SampleSection(solver="ddim", steps=50, guidance=1.0),
    )
    for ours, real in zip(made, (image, mask), strict=True):
        torch.testing.assert_close(ours.std((0, 2, 3)), real.std((0, 2, 3)), rtol=0.12, atol=0.02)
        beside = (ours * ours.roll(1, -1)).mean() / ours.square().mean()
        expected = (real * real.roll(1, -1)).mean() / real.square().mean()
        assert abs(beside - expected) < 0.05


def test_a_prior_is_saved_with_the_network(tmp_path: Path) -> None:
    prior = GaussianPrior.measured((coloured(8, (1.0, 2.0), 0), coloured(8, (3.0, 4.0), 1)), ALPHAS)
    prior.save(tmp_path / "prior.safetensors")
    again = GaussianPrior.load(tmp_path / "prior.safetensors")
    assert torch.equal(again.power, prior.power)
    assert torch.equal(again.alphas, prior.alphas)
