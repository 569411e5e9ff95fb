"""Trains a text-to-image system on images and captions: text encoder, autoencoder, denoiser."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from factory.models.caption_sentences import caption_corpus
from factory.models.checkpoints import (
    Components,
    load_text_to_image_components,
    save_components,
)
from factory.models.clauses import by_clause
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import SCHEDULE, TEXT_TO_IMAGE
from factory.models.text import TextEncoder
from factory.models.text_to_image import TextToImageUNet
from factory.models.tokenizer import words
from factory.pairs import PairBatch
from factory.prompts.caption_facts import (
    CaptionFacts,
    facts_of_rows,
    varying_classes,
)
from factory.prompts.captions import (
    TRAINING_CLAUSE_RATES,
    TRAINING_RATES,
    Rates,
    caption,
)
from factory.prompts.wording import load_wording
from factory.settings import Augmentation, SystemTraining, TextToImageSpec
from factory.training.autoencoder_limit import image_ceiling
from factory.training.data import TrainingData
from factory.training.denoiser import train_denoiser
from factory.training.latents import Latents, encode_streams, image_pictures, shown_images
from factory.training.sentences import Sentence, with_vocabulary
from factory.training.stages import (
    Encoders,
    Encoding,
    autoencoder_stage,
    latents_stage,
    make_card,
    text_stage,
)
from factory.training.steps import Progress
from factory.training.stopwatch import Stopwatch
from factory.vocabulary import Domain

SYSTEM = "text-to-image latent diffusion (MediSyn, arXiv 2405.09806)"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Captions:
    """The captions of a data, drawn anew for every variant of an image.

    Attributes:
        train, held_out: facts of the images.
        varying: domain -> classes whose presence differs between training images.
        seed: of all draws.
    """

    train: Sequence[CaptionFacts]
    held_out: Sequence[CaptionFacts]
    varying: Mapping[str, tuple[str, ...]]
    seed: int

    @staticmethod
    def of(data: TrainingData, seed: int) -> Captions:
        """Reads facets alone, never a mask."""
        labelled = data.train.has_mask
        varying = varying_classes(data.train.facets, labelled, data.domains)
        train, held_out = (
            facts_of_rows(pairs.facets, pairs.has_mask, data.domains, varying)
            for pairs in (data.train, data.held_out)
        )
        return Captions(train, held_out, varying, seed)

    def sentences(self, data: TrainingData) -> list[Sentence]:
        """What a small text encoder learns: the whole vocabulary, and these images' free texts."""
        return caption_corpus(with_vocabulary(data.domains), self.train, self.seed)


def known_words(
    spec: TextToImageSpec, train: PairBatch, domains: Mapping[str, Domain]
) -> frozenset[str] | None:
    """Words that a generator's text encoder knows, also before it is trained.

    Args:
        spec: the generator; with `from` the encoder is that checkpoint's.
        train: real training images, whose free texts are learnt.
        domains: of the source, by name.

    Returns:
        Lower-case words; None for an encoder that knows its language.
    """
    if spec.start is not None:
        return TextEncoder.load(spec.start).known
    if spec.train is not None and spec.train.text.start is not None:
        return TextEncoder.load(spec.train.text.start).known
    varying = dict.fromkeys(domains, ())
    facts = facts_of_rows(train.facets, train.has_mask, domains, varying)
    seed = spec.train.seed if spec.train is not None else 0
    told = caption_corpus(with_vocabulary(domains), facts, seed)
    lines = [*(sentence.text for sentence in told), *spec.own_texts]
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


def new_text_to_image(
    encoders: Encoders, latents: Latents, preset: str, alphas: Tensor, seed: int
) -> TextToImageUNet:
    """An untrained denoiser of these latents; `alphas` are the schedule's `alphas_cumprod`."""
    torch.manual_seed(seed)
    prior = GaussianPrior.measured(latents.streams, alphas)
    return TextToImageUNet(encoders.fitted(TEXT_TO_IMAGE[preset]), prior)


