"""Training of segmenters: a loop that yields, and what it leaves behind, a model that predicts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from evaluation.errors import InputError
from evaluation.networks import SEGMENTERS
from evaluation.overlap import overlaps, positive_dice
from evaluation.pairs import Images, Masks, Pairs

FORMAT = 1
WEIGHTS = "segmenter.safetensors"
CHUNK = 32  # images predicted at a time
WARM_UP = 0.05  # share of the steps over which the learning rate rises
SMALLEST = 0.05  # share of the learning rate at the last step


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A network with what is needed to use it on pairs of one domain.

    Attributes:
        network: images (B, C, H, W) to logits (B, K + 1, H, W).
        kind: its name in `SEGMENTERS`.
        channels: C of the images it takes.
        classes: names of the K foreground classes; class i of a mask is classes[i - 1].
    """

    network: nn.Module
    kind: str
    channels: int
    classes: tuple[str, ...]

    def predict(self, images: Images) -> Masks:
        """(N, H, W) uint8 class indices for (N, H, W, C) uint8 images."""
        if images.shape[-1] != self.channels:
            raise ValueError(f"images have {images.shape[-1]} channels, not {self.channels}")
        self.network.eval()
        chunks = [images[at : at + CHUNK] for at in range(0, len(images), CHUNK)]
        masks = [np.zeros((0, *images.shape[1:3]), np.uint8)]
        with torch.inference_mode():
            for chunk in chunks:
                logits = self.network(standardised(_tensor(chunk)).to(_device(self.network)))
                masks.append(logits.argmax(1).to(torch.uint8).cpu().numpy())
        return np.concatenate(masks)

    @property
    def digest(self) -> str:
        """SHA-256 of kind, classes and weights: equal judges give equal scores."""
        state = self.network.state_dict()
        sha = hashlib.sha256(json.dumps([self.kind, self.channels, self.classes]).encode())
        for name in sorted(state):
            sha.update(name.encode())
            sha.update(state[name].detach().cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()


@dataclass(frozen=True)
class Step:
    """One step of training.

    Attributes:
        number: 1 for the first.
        loss: Dice + cross-entropy of its batch.
        validation: mean Dice over the classes that validation masks show, where it was measured.
    """

    number: int
    loss: float
    validation: float | None = None


def new_segmenter(kind: str, channels: int, classes: Sequence[str], *, seed: int) -> Segmenter:
    """An untrained segmenter; its weights follow from the seed alone, the global one is kept.

    Raises:
        InputError: if the kind is unknown.
    """
    if kind not in SEGMENTERS:
        raise InputError(f"segmenter {kind!r} is unknown; choose one of {sorted(SEGMENTERS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SEGMENTERS[kind](channels, len(classes))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Segmenter(network.to(device), kind, channels, tuple(classes))


def train_segmenter(
    segmenter: Segmenter,
    parts: Sequence[Pairs],
    *,
    steps: int,
    seed: int,
    batch: int = 8,
    learning_rate: float = 5e-3,
    validation: Pairs | None = None,
    validate_every: int = 100,
) -> Iterator[Step]:
    """Trains in place and yields after every step; the caller may log or show progress.

    Steps are counted, not epochs, so that arms with few and with many images cost the same.
    AdamW with warm-up and cosine decay; loss is Dice + cross-entropy; every batch is augmented
    by affine and intensity changes, without mirroring, which would turn left into right.

    Args:
        segmenter: is changed; with `validation` it ends with its best validated weights,
            without it with the last ones.
        parts: each batch takes an equal share from every part, drawn with replacement.
        steps: number of optimiser steps.
        seed: of drawing and augmentation.
        batch: pairs per step.
        learning_rate: the highest one.
        validation: pairs that choose the checkpoint; never the pairs that are scored later.
        validate_every: steps between two validations; the last step always is validated.

    Raises:
        InputError: if a part has no pair with a mask.
        ValueError: if the loss stops being finite.
    """
    network = segmenter.network
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda at: _rate(at, steps))
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
    draws = _batches(parts, batch, seed)
    best: tuple[float, dict[str, Tensor]] | None = None
    for number in range(1, steps + 1):
        network.train()
        images, masks = (tensor.to(_device(network)) for tensor in next(draws))
        loss = loss_of(network(images), masks)
        if not torch.isfinite(loss):
            raise ValueError(f"loss {loss.item()} at step {number} is not finite; training stops")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        score = None
        if validation is not None and (number % validate_every == 0 or number == steps):
            score = validated(segmenter, validation)
            if best is None or score >= best[0]:
                best = score, {k: v.clone() for k, v in network.state_dict().items()}
            if number == steps:
                network.load_state_dict(best[1])
        yield Step(number, loss.item(), score)


def validated(segmenter: Segmenter, pairs: Pairs) -> float:
    """Mean Dice over the classes that each mask shows, over pairs with masks that are not empty.

    Raises:
        InputError: if there is no such pair.
    """
    shown = np.flatnonzero(np.asarray(pairs.has_mask, bool) & pairs.masks.any((1, 2)))
    if not len(shown):
        raise InputError("no validation pair has a mask with content, so none can choose weights")
    answers = segmenter.predict(pairs.images[shown])
    dice = positive_dice(overlaps(answers, pairs.masks[shown], len(segmenter.classes)))
    return float(dice.mean())


def standardised(images: Tensor) -> Tensor:
    """Each image (B, C, H, W) with mean 0 and spread 1 over all its pixels; constant ones are 0."""
    spread, centre = torch.std_mean(images, dim=(1, 2, 3), keepdim=True, correction=0)
    return (images - centre) / spread.clamp_min(1e-3)


def augmented(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Randomly turned, scaled, moved, and changed in gamma, contrast, brightness and noise.

    Args:
        images: (B, C, H, W) in [0, 1].
        masks: (B, 1, H, W) class indices as floats.
        generator: of all random numbers, on the CPU.
    """
    grid = functional.affine_grid(_affine(len(images), generator), list(images.shape), False)
    moved = functional.grid_sample(images, grid, align_corners=False).clamp(0, 1)
    masks = functional.grid_sample(masks, grid, mode="nearest", align_corners=False)
    gamma, contrast, brightness, noise = _uniform(len(images), 4, generator)
    changed = moved.clamp_min(1e-4) ** torch.exp(0.4 * gamma)
    changed = changed * (1 + 0.2 * contrast) + 0.1 * brightness
    grain = torch.randn(images.shape, generator=generator)
    return changed + 0.04 * noise.abs() * grain, masks


def save_segmenter(segmenter: Segmenter, folder: Path) -> None:
    """Writes the folder with one safetensors file that also holds kind, channels and classes."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().contiguous() for k, v in segmenter.network.state_dict().items()}
    card = {"format": str(FORMAT), "kind": segmenter.kind, "channels": str(segmenter.channels)}
    card["classes"] = json.dumps(segmenter.classes)
    save_file(state, folder / WEIGHTS, metadata=card)


def load_segmenter(folder: Path) -> Segmenter:
    """Reads what `save_segmenter` wrote.

    Raises:
        InputError: if the folder holds no such file, one of a newer format, or other weights.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{folder} holds no {WEIGHTS}, so there is no segmenter to load from it")
    try:
        with safe_open(path, framework="pt") as file:
            card = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file ({error}); train it again") from error
    if card.get("format") != str(FORMAT):
        raise InputError(
            f"{path} has format {card.get('format')!r}, this version reads {FORMAT}; update"
        )
    classes = tuple(json.loads(card["classes"]))
    segmenter = new_segmenter(card["kind"], int(card["channels"]), classes, seed=0)
    try:
        segmenter.network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path} holds weights of another {card['kind']}; train again") from error
    return segmenter


def _batches(parts: Sequence[Pairs], batch: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless augmented batches: standardised images and (B, 1, H, W) masks."""
    usable = [np.flatnonzero(np.asarray(part.has_mask, bool)) for part in parts]
    if not usable or not all(map(len, usable)):
        raise InputError("a part of the training data has no pair with a mask to learn from")
    shares = [len(share) for share in np.array_split(np.arange(batch), len(parts))]
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    while True:
        chosen = [rng.choice(at, share) for at, share in zip(usable, shares, strict=True)]
        images = np.concatenate([p.images[c] for p, c in zip(parts, chosen, strict=True)])
        masks = np.concatenate([p.masks[c] for p, c in zip(parts, chosen, strict=True)])
        floats = torch.from_numpy(masks.astype(np.float32))[:, None]
        changed, moved = augmented(_tensor(images), floats, generator)
        yield standardised(changed), moved


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.moveaxis(images, -1, 1).astype(np.float32) / 255)


def _affine(count: int, generator: torch.Generator) -> Tensor:
    """(B, 2, 3): turns up to 15°, scales by 0.85 to 1.15, moves by up to 10 % of the side."""
    angle, scale, right, down = _uniform(count, 4, generator).reshape(4, count)
    angle, scale = angle * np.pi / 12, 1 + 0.15 * scale
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = [cosine, -sine, 0.2 * right, sine, cosine, 0.2 * down]
    return torch.stack(rows, dim=1).reshape(count, 2, 3)


def _uniform(count: int, kinds: int, generator: torch.Generator) -> Tensor:
    """(kinds, B, 1, 1, 1) numbers in [-1, 1)."""
    return torch.rand(kinds, count, 1, 1, 1, generator=generator) * 2 - 1


def _rate(at: int, steps: int) -> float:
    rise = max(1, round(WARM_UP * steps))
    fall = 0.5 * (1 + np.cos(np.pi * at / max(1, steps)))
    return float(min((at + 1) / rise, 1) * max(fall, SMALLEST))


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
