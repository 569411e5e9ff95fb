"""Trains a denoiser of one stream or of two on cached latents."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from accelerate import Accelerator
from diffusers import DDIMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from factory.models.denoiser import STREAMS, Denoiser, predictions
from factory.settings import PairTrainSection, TrainSection
from factory.training.latents import Latents
from factory.training.resume import ResumePoint
from factory.training.steps import (
    Progress,
    Trend,
    accelerator,
    attention_to_learn,
    learning_rate,
    step_generator,
)

LEAST_RATE = 0.05  # of the highest, at the end
# The second as in Karras et al. 2024 (arXiv 2312.02696). With 0.999 updates are too large for as long as the
# mean square lags behind gradients that have grown (arXiv 2304.13013): a training of chest X-rays fell
# back after 1 750 steps to what its prior knows, for good.
BETAS = (0.9, 0.99)
VALIDATION_TIMESTEPS = (100, 300, 500, 700, 900)


def draw_timesteps(
    count: int, total: int, shared: float, streams: int, generator: torch.Generator
) -> list[Tensor]:
    """Timesteps (B,) of each stream, in [0, total).

    Independent draws teach the network every pair of noise levels, hence mask -> image and
    image -> mask; a share of pairs has one timestep because joint sampling walks along the diagonal.
    Source: UniDiffuser, arXiv 2303.06555.
    """
    drawn = [torch.randint(total, (count,), generator=generator) for _ in range(streams)]
    same = torch.rand(count, generator=generator) < shared
    return [torch.where(same, drawn[0], times) for times in drawn]


def drop_prompts(prompt: Tensor, every: float, one: float, generator: torch.Generator) -> Tensor:
    """(B, S) rows of text states, some set to 0, the empty prompt.

    Args:
        prompt: the rows.
        every: share of pairs in which every stream's text is emptied.
        one: share in which a stream's text is emptied alone, for each of the S.
        generator: of the draw.
    """
    chance = torch.rand(len(prompt), generator=generator)
    alone = [
        (chance >= every + i * one) & (chance < every + (i + 1) * one)
        for i in range(prompt.shape[1])
    ]
    return prompt.masked_fill(torch.stack([(chance < every) | lone for lone in alone], 1), 0)


def target(scheduler: DDIMScheduler, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """What the network must predict: the noise, or the velocity (arXiv 2202.00512, eq. 10)."""
    if scheduler.config.prediction_type == "epsilon":
        return noise
    return scheduler.get_velocity(clean, noise, t)


def stream_losses(
    model: nn.Module,
    unet: Denoiser,
    scheduler: DDIMScheduler,
    latents: Latents,
    rows: Tensor,
    prompt: Tensor,
    timesteps: Sequence[Tensor],
    noise: Tensor,
) -> list[Tensor]:
    """Mean squared errors (B,) of each of S streams; knowing each domain's mean alone achieves 1.

    Every noise level counts alike so, and every domain: without it those levels at which nothing
    but the prompt tells what the image is decide every step, and of many domains together no shape
    is learnt; and pale domains, whose images differ little, are learnt last.
    Source: Karras et al. 2022 (arXiv 2206.00364, table 1, loss weighting 1 / c_out²); a variance
    for each domain is ours.

    Args:
        model: the network, wrapped or not.
        unet: the same, not wrapped.
        scheduler: noise schedule and kind of prediction.
        latents: the training set.
        rows: (B,) rows of it.
        prompt: (B, S) rows of its text states.
        timesteps: of each stream, (B,).
        noise: (S, B, C, h, w).
    """
    device = next(model.parameters()).device
    clean = [stream[rows].to(device) for stream in latents.streams]
    noise = noise.to(device)
    times = [t.to(device) for t in timesteps]
    text = [latents.texts[column].to(device) for column in prompt.unbind(1)]
    noisy = [scheduler.add_noise(c, n, t) for c, n, t in zip(clean, noise, times, strict=True)]
    made = predictions(model, noisy, times, text, latents.moved[rows])
    wanted = [target(scheduler, c, n, t) for c, n, t in zip(clean, noise, times, strict=True)]
    losses = [
        F.mse_loss(ours.float(), theirs, reduction="none").mean((1, 2, 3))
        for ours, theirs in zip(made, wanted, strict=True)
    ]
    # Of an emptied prompt the network cannot know the domain.
    spread = latents.spread[rows].masked_fill(prompt == 0, torch.inf).to(device)
    return [
        loss / unet.leaves_open(t, i, spread[:, i])
        for i, (loss, t) in enumerate(zip(losses, times, strict=True))
    ]


@torch.no_grad()
def validation_losses(
    unet: Denoiser, scheduler: DDIMScheduler, latents: Latents, most: int = 32
) -> dict[str, float]:
    """Mean losses per stream and noise level on held-out latents, with the same noise each time.

    On `most` of them, evenly spread: they lie domain by domain.
    """
    rows = torch.linspace(0, len(latents) - 1, min(most, len(latents))).round().long()
    shape = _noise_shape(latents, len(rows))
    result: dict[str, float] = {}
    for t in VALIDATION_TIMESTEPS:
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(t))
        times = [torch.full((len(rows),), t) for _ in latents.streams]
        prompt = latents.prompt[rows]
        losses = stream_losses(unet, unet, scheduler, latents, rows, prompt, times, noise)
        result |= {f"val_{name}_{t}": value for name, value in _means(losses).items()}
    return result


def _noise_shape(latents: Latents, batch: int) -> tuple[int, ...]:
    return (len(latents.streams), batch, *latents.streams[0].shape[1:])


def _means(losses: Sequence[Tensor]) -> dict[str, float]:
    named = zip(STREAMS, losses, strict=False)
    return {name: float(loss.mean().detach()) for name, loss in named}


def train_denoiser(
    unet: Denoiser,
    scheduler: DDIMScheduler,
    latents: Latents,
    held_out: Latents | None,
    spec: TrainSection,
    seed: int,
    resume: Path,
) -> Generator[Progress, None, None]:
    """Trains in place, yields every step, and leaves the averaged (EMA) weights in `unet`.

    A rerun with the same `resume` file goes on from it, with the losses that the uninterrupted
    training would have had: each step's randomness is a function of `seed` and its number.

    Launched in several processes (see `factory.training.launched`), each takes its share of the
    batch that one alone would take, so that the losses are those of one.

    Raises:
        InputError: if the training falls back to what it knew at its beginning.
    """
    accelerate = accelerator()
    # Channels last and the fused step: 15 % faster on a CPU, with the same arithmetic.
    torch.nn.utils.convert_conv2d_weight_memory_format(unet, torch.channels_last)
    optimiser = torch.optim.AdamW(
        unet.parameters(),
        lr=spec.learning_rate,
        betas=BETAS,
        weight_decay=spec.weight_decay,
        fused=True,
    )
    model, optimiser = accelerate.prepare(unet, optimiser)
    average = EMAModel(list(unet.parameters()), decay=spec.ema)
    point = ResumePoint(resume, {"model": unet, "average": average, "optimiser": optimiser})
    trend = Trend()
    for step in range(point.load(), spec.steps):
        turn = np.pi * step / spec.steps
        rate = learning_rate(spec.learning_rate, step, spec.warm_up, turn, LEAST_RATE)
        for group in optimiser.param_groups:
            group["lr"] = rate
        drawn = _drawn(latents, spec, scheduler.config.num_train_timesteps, seed, step)
        with attention_to_learn():
            parts = stream_losses(model, unet, scheduler, latents, *_share(accelerate, *drawn))
        optimiser.zero_grad(set_to_none=True)
        accelerate.backward(sum(part.mean() for part in parts) / len(parts))
        accelerate.clip_grad_norm_(unet.parameters(), spec.clip)
        optimiser.step()
        average.step(unet.parameters())
        losses = _means([accelerate.reduce(part.mean().detach(), "mean") for part in parts])
        trend.follow(sum(losses.values()) / len(losses), spec.learning_rate)
        last = step + 1 == spec.steps
        if held_out is not None and (last or (step + 1) % spec.validate_every == 0):
            average.store(unet.parameters())
            average.copy_to(unet.parameters())
            losses |= validation_losses(unet, scheduler, held_out)
            average.restore(unet.parameters())
        if accelerate.is_main_process:
            point.save_sometimes(step + 1, spec.steps)
        yield Progress("denoiser", step + 1, spec.steps, losses)
    average.copy_to(unet.parameters())


def _drawn(
    latents: Latents, spec: TrainSection, total: int, seed: int, step: int
) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """Rows, rows of texts, timesteps and noise of one step, by its number alone."""
    generator, streams = step_generator(seed, step), len(latents.streams)
    rows = torch.randint(len(latents), (spec.batch,), generator=generator)
    alone, shared = 0.0, 0.0  # of a single stream, which has no other
    if isinstance(spec, PairTrainSection):
        alone, shared = spec.stream_prompt_dropout, spec.shared_timesteps
    prompt = drop_prompts(latents.prompt[rows], spec.drop_prompt, alone, generator)
    times = draw_timesteps(spec.batch, total, shared, streams, generator)
    noise = torch.randn(_noise_shape(latents, spec.batch), generator=generator)
    return rows, prompt, times, noise


def _share(
    accelerate: Accelerator, rows: Tensor, prompt: Tensor, times: Sequence[Tensor], noise: Tensor
) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """What this process takes of a step that was drawn for all of them."""
    mine = slice(accelerate.process_index, None, accelerate.num_processes)
    return rows[mine], prompt[mine], [t[mine] for t in times], noise[:, mine]