def train_text_to_image(
    data: TrainingData, section: SystemTraining, preset: str, start: Path | None, folder: Path
) -> Iterator[Progress]:
    """Trains into `folder` and yields every step of every stage; no mask is read.

    A rerun goes on where the last one stopped: finished stages are read back, the running one
    resumes. The finished checkpoint has the hub's layout and a card.

    Args:
        data: the data; of its pairs, the images and facets.
        section: steps, rates, augmentation.
        preset: size of the denoiser, a name of `TEXT_TO_IMAGE`.
        start: checkpoint to fine-tune from, ours or a Stable Diffusion folder of the hub; its text
            encoder, autoencoder and denoiser are the starting point.
        folder: becomes the checkpoint; unfinished work lies in its `training/`.
    """
    trained = yield from text_to_image_stages(data, data.train, section, preset, start, folder)
    save_components(trained, folder, torch.float16)


def text_to_image_stages(
    data: TrainingData,
    shown: PairBatch,
    section: SystemTraining,
    preset: str,
    start: Path | None,
    folder: Path,
    *,
    clauses: bool = False,
) -> Generator[Progress, None, Components[TextToImageUNet]]:
    """The stages of `train_text_to_image`; returns the trained parts, which are not yet saved.

    Args:
        data: the data, as the card tells it.
        shown: what is learnt from: its training pairs, or these with views of them.
        section: steps, rates, augmentation.
        preset: size of the denoiser.
        start: checkpoint to fine-tune from.
        folder: becomes the checkpoint.
        clauses: whether captions name every structure in a clause of its own, each read apart.
    """
    work = folder / "training"
    watch = Stopwatch(work / "seconds")
    learnt = replace(data, train=shown).images_alone()
    components = load_text_to_image_components(start) if start is not None else None
    scheduler_config = dict(components.scheduler_config) if components else dict(SCHEDULE)
    captions = Captions.of(learnt, section.seed)
    text = yield from watch.over(text_stage(components, captions.sentences(learnt), section, work))
    text = by_clause(text) if clauses else text
    rates = TRAINING_CLAUSE_RATES if clauses else TRAINING_RATES
    images = image_pictures(learnt.train.images)
    no_masks = images[:0]
    autoencoder = yield from watch.over(
        autoencoder_stage(components, images, no_masks, section, work)
    )
    encoders = Encoders(autoencoder, text)

    def encoded(
        pairs: PairBatch, facts: Sequence[CaptionFacts], augmentation: Augmentation, name: str
    ) -> Encoding:
        def encode(chosen: Augmentation) -> Encoding:
            def told(copy: int) -> list[list[str]]:
                return captions_of(facts, text, section.seed, copy, rates)

            return encode_streams(pairs, (shown_images,), told, autoencoder, text, chosen, seed=0)

        wording = f" {load_wording().digest} {section.seed} {rates}{' clauses' * clauses}"
        file = work / f"{name}.safetensors"
        return watch.over(latents_stage(encode, encoders, augmentation, file, wording))

    latents = yield from encoded(learnt.train, captions.train, section.augment, "train")
    unchanged = Augmentation(copies=1)
    held_out = yield from encoded(learnt.held_out, captions.held_out, unchanged, "held_out")
    scheduler = DDIMScheduler.from_config(scheduler_config)
    if components is not None:
        unet = components.unet
    else:
        alphas = scheduler.alphas_cumprod
        unet = new_text_to_image(encoders, latents, preset, alphas, section.seed)
    losses = image_ceiling(learnt.held_out, autoencoder, held_out.streams[0])
    yield Progress("ceiling", 1, 1, losses)
    denoising = train_denoiser(
        unet, scheduler, latents, held_out, section, section.seed, work / "denoiser.resume"
    )
    for progress in watch.over(denoising):
        losses |= progress.losses
        yield progress
    about = {"preset": preset, "varying": captions.varying, "clauses": clauses}
    card = make_card(SYSTEM, data, section, about, start, losses, watch.seconds)
    return Components(unet, autoencoder, text, scheduler_config, card)
