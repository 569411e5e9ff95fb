"""Diffusion of detail: noise levels as angles, and the solver that draws from noise.

Detail z has unit variance here. At the angle a the network reads z cos a + n sin a with noise n, and
predicts the velocity n cos a - z sin a, which has unit variance at every level
(arXiv 2202.00512; with angles as levels, arXiv 2410.11081).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, log

import torch
from torch import Tensor, nn

from factory.models.autoencoders.detail_prior import COLOURS, DetailPrior, each_channel
from factory.models.number_format import bf16_pays
from factory.models.presets import DETAIL_STEPS

# In deviations of the detail. It is white at a place, but edges and ribs agree along their length:
# begun at 12, drawn films had 0.87 of the fine contrast of real ones, at 80 they have 0.93.
HIGHEST = 80.0
# Where drawing may end, see `CoarseAutoencoder.measure_drawing`. The last draws all the grain there is;
# ended at 1, heads in ultrasound showed the grid of the coarse picture.
LOWEST = (0.5, 0.25, 0.05)
# Of coarse pictures that a model has drawn, as deviation of noise on [-1, 1]; real ones are true.
DISTRUST = 0.02
BEND = 7.0  # of the levels towards the lowest: rho of Karras et al. 2022 (arXiv 2206.00364, eq. 5)


def noise_levels(lowest: float = LOWEST[-1]) -> list[float]:
    """Deviations of the noise that is taken away in each step, falling to the lowest."""
    high, low = HIGHEST ** (1 / BEND), lowest ** (1 / BEND)
    return [(high + i / (DETAIL_STEPS - 1) * (low - high)) ** BEND for i in range(DETAIL_STEPS)]


def each_pixel(values: Tensor) -> Tensor:
    """(B, S), a value for each stream -> (B, 3S, 1, 1)."""
    return each_channel(values)[:, :, None, None]


def without_noise(
    network: nn.Module, noisy: Tensor, told: Tensor, sigma: Tensor, disturbance: Tensor
) -> Tensor:
    """What is expected behind noisy detail (B, 3S, H, W); a stream without noise stays as it is.

    Args:
        network: a `LocalUNet`.
        noisy: clean detail with noise added.
        told: of the `DetailPrior` (B, 4S, H, W).
        sigma: deviation of the noise in each stream (B, S).
        disturbance: of the coarse pictures of each stream (B, S).
    """
    angles = sigma.atan()
    cos, sin = each_pixel(angles.cos()), each_pixel(angles.sin())
    scaled = noisy * cos
    with in_bf16(noisy):
        velocity = network(scaled, told, angles, disturbance)
    return cos * scaled - sin * velocity.float()


def draw(
    network: nn.Module,
    prior: DetailPrior,
    noise: Tensor,
    known: Sequence[Tensor | None],
    anew: Tensor | None = None,
    lowest: float = LOWEST[-1],
) -> Tensor:
    """Pictures (B, 3S, H, W) drawn from noise by DPM-Solver++ 2M (arXiv 2211.01095, algorithm 2).

    Args:
        network: a `LocalUNet`.
        prior: of the pictures.
        noise: standard normal (B, 3S, H, W).
        known: of each of S streams the pictures (B, 3, H, W) where they are given; they stay at
            noise level 0 while the others are drawn.
        anew: (B, 1, H, W) True where they are drawn although all are given: elsewhere they are put
            back at every noise level (arXiv 2201.09865, algorithm 1).
        lowest: noise level at which drawing ends with what is expected behind it.
    """
    free = noise.new_tensor([[float(each is None or anew is not None) for each in known]])
    means = prior.mean.split(COLOURS, 1)
    whole = [mean if k is None else k for mean, k in zip(means, known, strict=True)]
    drawn, detail, told = each_pixel(free), prior.detail(torch.cat(whole, 1)), prior.told
    fixed = (1 - drawn) * detail
    disturbance = torch.full((len(noise), len(known)), DISTRUST, device=noise.device) * free
    levels = noise_levels(lowest)

    def expected(x: Tensor, level: float) -> Tensor:
        return without_noise(network, x, told, (free * level).expand(len(x), -1), disturbance)

    def put_back(x: Tensor, level: float) -> Tensor:
        return x if anew is None else torch.where(anew, x, level * noise + detail)

    x = put_back(drawn * levels[0] * noise + fixed, levels[0])
    before, width_before = x, inf  # there is no step before the first
    # Around all steps: the weights are then turned into bfloat16 once, not in every step.
    with in_bf16(noise):
        for now, then in pairwise(levels):
            clean, width = expected(x, now), log(now / then)
            step = clean + width / width_before / 2 * (clean - before)
            x = put_back(drawn * (then / now * x + (1 - then / now) * step) + fixed, then)
            before, width_before = clean, width
        clean = expected(x, levels[-1])
    return prior.pictures(put_back(drawn * clean + fixed, 0.0))


def in_bf16(like: Tensor) -> torch.autocast:
    """Networks compute in bfloat16, where that pays.

    Three times as fast, and pairs drawn alone or with others come out equal to the bit.
    """
    return torch.autocast(like.device.type, torch.bfloat16, enabled=bf16_pays())
