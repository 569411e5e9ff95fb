"""Trains MedSegFactory: a model of images and masks, each with a text of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from factory.models.checkpoints import load_components, save_components
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import PRESETS
from factory.models.text import TextEncoder
from factory.pairs import PairBatch
from factory.pictures import mask_pictures, shown_images
from factory.settings import PairTrainSection
from factory.training.data import TrainingData
from factory.training.latents import Texts, pair_texts
from factory.training.sentences import corpus, with_vocabulary
from factory.training.steps import Progress
from factory.training.system import Encoders, System, train_system


def medsegfactory(
    data: TrainingData, preset: str, coupling: str, start: Path | None, seed: int
) -> System[DualStreamUNet]:
    """The system of image and mask.

    Args:
        data: pairs that all have a mask.
        preset: size of the denoiser, a name of `PRESETS`.
        coupling: how the streams meet, a name of `COUPLINGS`.
        start: checkpoint to fine-tune from.
        seed: of the sentences that a small text encoder learns.
    """

    def texts(pairs: PairBatch, text: TextEncoder) -> Texts:
        described = [
            [text.shortened(line) for line in both] for both in pair_texts(pairs, data.domains)
        ]
        return lambda _: described

    def new(encoders: Encoders, prior: GaussianPrior) -> DualStreamUNet:
        return DualStreamUNet(encoders.fitted(PRESETS[preset], data.image.size), coupling, prior)

    return System(
        name="MedSegFactory (arXiv 2504.06897)",
        about={"preset": preset, "coupling": coupling},
        data=data,
        start=None if start is None else load_components(start, coupling),
        sentences=corpus(with_vocabulary(data.domains), seed=seed),
        pictures=(shown_images, lambda pairs: mask_pictures(pairs, data.domains)),
        texts=texts,
        new=new,
    )


def train_medsegfactory(
    data: TrainingData,
    section: PairTrainSection,
    preset: str,
    coupling: str,
    start: Path | None,
    folder: Path,
) -> Iterator[Progress]:
    """Trains into `folder` and yields every step of every stage, as `train_system` does.

    The finished checkpoint has the hub's layout and a card.

    Args:
        data: the data; pairs without a mask are left out.
        section: steps, rates, augmentation.
        preset: size of the denoiser, a name of `PRESETS`.
        coupling: how the streams meet, a name of `COUPLINGS`.
        start: checkpoint to fine-tune from; its text encoder, autoencoder and denoiser are the
            starting point.
        folder: becomes the checkpoint; unfinished work lies in its `training/`.
    """
    data = data.masked()
    learnt = data.balanced() if section.balance else data
    system = medsegfactory(learnt, preset, coupling, start, section.seed)
    trained = yield from train_system(system, data, section, start, folder)
    # Half precision: what it rounds away is far below what sampling adds, and files halve.
    save_components(trained, folder, torch.float16)
