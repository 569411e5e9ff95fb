"""One solver on stacked streams: image and mask together, or one of them given the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from factory.models.dual_stream import DualStreamUNet
from factory.sections import SampleSection


@dataclass(frozen=True)
class Conditioning:
    """Text states, each (B, L, D): what to show, and what guidance leads away from.

    The latter are the empty prompt's, or a negative prompt's, which may differ by stream.
    """

    image: Tensor
    mask: Tensor
    not_image: Tensor
    not_mask: Tensor


def make_solver(solver: Literal["ddim", "dpmpp-2m"], config: dict[str, Any]) -> Any:  # noqa: ANN401  # two library classes
    """A diffusers scheduler of the model's noise schedule; both are deterministic here."""
    if solver == "ddim":
        return DDIMScheduler.from_config(config)
    # The Karras-free second-order multistep form of arXiv 2211.01095, algorithm 2.
    return DPMSolverMultistepScheduler.from_config(
        config, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero"
    )


def starting_noise(seeds: Sequence[int], shape: tuple[int, int, int], stream: int) -> Tensor:
    """(B, C, h, w) standard normal; each row a function of its own seed and stream alone."""
    rows = []
    for seed in seeds:
        # The streams start from independent noise, hence a generator each.
        generator = torch.Generator().manual_seed((seed * 2 + stream) % 2**64)
        rows.append(torch.randn(shape, generator=generator))
    return torch.stack(rows)


def guided(
    unet: DualStreamUNet,
    latents: tuple[Tensor, Tensor],
    times: tuple[Tensor, Tensor],
    text: Conditioning,
    guidance: float,
) -> tuple[Tensor, Tensor]:
    """Predictions of both streams, classifier-free guided (arXiv 2207.12598, eq. 6).

    The pass that it leads away from is skipped at guidance 1.
    """
    if guidance == 1.0:
        image, mask = unet(*latents, *times, text.image, text.mask)
        return image, mask
    twice = [torch.cat([x, x]) for x in (*latents, *times)]
    both = unet(
        *twice, torch.cat([text.image, text.not_image]), torch.cat([text.mask, text.not_mask])
    )
    streams = []
    for prediction in both:
        asked, away = prediction.chunk(2)
        streams.append(away + guidance * (asked - away))
    return streams[0], streams[1]


@torch.no_grad()
def sample(
    unet: DualStreamUNet,
    scheduler: Any,  # noqa: ANN401  # either of make_solver's classes
    text: Conditioning,
    image: Tensor,
    mask: Tensor,
    section: SampleSection,
    known: Literal["image", "mask"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Latents of images and masks, each (B, C, h, w).

    Args:
        unet: the denoiser.
        scheduler: from `make_solver`; stepped once per timestep on the stacked streams, because
            a multistep solver keeps a history that two calls would tangle.
        text: the prompts.
        image: starting noise, or the clean latents if `known` is "image".
        mask: starting noise, or the clean latents if `known` is "mask".
        section: steps and guidance.
        known: the stream that is given; it stays at timestep 0 and is returned as it came.
    """
    scheduler.set_timesteps(section.steps, device=image.device)
    zero = torch.zeros(len(image), dtype=torch.long, device=image.device)
    for t in scheduler.timesteps:
        now = t.long().expand(len(image))
        times = (zero if known == "image" else now, zero if known == "mask" else now)
        made = guided(unet, (image, mask), times, text, section.guidance)
        if known is None:
            stacked = scheduler.step(torch.cat(made), t, torch.cat([image, mask])).prev_sample
            image, mask = stacked.chunk(2)
        elif known == "mask":
            image = scheduler.step(made[0], t, image).prev_sample
        else:
            mask = scheduler.step(made[1], t, mask).prev_sample
    return image, mask
