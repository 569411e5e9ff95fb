"""One solver on all streams of a model: from noise, one given the other, or some places given the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any, Literal

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from factory.models.denoiser import Denoiser, Predictions, predictions
from factory.models.number_format import format_here
from factory.settings import SampleSection

ROUNDS = 2  # more harmony between what is drawn and what is kept, but smoother texture


@dataclass(frozen=True)
class Conditioning:
    """Text states (B, L, D) for each stream.

    Attributes:
        prompt: of what to show.
        negative_prompt: of what guidance leads away from, as a rule the empty text.
    """

    prompt: Sequence[Tensor]
    negative_prompt: Sequence[Tensor]


def make_solver(solver: Literal["ddim", "dpmpp-2m"], config: dict[str, Any]) -> Any:  # noqa: ANN401  # two library classes
    """A diffusers scheduler of the model's noise schedule; both are deterministic here."""
    if solver == "ddim":
        return DDIMScheduler.from_config(config)
    # The Karras-free second-order multistep form of arXiv 2211.01095, algorithm 2.
    return DPMSolverMultistepScheduler.from_config(
        config, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero"
    )


def guided(
    unet: Denoiser,
    latents: Sequence[Tensor],
    times: Sequence[Tensor],
    text: Conditioning,
    guidance: float,
    rescale: float = 0.0,
) -> Predictions:
    """Predictions of all streams, classifier-free guided (arXiv 2207.12598, eq. 6).

    Guidance also widens the predictions, which bleaches what is pale. `rescale`, from 0 to 1, is
    the weight of the same predictions at the spread of unguided ones (arXiv 2305.08891, section
    3.4). The pass that guidance leads away from is skipped at guidance 1.
    """
    if guidance == 1.0:
        return predictions(unet, latents, times, text.prompt)
    both = predictions(
        unet,
        [torch.cat([x, x]) for x in latents],
        [torch.cat([t, t]) for t in times],
        [torch.cat(pair) for pair in zip(text.prompt, text.negative_prompt, strict=True)],
    )
    streams = []
    for prediction in both:
        wanted, unwanted = prediction.chunk(2)
        amplified = unwanted + guidance * (wanted - unwanted)
        streams.append(amplified * (1 - rescale + rescale * _spread(wanted) / _spread(amplified)))
    return tuple(streams)


def _spread(prediction: Tensor) -> Tensor:
    """(B, 1, 1, 1): standard deviation of each prediction (B, C, h, w), never 0."""
    return prediction.std(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)


def set_steps(solver: Any, section: SampleSection, device: torch.device) -> None:  # noqa: ANN401  # of `make_solver`
    """Sets the timesteps of a solver, evenly or with ever more of them towards the end.

    Evenly spaced, the last of 25 steps goes from a noise of a fifth of the latents' spread to none
    at once, to the mean of all that may be there: what is finest is blurred.
    """
    if section.bend == 1:
        solver.set_timesteps(section.steps, device=device)
        return
    left = np.arange(section.steps, 0, -1) / section.steps
    last = solver.config.num_train_timesteps
    bent = np.round(last * left**section.bend).astype(int).clip(1) - 1
    # Of many steps the lowest fall together.
    solver.set_timesteps(timesteps=list(dict.fromkeys(bent.tolist())), device=device)


