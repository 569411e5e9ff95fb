"""Trains the dual-stream denoiser on cached latents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers import DDIMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor

from factory.models.dual_stream import DualStreamUNet
from factory.sections import DenoiserTraining
from factory.training.latents import Latents
from factory.training.precision import accelerator
from factory.training.progress import Progress, step_generator
from factory.training.resume import ResumePoint

VALIDATION_TIMESTEPS = (100, 300, 500, 700, 900)


def draw_timesteps(
    count: int, total: int, tied: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Timesteps (B,) of images and of masks, in [0, total).

    Independent draws teach the network every pair of noise levels, hence mask -> image and
    image -> mask; a share is tied because joint sampling walks along the diagonal.
    Source: UniDiffuser, arXiv 2303.06555.
    """
    image = torch.randint(total, (count,), generator=generator)
    mask = torch.randint(total, (count,), generator=generator)
    same = torch.rand(count, generator=generator) < tied
    return image, torch.where(same, image, mask)


def drop_prompts(prompt: Tensor, both: float, one: float, generator: torch.Generator) -> Tensor:
    """(B, 2) rows of text states, some set to 0, the empty prompt."""
    chance = torch.rand(len(prompt), generator=generator)
    image = chance < both + one
    mask = (chance < both) | ((chance >= both + one) & (chance < both + 2 * one))
    return prompt.masked_fill(torch.stack([image, mask], 1), 0)


def target(scheduler: DDIMScheduler, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """What the network must predict: the noise, or the velocity (arXiv 2202.00512, eq. 10)."""
    if scheduler.config.prediction_type == "epsilon":
        return noise
    return scheduler.get_velocity(clean, noise, t)


def stream_losses(
    unet: DualStreamUNet,
    scheduler: DDIMScheduler,
    latents: Latents,
    rows: Tensor,
    prompt: Tensor,
    timesteps: tuple[Tensor, Tensor],
    noise: Tensor,
) -> tuple[Tensor, Tensor]:
    """Mean squared errors (B,) of the image stream and of the mask stream.

    Args:
        unet: the network.
        scheduler: noise schedule and kind of prediction.
        latents: the training set.
        rows: (B,) rows of it.
        prompt: (B, 2) rows of its text states.
        timesteps: of images and of masks, each (B,).
        noise: (2, B, 4, h, w).
    """
    device = next(unet.parameters()).device
    clean = [stream[rows].to(device) for stream in (latents.image, latents.mask)]
    noise = noise.to(device)
    times = [t.to(device) for t in timesteps]
    text = [latents.texts[prompt[:, i]].to(device) for i in (0, 1)]
    noisy = [scheduler.add_noise(clean[i], noise[i], times[i]) for i in (0, 1)]
    made = unet(*noisy, *times, *text)
    losses = [
        F.mse_loss(
            made[i].float(), target(scheduler, clean[i], noise[i], times[i]), reduction="none"
        )
        for i in (0, 1)
    ]
    return losses[0].mean((1, 2, 3)), losses[1].mean((1, 2, 3))


@torch.no_grad()
def validation_losses(
    unet: DualStreamUNet, scheduler: DDIMScheduler, latents: Latents, most: int = 32
) -> dict[str, float]:
    """Mean losses per stream and noise level on held-out latents, with the same noise each time."""
    rows = torch.arange(min(most, len(latents.image)))
    shape = (2, len(rows), *latents.image.shape[1:])
    result: dict[str, float] = {}
    for t in VALIDATION_TIMESTEPS:
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(t))
        times = torch.full((len(rows),), t)
        image, mask = stream_losses(
            unet, scheduler, latents, rows, latents.prompt[rows], (times, times), noise
        )
        result |= {f"val_image_{t}": float(image.mean()), f"val_mask_{t}": float(mask.mean())}
    return result


def learning_rate(spec: DenoiserTraining, step: int) -> float:
    """Linear warm-up, then a cosine down to a twentieth."""
    rise = min(1.0, (step + 1) / max(1, spec.warm_up))
    fall = 0.05 + 0.95 * 0.5 * (1 + float(np.cos(np.pi * step / spec.steps)))
    return spec.learning_rate * rise * fall


def train_denoiser(
    unet: DualStreamUNet,
    scheduler: DDIMScheduler,
    latents: Latents,
    held_out: Latents | None,
    spec: DenoiserTraining,
    seed: int,
    resume: Path,
) -> Iterator[Progress]:
    """Trains in place, yields every step, and leaves the averaged (EMA) weights in `unet`.

    A rerun with the same `resume` file goes on from it, with the losses that the uninterrupted
    training would have had: each step's randomness is a function of `seed` and its number.
    """
    accelerate = accelerator()
    # Channels last and the fused step: 15 % faster on a CPU, with the same arithmetic.
    torch.nn.utils.convert_conv2d_weight_memory_format(unet, torch.channels_last)
    optimiser = torch.optim.AdamW(
        unet.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay, fused=True
    )
    model, optimiser = accelerate.prepare(unet, optimiser)
    average = EMAModel(list(model.parameters()), decay=spec.ema)
    point = ResumePoint(resume, {"model": model, "average": average, "optimiser": optimiser})
    for step in range(point.load(), spec.steps):
        generator = step_generator(seed, step)
        rows = torch.randint(len(latents.image), (spec.batch,), generator=generator)
        prompt = drop_prompts(
            latents.prompt[rows], spec.drop_prompt, spec.drop_one_prompt, generator
        )
        times = draw_timesteps(
            spec.batch, scheduler.config.num_train_timesteps, spec.tied_timesteps, generator
        )
        noise = torch.randn((2, spec.batch, *latents.image.shape[1:]), generator=generator)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(spec, step)
        image, mask = stream_losses(model, scheduler, latents, rows, prompt, times, noise)
        optimiser.zero_grad(set_to_none=True)
        accelerate.backward((image.mean() + mask.mean()) / 2)
        accelerate.clip_grad_norm_(model.parameters(), spec.clip)
        optimiser.step()
        average.step(model.parameters())
        losses = {"image": float(image.mean().detach()), "mask": float(mask.mean().detach())}
        last = step + 1 == spec.steps
        if held_out is not None and (last or (step + 1) % spec.validate_every == 0):
            average.store(model.parameters())
            average.copy_to(model.parameters())
            losses |= validation_losses(model, scheduler, held_out)
            average.restore(model.parameters())
        point.save_sometimes(step + 1, spec.steps)
        yield Progress("denoiser", step + 1, spec.steps, losses)
    average.copy_to(unet.parameters())
