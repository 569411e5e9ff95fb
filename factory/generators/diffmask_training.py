"""Trains DiffMask: the text-to-image model on images and captions, then the affinity network."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from factory.attention_maps.affinity_net import AffinityNet, save_affinity
from factory.attention_maps.settings import (
    DiffMaskTrainSection,
    ReadSection,
    RefinementSection,
)
from factory.errors import InputError
from factory.generators.common import ready
from factory.generators.diffmask import DiffMask
from factory.generators.medisyn import MediSyn
from factory.models.checkpoints import AFFINITY, save_components
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.training.affinity import train_affinity
from factory.training.data import TrainingData
from factory.training.partial_views import with_views
from factory.training.steps import Progress
from factory.training.system import train_system
from factory.training.text_to_image import text_to_image


def train_diffmask(
    data: TrainingData,
    section: DiffMaskTrainSection,
    preset: str,
    start: Path | None,
    sample: SampleSection,
    masks: RefinementSection,
    read: ReadSection,
    folder: Path,
) -> Iterator[Progress]:
    """Trains into `folder` and yields every step of every stage; no mask is read.

    A rerun goes on where the last one stopped. The checkpoint is that of a text-to-image model with
    the network of the step `affinity` beside it, in `affinity/`.

    Args:
        data: the data; of its pairs, the images and facets.
        section: steps, rates, views, and how many drawn images the affinity network learns from.
        preset: size of the denoiser, a name of `TEXT_TO_IMAGE`.
        start: checkpoint to fine-tune from.
        sample: how the affinity network's images are drawn.
        masks: the refinement that the affinity network is a step of.
        read: what of the attention.
        folder: becomes the checkpoint.
    """
    views = section.views, section.view_share, section.seed
    train = with_views(data.images_alone().train, data.domains, *views)
    system = text_to_image(
        replace(data, train=train), preset, start, section.seed, clauses=section.clauses
    )
    parts = yield from train_system(system, data, section, start, folder)
    if section.affinity_images:
        image_model = MediSyn(ready(parts, folder, data.image), "in training", data.image, sample)
        net = yield from affinity_stage(image_model, section, masks, read)
        save_affinity(net, folder / AFFINITY)
    save_components(parts, folder, torch.float16)


def affinity_stage(
    image_model: MediSyn,
    section: DiffMaskTrainSection,
    masks: RefinementSection,
    read: ReadSection,
) -> Generator[Progress, None, AffinityNet]:
    """Trains an affinity network on what the steps below are certain of in drawn images."""
    below = masks.model_copy(update={"steps": section.affinity_label_steps, "level": 0})
    generator = DiffMask(image_model, below, read)
    prompts = examples(generator, section.affinity_images, section.seed)
    records = generator.records(prompts, [prompt.seed for prompt in prompts])
    images, labels = [], []
    for number, (prompt, (picture, record)) in enumerate(zip(prompts, records, strict=True), 1):
        if record is not None:
            images.append(picture)
            labels.append(generator.refinements[prompt.domain].confident_labels(record))
        yield Progress("seeds", number, len(prompts), {})
    torch.manual_seed(section.seed)
    net = AffinityNet(masks.affinity, image_model.image.channels)
    yield from train_affinity(net, images, labels, section.seed)
    return net


def examples(generator: DiffMask, count: int, seed: int) -> list[Prompt]:
    """Prompts that go round all domains and their findings which show something.

    Raises:
        InputError: if none does.
    """
    subjects = [
        (domain, finding)
        for domain in generator.domains.values()
        for finding in (domain.findings or ("",))
        if domain.shown(finding)
    ]
    if not subjects:
        raise InputError(
            f"no finding of {', '.join(generator.domains)} shows a class: there are no masks to "
            "learn affinities from; set train.affinity_images to 0 and leave the step affinity out"
        )
    turns = (subjects[i % len(subjects)] for i in range(count))
    return [
        Prompt.about(domain, domain.shown(finding), finding, replicate=i, root=seed)
        for i, (domain, finding) in enumerate(turns)
    ]
