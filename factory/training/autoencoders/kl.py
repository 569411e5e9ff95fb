"""Trains the KL autoencoder on images, and coded masks if there are any, with textures kept sharp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from accelerate import Accelerator
from monai.losses import PatchAdversarialLoss
from monai.networks.nets import PatchDiscriminator
from torch import Tensor, nn

from factory.models.autoencoders.kl import KLAutoencoder
from factory.settings import AutoencoderTraining
from factory.training.resume import ResumePoint
from factory.training.steps import Progress, accelerator, learning_rate, step_generator

WARM_UP = 50  # steps
LEAST_RATE = 0.1  # of the highest, at the end
LINEAR_SAMPLE = 256  # images, and as many masks, that a linear start is computed from


def high_pass(pictures: Tensor) -> Tensor:
    """What a 3 x 3 mean leaves behind: edges and texture."""
    return pictures - F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="reflect"), 3, stride=1)


def energy_gap(made: Tensor, real: Tensor) -> Tensor:
    """Mean absolute difference of the log texture energy in 8 x 8 pixel cells, at two scales.

    A pixelwise loss is smallest where unpredictable texture is averaged away; this one asks for
    as much texture as the real picture has there, wherever its peaks fall.
    """
    gaps = []
    for scale in (1, 2):
        a, b = F.avg_pool2d(made, scale), F.avg_pool2d(real, scale)
        cells = [F.avg_pool2d(high_pass(x).square(), 8 // scale) for x in (a, b)]
        logs = [(cell + 1e-4).log() for cell in cells]
        gaps.append((logs[0] - logs[1]).abs().mean())
    return torch.stack(gaps).mean()


def augmented(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """The same pictures, some mirrored, all shifted by up to 1/16 of the side."""
    if torch.rand((), generator=generator) < 0.5:
        pictures = pictures.flip(-1)
    reach = pictures.shape[-1] // 16
    shift = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
    return pictures.roll(shifts=(int(shift[0]), int(shift[1])), dims=(-2, -1))


def recoloured(masks: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some of the coded masks (0 to N of them) with shuffled channels and inverted colours.

    All corners of the colour cube become equally frequent: the colours of small organs would
    otherwise drown in those of large ones, and decode to background.
    """
    kept = []
    for mask in masks:
        order = torch.randperm(3, generator=generator)
        signs = torch.randint(2, (3, 1, 1), generator=generator).to(mask) * 2 - 1
        chosen = bool(torch.rand((), generator=generator) < share)
        kept.append(mask[order] * signs if chosen else mask)
    return torch.stack(kept) if kept else masks


