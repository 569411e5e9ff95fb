"""A training step of the recorded chest X-ray model, beside the plain order of work."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers import DDIMScheduler
from torch import Tensor

from benchmarks.speed.contest import Contest
from benchmarks.speed.sampling import generator
from factory.generators.common import latent_shape
from factory.settings import PairTrainSection
from factory.training.denoiser import train_denoiser
from factory.training.latents import Latents

BATCH, STEPS = 16, 2
KNOWN = 64  # pairs to learn from


def contests() -> Iterator[tuple[str, Contest]]:
    """All of them, by name."""
    latents, held_out = made_up(KNOWN), made_up(BATCH)
    task = f"a step of training the recorded denoiser on {BATCH} pairs"
    yield (
        "training",
        Contest(
            task,
            "fp32, channels apart, AdamW, one parameter after the other",
            ours(latents, held_out),
            plain(latents),
            3,
            each=STEPS,
        ),
    )


def made_up(count: int) -> Latents:
    """Noise in the place of latents: a step costs the same whatever it learns."""
    made, rng = generator(True), torch.Generator().manual_seed(0)
    shape = latent_shape(made.components.autoencoder, made.image)
    streams = tuple(torch.randn(count, *shape, generator=rng) for _ in range(2))
    texts = made.text_states(["", "a photo of chest X-ray image, with lungs, normal."])
    return Latents(
        streams,
        torch.ones(count, 2, dtype=torch.long),
        texts,
        torch.ones(count, 2),
        torch.eye(2, 3).expand(count, -1, -1).clone(),
    )


def ours(latents: Latents, held_out: Latents) -> Callable[[], object]:
    """So many steps of the training that recipes run; its last validation is not among them."""
    spec = PairTrainSection(steps=1000, batch=BATCH, validate_every=1000)
    scheduler = DDIMScheduler.from_config(dict(generator(True).components.scheduler_config))
    unet = deepcopy(generator(True).components.unet)
    folder = tempfile.TemporaryDirectory()
    loop = train_denoiser(unet, scheduler, latents, held_out, spec, 0, Path(folder.name) / "point")

    def steps() -> object:
        return folder, [next(loop) for _ in range(STEPS)]

    return steps


def plain(latents: Latents) -> Callable[[], object]:
    """So many steps as most training loops are written."""
    unet = deepcopy(generator(False).components.unet).train()
    for weights in unet.parameters():
        weights.requires_grad_(True)
    scheduler = DDIMScheduler.from_config(dict(generator(True).components.scheduler_config))
    optimiser = torch.optim.AdamW(unet.parameters(), 1e-4, foreach=False)
    averages = [weights.detach().clone() for weights in unet.parameters()]
    text = latents.texts[1].expand(BATCH, -1, -1)

    def step() -> Tensor:
        rows = torch.randint(len(latents), (BATCH,))
        clean = [stream[rows] for stream in latents.streams]
        noise, t = [torch.randn_like(x) for x in clean], torch.randint(1000, (BATCH,))
        noisy = [scheduler.add_noise(x, n, t) for x, n in zip(clean, noise, strict=True)]
        made = unet(*noisy, t, t, text, text)
        wanted = [scheduler.get_velocity(x, n, t) for x, n in zip(clean, noise, strict=True)]
        loss = F.mse_loss(torch.cat(made), torch.cat(wanted))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            for average, weights in zip(averages, unet.parameters(), strict=True):
                average.mul_(0.995).add_(weights, alpha=0.005)
        return loss.detach()

    return lambda: [step() for _ in range(STEPS)]
