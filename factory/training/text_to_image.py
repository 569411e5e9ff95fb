"""Trains a text-to-image model on images and captions; no mask is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from factory.models.checkpoints import load_text_to_image_components, save_components
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import TEXT_TO_IMAGE
from factory.models.text import TextEncoder
from factory.models.text_to_image import TextToImageUNet
from factory.pairs import PairBatch
from factory.pictures import shown_images
from factory.prompts.captions.caption import TRAINING_CLAUSE_RATES, TRAINING_RATES, Rates, caption
from factory.prompts.captions.facts import CaptionFacts, facts_of_rows, varying_classes
from factory.prompts.captions.wording import load_wording, words
from factory.settings import TrainSection
from factory.training.data import TrainingData
from factory.training.latents import Texts
from factory.training.sentences import caption_corpus, with_vocabulary
from factory.training.steps import Progress
from factory.training.system import Encoders, System, train_system
from factory.vocabulary import Domain

log = logging.getLogger(__name__)


def known_words(
    pretrained: Path | None,
    train: PairBatch,
    domains: Mapping[str, Domain],
    seed: int,
    own_texts: Sequence[str] = (),
) -> frozenset[str] | None:
    """Words that a generator's text encoder knows, also before it is trained.

    Args:
        pretrained: folder of the encoder that is taken as it is; None for one that is trained.
        train: real training images, whose free texts are learnt.
        domains: of the source, by name.
        seed: of the training.
        own_texts: that the training adds to those of the source.

    Returns:
        Lower-case words; None for an encoder that knows its language.
    """
    if pretrained is not None:
        return TextEncoder.load(pretrained).known
    facts = facts_of_rows(train.facets, train.has_mask, domains, dict.fromkeys(domains, ()))
    sentences = caption_corpus(with_vocabulary(domains), facts, seed)
    lines = [*(sentence.text for sentence in sentences), *own_texts]
    return frozenset(word for line in lines for word in words(line))


def captions_of(
    facts: Sequence[CaptionFacts],
    text: TextEncoder,
    seed: int,
    copy: int,
    rates: Rates = TRAINING_RATES,
) -> list[list[str]]:
    """A caption of each image for one of its variants, cut where the encoder stops reading."""
    lines = [
        caption(each, np.random.default_rng([seed, copy, row]), rates).text
        for row, each in enumerate(facts)
    ]
    whole = [text.shortened(line) for line in lines]
    if cut := sum(a != b for a, b in zip(lines, whole, strict=True)):
        log.warning(
            "%d of %d captions are longer than the %d tokens that the text encoder reads; their "
            "ends are not learnt",
            cut,
            len(lines),
            text.length,
        )
    return [[line] for line in whole]


def text_to_image(
    data: TrainingData, preset: str, start: Path | None, seed: int, *, clauses: bool = False
) -> System[TextToImageUNet]:
    """The system of images alone, with captions that are drawn anew for every variant.

    Args:
        data: of its pairs, the images and facets.
        preset: size of the denoiser, a name of `TEXT_TO_IMAGE`.
        start: checkpoint to fine-tune from.
        seed: of the captions.
        clauses: whether captions name every structure in a clause of its own, each read apart.
    """
    data = data.images_alone()
    varying = varying_classes(data.train.facets, data.train.has_mask, data.domains)
    rates = TRAINING_CLAUSE_RATES if clauses else TRAINING_RATES

    def facts(pairs: PairBatch) -> list[CaptionFacts]:
        return facts_of_rows(pairs.facets, pairs.has_mask, data.domains, varying)

    def texts(pairs: PairBatch, text: TextEncoder) -> Texts:
        described = facts(pairs)
        return lambda copy: captions_of(described, text, seed, copy, rates)

    def new(encoders: Encoders, prior: GaussianPrior) -> TextToImageUNet:
        return TextToImageUNet(encoders.fitted(TEXT_TO_IMAGE[preset], data.image.size), prior)

    return System(
        name="text-to-image latent diffusion (MediSyn, arXiv 2405.09806)",
        about={"preset": preset, "varying": varying, "clauses": clauses},
        data=data,
        start=None if start is None else load_text_to_image_components(start),
        sentences=caption_corpus(with_vocabulary(data.domains), facts(data.train), seed),
        pictures=(shown_images,),
        texts=texts,
        new=new,
        wording=f" {load_wording().digest} {seed} {rates}{' clauses' * clauses}",
        clauses=clauses,
    )


def train_text_to_image(
    data: TrainingData, section: TrainSection, preset: str, start: Path | None, folder: Path
) -> Iterator[Progress]:
    """Trains into `folder` and yields every step of every stage, as `train_system` does.

    The finished checkpoint has the hub's layout and a card.

    Args:
        data: the data; of its pairs, the images and facets.
        section: steps, rates, augmentation.
        preset: size of the denoiser, a name of `TEXT_TO_IMAGE`.
        start: checkpoint to fine-tune from, ours or a Stable Diffusion folder of the hub; its text
            encoder, autoencoder and denoiser are the starting point.
        folder: becomes the checkpoint; unfinished work lies in its `training/`.
    """
    learnt = data.balanced() if section.balance else data
    system = text_to_image(learnt, preset, start, section.seed)
    trained = yield from train_system(system, data, section, start, folder)
    save_components(trained, folder, torch.float16)
