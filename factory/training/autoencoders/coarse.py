"""Trains the diffusion decoders that draw detail on coarse pictures."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from factory.models.autoencoders.coarse import CoarseAutoencoder, CoarseConfig
from factory.models.autoencoders.detail import DISTRUST, each_pixel
from factory.models.autoencoders.detail_prior import COLOURS, doubled, halved
from factory.models.denoiser import STREAMS
from factory.settings import CoarseTraining
from factory.training.autoencoders.kl import LEAST_RATE, LINEAR_SAMPLE, WARM_UP, augmented
from factory.training.resume import ResumePoint
from factory.training.steps import Progress, accelerator, learning_rate, step_generator

EMA = 0.995
# The coarse pictures that are drawn are not the shrunk ones it learns from. Much more than is ever
# mistrusted when drawing (`DISTRUST`) would be learnt in vain.
MOST_DISTURBED = 0.05  # deviation of the noise on coarse pictures, on [-1, 1]
# No place attends to another, so that parts teach as much as wholes, and flat ones teach nothing.
LEAST_PART = 32  # pixels on a side; smaller pictures stay whole
PLACES = 8  # pixels between two places where a part may lie
ANYWHERE = 0.05  # chance of a place without detail, against that of one with as much as the mean
# Log-normal noise levels, in deviations of the detail. Where an edge runs is decided at the high
# ones: with a mean of 1.2 outlines of drawn heads were frayed.
LEVEL_MEAN, LEVEL_STD = log(4), 1.6
SHARED_LEVELS = 0.5  # share of pairs whose streams have one level: drawing walks along the diagonal
DRAWN_AGAIN = 32  # pictures by which black and white are measured
KNOWN_STREAMS = 0.1  # share of pairs in which a stream has no noise, for each of several


def new_coarse(images: Tensor, masks: Tensor, spec: CoarseTraining, seed: int) -> CoarseAutoencoder:
    """A coarse autoencoder that knows the statistics of some of these pictures and draws nothing.

    Args:
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks; (0, 3, H, W) for a model of images alone.
        spec: factor and width.
        seed: of the choice of pictures.
    """
    generator = step_generator(seed, 0)
    at = torch.randperm(len(images), generator=generator)[:LINEAR_SAMPLE]
    pictures = _pictures(images, masks, at)
    streams = pictures.shape[1] // COLOURS
    autoencoder = CoarseAutoencoder(CoarseConfig(spec.factor, streams, spec.width))
    autoencoder.measure_statistics(torch.cat(pictures.split(COLOURS, 1)))
    autoencoder.measure_detail(pictures)
    return autoencoder


def disturbed(coarse: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Coarse pictures (B, 3S, h, w) with noise, and its deviation (B, S), drawn for each stream."""
    shape = len(coarse), coarse.shape[1] // COLOURS
    strength = MOST_DISTURBED * torch.rand(shape, generator=generator).square()
    noise = torch.randn(coarse.shape, generator=generator)
    return coarse + each_pixel(strength) * noise, strength