@torch.no_grad()
def sample(
    unet: Denoiser,
    scheduler: Any,  # noqa: ANN401  # either of make_solver's classes
    text: Conditioning,
    start: Sequence[Tensor],
    section: SampleSection,
    known: int | None = None,
) -> tuple[Tensor, ...]:
    """Latents (B, C, h, w) of each stream.

    Args:
        unet: the denoiser.
        scheduler: from `make_solver`; stepped once per timestep on the stacked streams, because
            a multistep solver keeps a history that two calls would tangle.
        text: the prompts.
        start: starting noise of each stream; the clean latents of the one that is known.
        section: steps, guidance and its rescaling.
        known: number of the stream that is given; it stays at timestep 0 and is returned as it
            came.
    """
    latents = list(start)
    drawn = [stream for stream in range(len(latents)) if stream != known]
    set_steps(scheduler, section, latents[0].device)
    zero = torch.zeros(len(latents[0]), dtype=torch.long, device=latents[0].device)
    # Around all steps: the weights are then turned into the format once, not in every step.
    with in_format(section, zero.device):
        for t in scheduler.timesteps:
            now = t.long().expand(len(zero))
            times = [zero if stream == known else now for stream in range(len(latents))]
            made = guided(unet, latents, times, text, section.guidance, section.guidance_rescale)
            noisy, predicted = ([parts[stream] for stream in drawn] for parts in (latents, made))
            prediction = torch.cat(predicted).float()
            stacked = scheduler.step(prediction, t, torch.cat(noisy)).prev_sample
            for stream, part in zip(drawn, stacked.chunk(len(drawn)), strict=True):
                latents[stream] = part
    return tuple(latents)


@dataclass(frozen=True)
class Kept:
    """What pairs show already, where only some cells are drawn anew.

    Attributes:
        clean: latents (B, C, h, w) of each stream.
        anew: (B, 1, h, w) True where cells are drawn anew.
    """

    clean: Sequence[Tensor]
    anew: Tensor

    def around(self, drawn: Sequence[Tensor], known: Sequence[Tensor]) -> list[Tensor]:
        """Of each stream what is drawn, and around it what is known."""
        streams = zip(drawn, known, strict=True)
        return [torch.where(self.anew, inside, outside) for inside, outside in streams]


def in_format(section: SampleSection, device: torch.device) -> torch.autocast:
    """The denoiser computes in the number format that a section asks for."""
    fast = format_here(section.number_format) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


@torch.no_grad()
def repaint(
    unet: Denoiser,
    config: dict[str, Any],
    text: Conditioning,
    kept: Kept,
    noise: Callable[[int], Sequence[Tensor]],
    section: SampleSection,
) -> tuple[Tensor, ...]:
    """Latents (B, C, h, w) of each stream, in some cells drawn anew to fit the others.

    At every noise level what is kept is put back, with that much noise. Each level is drawn
    `ROUNDS` times: a first time what is drawn does not know its surroundings yet. The solver is
    DDIM's, as one that keeps a history cannot go back.

    Args:
        unet: the denoiser.
        config: of its noise schedule.
        text: the prompts.
        kept: what is there, and where to draw.
        noise: number -> standard normal noise of each stream; another number, other noise.
        section: steps, guidance and its rescaling.

    Source: RePaint (arXiv 2201.09865, algorithm 1, with jumps of one step).
    """
    solver, numbers = make_solver("ddim", config), count(1)
    solver.set_timesteps(section.steps, device=kept.anew.device)
    latents, streams = list(noise(0)), len(kept.clean)
    levels = [(t, then) for t, then in pairwise([*solver.timesteps, None]) for _ in range(ROUNDS)]
    for number, (t, then) in enumerate(levels):
        now = t.long().expand(len(kept.anew))
        known = map(solver.add_noise, kept.clean, noise(next(numbers)), [now] * streams)
        latents = kept.around(latents, list(known))
        with in_format(section, now.device):
            made = guided(
                unet, latents, [now] * streams, text, section.guidance, section.guidance_rescale
            )
        cleaner = solver.step(torch.cat(made).float(), t, torch.cat(latents)).prev_sample
        latents = list(cleaner.chunk(streams))
        if then is not None and (number + 1) % ROUNDS:
            kept_share = solver.alphas_cumprod[t] / solver.alphas_cumprod[then]
            latents = [
                kept_share.sqrt() * x + (1 - kept_share).sqrt() * fresh
                for x, fresh in zip(latents, noise(next(numbers)), strict=True)
            ]
    return tuple(kept.around(latents, kept.clean))
