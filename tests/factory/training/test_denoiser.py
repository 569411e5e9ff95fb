"""The denoiser's training: what it draws, what it must predict, and going on after a kill."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import PRESETS, SCHEDULE, TEXT_TO_IMAGE
from factory.models.text_to_image import TextToImageUNet
from factory.settings import PairTrainSection
from factory.training import resume
from factory.training.denoiser import (
    draw_timesteps,
    drop_prompts,
    stream_losses,
    target,
    train_denoiser,
)
from factory.training.latents import Latents, domain_spread

SPEC = PairTrainSection(steps=6, batch=4, warm_up=2, validate_every=3, ema=0.9)


def make_latents(count=8, seed=0, streams=2):
    generator = torch.Generator().manual_seed(seed)
    pick = {"generator": generator}
    return Latents(
        tuple(torch.randn(count, 4, 8, 8, **pick) for _ in range(streams)),
        torch.randint(0, 3, (count, streams), **pick),
        torch.randn(3, 5, 32, **pick),
        torch.ones(count, streams),
        torch.eye(2, 3).repeat(count, 1, 1),
    )


def make_unet(coupling="joint"):
    torch.manual_seed(0)
    return DualStreamUNet(PRESETS["tiny"], coupling)


def trained(folder, stop=None, coupling="joint"):
    unet, scheduler = make_unet(coupling), DDIMScheduler.from_config(dict(SCHEDULE))
    steps = train_denoiser(
        unet, scheduler, make_latents(), make_latents(4, 1), SPEC, 0, folder / "resume"
    )
    return unet, [dict(step.losses) for step in itertools.islice(steps, stop)]


def test_timesteps_are_independent_but_for_the_tied_share():
    generator = torch.Generator().manual_seed(0)
    image, mask = draw_timesteps(20_000, 1000, 0.25, 2, generator)
    assert 0 <= int(min(image.min(), mask.min())) <= int(max(image.max(), mask.max())) < 1000
    assert float((image == mask).float().mean()) == pytest.approx(0.25 + 0.75 / 1000, abs=0.01)
    free = image != mask
    correlation = np.corrcoef(image[free], mask[free])[0, 1]
    assert abs(correlation) < 0.03


def test_prompts_are_dropped_together_and_alone_at_the_rates_asked_for():
    kept = drop_prompts(torch.ones(40_000, 2), 0.1, 0.05, torch.Generator().manual_seed(0))
    image, mask = (kept == 0).T
    assert float((image & mask).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float((image & ~mask).float().mean()) == pytest.approx(0.05, abs=0.01)
    assert float((mask & ~image).float().mean()) == pytest.approx(0.05, abs=0.01)


def test_of_one_stream_only_the_whole_prompt_is_dropped():
    kept = drop_prompts(torch.ones(20_000, 1), 0.2, 0, torch.Generator().manual_seed(0))
    assert float((kept == 0).float().mean()) == pytest.approx(0.2, abs=0.01)


def test_the_velocity_by_hand():
    scheduler = DDIMScheduler.from_config(dict(SCHEDULE))
    t = torch.tensor([400])
    kept = float(scheduler.alphas_cumprod[400])
    clean, noise = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 3.0)
    velocity = float(target(scheduler, clean, noise, t))
    assert velocity == pytest.approx(kept**0.5 * 3 - (1 - kept) ** 0.5 * 2, rel=1e-5)


@pytest.mark.parametrize("coupling", ["joint", "concat"])
def test_every_parameter_of_every_coupling_learns(tmp_path, coupling):
    before = {name: p.clone() for name, p in make_unet(coupling).named_parameters()}
    unet, losses = trained(tmp_path, coupling=coupling)
    assert all(np.isfinite(list(step.values())).all() for step in losses)
    assert {"val_image_500", "val_mask_500"} <= set(losses[2])
    still = [n for n, p in unet.named_parameters() if torch.equal(p, before[n])]
    assert still == []


def test_a_training_killed_and_resumed_has_the_same_losses_and_weights(tmp_path):
    whole_unet, whole = trained(tmp_path / "whole")
    # The file is written about once a minute: make it write at the step of the kill.
    unet, scheduler = make_unet(), DDIMScheduler.from_config(dict(SCHEDULE))
    file = tmp_path / "cut" / "resume"
    save_sometimes = resume.ResumePoint.save_sometimes
    resume.ResumePoint.save_sometimes = lambda self, step, steps: self.save(step)
    try:
        steps = train_denoiser(unet, scheduler, make_latents(), make_latents(4, 1), SPEC, 0, file)
        first = [dict(step.losses) for step in itertools.islice(steps, 3)]
        steps.close()
    finally:
        resume.ResumePoint.save_sometimes = save_sometimes
    unet, rest = trained(tmp_path / "cut")
    assert first + rest == whole
    for name, parameter in unet.named_parameters():
        assert torch.equal(parameter, dict(whole_unet.named_parameters())[name])


def test_a_loss_of_one_is_what_the_prior_alone_achieves():
    """At every noise level, though their errors differ tenfold; of latents as the prior has them."""
    scheduler = DDIMScheduler.from_config(dict(SCHEDULE))
    scale = torch.tensor([4.0, 1.0, 0.3, 0.1]).view(1, 4, 1, 1)
    noise = torch.Generator().manual_seed(0)
    clean = torch.randn(512, 4, 8, 8, generator=noise) * scale
    texts = torch.zeros(512, 1, dtype=torch.long), torch.zeros(1, 5, 32)
    latents = Latents((clean,), *texts, torch.ones(512, 1), torch.eye(2, 3).repeat(512, 1, 1))
    prior = GaussianPrior.measured(latents.streams, scheduler.alphas_cumprod)
    unet, rows = TextToImageUNet(TEXT_TO_IMAGE["tiny"], prior), torch.arange(512)
    with torch.no_grad():
        for t in (50, 500, 999):
            times = [torch.full((512,), t)]
            drawn = torch.randn(1, 512, 4, 8, 8, generator=noise)
            (loss,) = stream_losses(
                unet, unet, scheduler, latents, rows, latents.prompt[rows], times, drawn
            )
            assert float(loss.mean()) == pytest.approx(1, abs=0.05)


def test_a_row_without_a_prompt_counts_as_one_whose_domain_is_unknown():
    scheduler = DDIMScheduler.from_config(dict(SCHEDULE))
    prior = GaussianPrior(torch.ones(1, 4, 8, 8), scheduler.alphas_cumprod)
    t, spread = torch.tensor([500, 500, 500, 500]), torch.tensor([0.1, 1.0, torch.inf, 0.0])
    pale, usual, untold, alike = prior.leaves_open(t, 0, spread).tolist()
    assert 0 < alike < pale < usual == untold
    latents = make_latents(count=64)
    few = replace(latents, spread=torch.full((64, 2), 0.01))
    unet = make_unet()
    unet.prior = GaussianPrior.measured(latents.streams, scheduler.alphas_cumprod)
    rows, times = torch.arange(64), [torch.full((64,), 500)] * 2
    noise = torch.zeros(2, 64, 4, 8, 8)

    def losses(prompt, latents):
        return stream_losses(unet, unet, scheduler, latents, rows, prompt, times, noise)[0]

    told, untold = torch.ones(64, 2).long(), torch.zeros(64, 2).long()
    with torch.no_grad():
        assert (losses(told, few) > 2 * losses(told, latents)).all()
        torch.testing.assert_close(losses(untold, few), losses(untold, latents))


def test_a_pale_domain_counts_as_much_as_a_vivid_one():
    """Of one who knows the domain's mean and no more, at low noise and high."""
    scheduler = DDIMScheduler.from_config(dict(SCHEDULE))
    noise = torch.Generator().manual_seed(0)
    vivid, pale = (torch.randn(512, 4, 8, 8, generator=noise) * size for size in (1.4, 0.2))
    clean, mean = torch.cat([vivid, pale]), torch.zeros(1024, 1, 1, 1)
    mean[512:] = 2.0  # as images of a pale domain are alike, and unlike others
    spread = domain_spread(clean + mean, np.repeat(["vivid", "pale"], 512))
    assert spread[[0, 512]].tolist() == pytest.approx([1.96, 0.04], rel=0.03)
    prior = GaussianPrior.measured((clean,), scheduler.alphas_cumprod)
    unet = TextToImageUNet(TEXT_TO_IMAGE["tiny"], prior)
    for t in (50, 500, 999):
        times = torch.full((1024,), t)
        eps = torch.randn(clean.shape, generator=noise)
        noisy = scheduler.add_noise(clean, eps, times)
        own = spread.view(-1, 1, 1, 1)  # the Wiener filter of each domain
        signal = scheduler.alphas_cumprod[t]
        guess = (signal * (1 - signal)).sqrt() * (1 - own) / (signal * own + 1 - signal) * noisy
        errors = (guess - scheduler.get_velocity(clean, eps, times)).square().mean((1, 2, 3))
        counted = errors / unet.leaves_open(times, 0, spread)
        assert counted[:512].mean().item() == pytest.approx(1, abs=0.06)
        assert counted[512:].mean().item() == pytest.approx(1, abs=0.06)