def parts_with_detail(pictures: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Parts of pictures (B, 3S, H, W), likelier where there is much to draw.

    Args:
        pictures: in [-1, 1].
        count: of pictures whose pixels the parts come to: four times as many, half as high and wide.
        generator: of the choice.

    Returns:
        (4 count, 3S, H/2, W/2); the first (count, 3S, H, W) where that would be too small.
    """
    height, width = (side // 2 for side in pictures.shape[2:])
    if min(height, width) < LEAST_PART:
        return pictures[:count]
    lost = (pictures - doubled(halved(pictures))).abs().mean(1, keepdim=True)
    detail = F.avg_pool2d(lost, (height, width), PLACES)[:, 0]
    chances = (detail + ANYWHERE * detail.mean()).clamp(min=1e-6).flatten()
    drawn = torch.multinomial(chances, 4 * count, replacement=True, generator=generator)
    number, place = drawn // detail[0].numel(), drawn % detail[0].numel()
    tops, lefts = (PLACES * i for i in (place // detail.shape[2], place % detail.shape[2]))
    return torch.stack(
        [
            pictures[i, :, top : top + height, left : left + width]
            for i, top, left in zip(number, tops, lefts, strict=True)
        ]
    )


def draw_levels(count: int, streams: int, generator: torch.Generator) -> Tensor:
    """Deviations of the noise (B, S), in deviations of the detail; never all of a pair 0."""
    drawn = (LEVEL_MEAN + LEVEL_STD * torch.randn(count, streams, generator=generator)).exp()
    shared = torch.rand(count, 1, generator=generator) < SHARED_LEVELS
    drawn = torch.where(shared, drawn[:, :1], drawn)
    if streams == 1:
        return drawn
    known = (torch.rand(count, 1, generator=generator) / KNOWN_STREAMS).floor()
    return drawn.masked_fill(known == torch.arange(streams), 0)


def detail_losses(
    network: nn.Module,
    autoencoder: CoarseAutoencoder,
    doubling: int,
    pictures: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Mean squared errors of the velocity (S,); knowing nothing achieves 1.

    Args:
        network: the decoder of that doubling, wrapped or not.
        autoencoder: what is known of its pictures from coarse ones.
        doubling: its number, from 0 for the coarsest.
        pictures: of all streams, as large as it makes them, (B, 3S, H, W) in [-1, 1].
        generator: of disturbance, levels and noise.
    """
    device = next(network.parameters()).device
    coarse, strength = disturbed(halved(pictures), generator)
    prior = autoencoder.prior(doubling, coarse)
    detail = prior.detail(pictures)
    sigma = draw_levels(len(pictures), pictures.shape[1] // COLOURS, generator)
    noise = torch.randn(pictures.shape, generator=generator)
    cos, sin = each_pixel(sigma.atan().cos()), each_pixel(sigma.atan().sin())
    read = cos * detail + sin * noise, prior.told, sigma.atan(), strength
    made = network(*(each.to(device) for each in read))
    wanted = (cos * noise - sin * detail).to(device)
    errors = (made.float() - wanted).square().unflatten(1, (-1, COLOURS)).mean((2, 3, 4))
    noisy = (sigma > 0).to(errors)  # of a stream that is given there is nothing to predict
    return (errors * noisy).sum(0) / noisy.sum(0).clamp(min=1)


def train_coarse(
    autoencoder: CoarseAutoencoder,
    images: Tensor,
    masks: Tensor,
    spec: CoarseTraining,
    seed: int,
    resume: Path,
) -> Iterator[Progress]:
    """Trains the decoders in place, one after the other, and yields every step.

    Averaged (EMA) weights are left in them. A rerun with the same `resume` file goes on from it,
    with the losses that the uninterrupted training would have had.

    Args:
        autoencoder: its decoders are trained in place; its statistics stay as they are.
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks of the same pairs, or (0, 3, H, W).
        spec: steps, batch and rate.
        seed: with the step's number, the only source of randomness.
        resume: file that an interrupted training continues from; each decoder has one of its own,
            with its number behind the name.
    """
    doublings = autoencoder.config.doublings
    for doubling in range(doublings):
        own = resume.with_name(f"{resume.name}.{doubling}")
        steps = _train_doubling(autoencoder, doubling, images, masks, spec, seed, own)
        for step, losses in steps:
            done = doubling * spec.steps + step
            yield Progress("decoder", done, doublings * spec.steps, losses)
    measure_drawing(autoencoder, images, masks, seed)


def measure_drawing(
    autoencoder: CoarseAutoencoder, images: Tensor, masks: Tensor, seed: int
) -> None:
    """Has a trained autoencoder draw some of these pictures, and keeps where drawing ends best.

    Args:
        autoencoder: its decoders are trained.
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks, or (0, 3, H, W).
        seed: of the choice of pictures.
    """
    device, generator = next(autoencoder.parameters()).device, step_generator(seed, 0)
    at = torch.randperm(len(images), generator=generator)[:DRAWN_AGAIN]
    pictures = _pictures(images, masks, at)
    coarse = autoencoder.sizes(pictures)[0]
    noise = DISTRUST * torch.randn(coarse.shape, generator=generator)
    autoencoder.measure_drawing(pictures.to(device), noise.to(device))


def _train_doubling(
    autoencoder: CoarseAutoencoder,
    doubling: int,
    images: Tensor,
    masks: Tensor,
    spec: CoarseTraining,
    seed: int,
    resume: Path,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Trains one decoder: numbers of its steps, from 1, and losses of its streams."""
    accelerate = accelerator()
    network = autoencoder.decoders[doubling]
    torch.nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=spec.learning_rate, fused=True)
    model, optimiser = accelerate.prepare(network, optimiser)
    average = EMAModel(list(model.parameters()), decay=EMA)
    point = ResumePoint(resume, {"model": model, "average": average, "optimiser": optimiser})
    smaller = autoencoder.config.doublings - 1 - doubling  # halvings of the pictures it makes
    for step in range(point.load(), spec.steps):
        turn = np.pi * step / spec.steps
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(spec.learning_rate, step, WARM_UP, turn, LEAST_RATE)
        generator = step_generator(seed, doubling * spec.steps + step)
        count = spec.batch << smaller
        at = torch.randint(len(images), (2 * count,), generator=generator)
        pictures = augmented(_pictures(images, masks, at), generator)
        whole = autoencoder.sizes(pictures)[doubling + 1]
        pictures = parts_with_detail(whole, count, generator)
        losses = detail_losses(model, autoencoder, doubling, pictures, generator)
        optimiser.zero_grad(set_to_none=True)
        accelerate.backward(losses.mean())
        accelerate.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.step(model.parameters())
        point.save_sometimes(step + 1, spec.steps)
        yield step + 1, dict(zip(STREAMS, losses.tolist(), strict=False))
    average.copy_to(network.parameters())


def _pictures(images: Tensor, masks: Tensor, at: Tensor) -> Tensor:
    """(B, 3S, H, W) in [-1, 1]: the images of some pairs, and their masks where there are any."""
    streams = [images[at], masks[at]] if len(masks) else [images[at]]
    return torch.cat(streams, 1).float() / 127.5 - 1