class Losses:
    """The autoencoder's loss terms and the critic that judges patches of its images."""

    def __init__(self, spec: AutoencoderTraining) -> None:
        self.spec = spec
        self.critic = PatchDiscriminator(
            spatial_dims=2, channels=32, in_channels=3, num_layers_d=3, norm="INSTANCE"
        )
        self.adversarial = PatchAdversarialLoss(criterion="hinge")

    def generator_loss(
        self,
        autoencoder: KLAutoencoder,
        images: Tensor,
        masks: Tensor,
        noise: Tensor,
        textured: bool,
    ) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Total loss, the reconstructed images, and the terms by name."""
        posterior = autoencoder.posterior(torch.cat([images, masks]))
        made = autoencoder.picture(posterior.mean + posterior.std * noise)
        made_images, made_masks = made.split([len(images), len(masks)])
        terms = {"image_l1": (made_images - images).abs().mean()}
        total = terms["image_l1"]
        if len(masks):
            terms["mask_l1"] = (made_masks - masks).abs().mean()
            terms["mask_l2"] = (made_masks - masks).square().mean()
            total = total + terms["mask_l1"] + terms["mask_l2"]
        terms["high_pass"] = (high_pass(made_images) - high_pass(images)).abs().mean()
        terms["energy"] = energy_gap(made_images, images)
        terms["kl"] = posterior.kl().mean()
        total = total + self.spec.high_pass * terms["high_pass"] + self.spec.kl * terms["kl"]
        # Asked for texture from the start, the decoder invents a checkerboard and keeps it.
        if textured:
            total = total + self.spec.energy * terms["energy"]
        if textured and self.spec.adversarial:
            terms["adversarial"] = self.adversarial(
                self.critic(made_images)[-1:], target_is_real=True, for_discriminator=False
            )
            total = total + self.spec.adversarial * terms["adversarial"]
        return total, made_images, {name: float(term.detach()) for name, term in terms.items()}

    def critic_loss(self, made: Tensor, real: Tensor) -> Tensor:
        """Hinge loss of the critic on real and reconstructed images."""
        parts = [
            self.adversarial(self.critic(x)[-1:], target_is_real=target, for_discriminator=True)
            for x, target in ((made.detach(), False), (real, True))
        ]
        return torch.stack(parts).mean()


def _optimiser(module: nn.Module, rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), lr=rate, betas=(0.5, 0.9), weight_decay=0.0)


def new_autoencoder(
    images: Tensor, masks: Tensor, spec: AutoencoderTraining, seed: int
) -> KLAutoencoder:
    """A small autoencoder that starts as the linear code of some of these pictures.

    Args:
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks; (0, 3, H, W) for a model of images alone.
        spec: pixels per latent cell, and whether masks appear in other colours.
        seed: of the choice of pictures.
    """
    generator = step_generator(seed, 0)
    at = torch.randperm(len(images), generator=generator)[:LINEAR_SAMPLE]
    coded = recoloured(
        _rows(masks, at).float() / 127.5 - 1, spec.mask_colour_augmentation, generator
    )
    return KLAutoencoder.small(spec.factor, torch.cat([images[at].float() / 127.5 - 1, coded]))


def train_autoencoder(
    autoencoder: KLAutoencoder,
    images: Tensor,
    masks: Tensor,
    spec: AutoencoderTraining,
    seed: int,
    resume: Path,
) -> Iterator[Progress]:
    """Trains in place; yields every step; a rerun with the same `resume` file goes on from it.

    Args:
        autoencoder: trained in place; its latent statistics are measured at the end.
        images: (N, 3, H, W) uint8.
        masks: (N, 3, H, W) uint8, coded masks of the same pairs, or (0, 3, H, W).
        spec: steps, batch, rates and weights of the loss terms.
        seed: with the step's number, the only source of randomness.
        resume: file that an interrupted training continues from.
    """
    accelerate = accelerator()
    losses = Losses(spec)
    model, critic = accelerate.prepare(autoencoder, losses.critic)
    losses.critic = critic
    optimisers = {
        "model": _optimiser(model, spec.learning_rate),
        "critic": _optimiser(critic, 4e-4),
    }
    point = ResumePoint(
        resume,
        {"model": model, "critic": critic, **{f"{k}_optimiser": v for k, v in optimisers.items()}},
    )
    for step in range(point.load(), spec.steps):
        generator = step_generator(seed, step)
        at = torch.randint(len(images), (spec.batch,), generator=generator)
        # Masks are the easy part: half as many suffice.
        few = at[: max(1, spec.batch // 2)]
        coded = recoloured(
            _rows(masks, few).float() / 127.5 - 1, spec.mask_colour_augmentation, generator
        )
        pictures = torch.cat([images[at].float() / 127.5 - 1, coded])
        shown = augmented(pictures, generator).to(accelerate.device)
        real, coded = shown.split([len(at), len(coded)])
        turn = np.pi * (step / spec.steps)
        rate = learning_rate(spec.learning_rate, step, WARM_UP, turn, LEAST_RATE)
        for group in optimisers["model"].param_groups:
            group["lr"] = rate
        noise = _latent_noise(model, shown, generator)
        textured = step >= spec.texture_loss_from * spec.steps
        total, made, terms = losses.generator_loss(model, real, coded, noise, textured)
        _descend(accelerate, optimisers["model"], model, total)
        if textured and spec.adversarial:
            loss = losses.critic_loss(made, real)
            _descend(accelerate, optimisers["critic"], critic, loss)
            terms["critic"] = float(loss.detach())
        point.save_sometimes(step + 1, spec.steps)
        yield Progress("autoencoder", step + 1, spec.steps, terms)
    measure_latents(autoencoder, images, masks, seed)


def measure_latents(autoencoder: KLAutoencoder, images: Tensor, masks: Tensor, seed: int) -> None:
    """Tells an autoencoder the mean and deviation of its latents of some of these pictures."""
    sample = torch.from_numpy(np.random.default_rng(seed).permutation(len(images))[:LINEAR_SAMPLE])
    pictures = torch.cat([images[sample], _rows(masks, sample)]).float() / 127.5 - 1
    autoencoder.measure_statistics(pictures.to(next(autoencoder.parameters()).device))


def _rows(masks: Tensor, at: Tensor) -> Tensor:
    """The masks of some pairs; none of a data set without masks."""
    return masks[at] if len(masks) else masks


def _latent_noise(model: KLAutoencoder, shown: Tensor, generator: torch.Generator) -> Tensor:
    height, width = (side // model.factor for side in shown.shape[-2:])
    shape = (len(shown), model.vae.config.latent_channels, height, width)
    return torch.randn(shape, generator=generator).to(shown)


def _descend(
    accelerate: Accelerator, optimiser: torch.optim.Optimizer, module: nn.Module, loss: Tensor
) -> None:
    optimiser.zero_grad(set_to_none=True)
    accelerate.backward(loss)
    accelerate.clip_grad_norm_(module.parameters(), 1.0)
    optimiser.step()
