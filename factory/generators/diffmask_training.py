"""Trains DiffMask: the text-to-image model on images and captions, then the affinity network."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import torch

from factory.attention_maps.affinity_net import AffinityNet, save_affinity, train_affinity
from factory.diffmask_sections import DiffMaskSpec, DiffMaskTraining
from factory.errors import InputError
from factory.generators.common import ready
from factory.generators.diffmask import DiffMask
from factory.generators.medisyn import MediSyn
from factory.images import ImageSection
from factory.models.checkpoints import AFFINITY, Components, save_components
from factory.models.text_to_image import TextToImageUNet
from factory.prompts.prompt import Prompt
from factory.training.data import TrainingData
from factory.training.partial_views import with_views
from factory.training.steps import Progress
from factory.training.text_to_image import text_to_image_stages


def train_diffmask(
    data: TrainingData, spec: DiffMaskSpec, section: DiffMaskTraining, folder: Path
) -> Iterator[Progress]:
    """Trains into `folder` and yields every step of every stage; no mask is read.

    A rerun goes on where the last one stopped. The checkpoint is that of a text-to-image model with
    the network of the rung `affinity` beside it, in `affinity/`.

    Args:
        data: the data; of its pairs, the images and facets.
        spec: preset, start, sampling and the refinement.
        section: steps, rates, views, and how many drawn images the affinity network learns from.
        folder: becomes the checkpoint.
    """
    views = section.views, section.view_share, section.seed
    shown = with_views(data.images_alone().train, data.domains, *views)
    parts = yield from text_to_image_stages(
        data, shown, section, spec.preset, spec.start, folder, clauses=section.clauses
    )
    if section.seeds:
        net = yield from affinity_stage(parts, data.image, spec, section, folder)
        save_affinity(net, folder / AFFINITY)
    save_components(parts, folder, torch.float16)


def affinity_stage(
    parts: Components[TextToImageUNet],
    image: ImageSection,
    spec: DiffMaskSpec,
    section: DiffMaskTraining,
    folder: Path,
) -> Generator[Progress, None, AffinityNet]:
    """Trains an affinity network on what the rungs below are certain of in drawn images."""
    image_model = MediSyn(ready(parts, folder, image), "in training", image, spec.sample)
    below = spec.masks.model_copy(update={"rungs": section.seed_rungs, "level": 0})
    generator = DiffMask(image_model, below, spec.read)
    asked = examples(generator, section.seeds, section.seed)
    images, labels = [], []
    drawn = zip(asked, generator.sights(asked, [prompt.seed for prompt in asked]), strict=True)
    for number, (prompt, (picture, sight)) in enumerate(drawn, start=1):
        if sight is not None:
            images.append(picture)
            labels.append(generator.refinements[prompt.domain].seeds(sight))
        yield Progress("seeds", number, len(asked), {})
    torch.manual_seed(section.seed)
    net = AffinityNet(spec.masks.affinity, image.channels)
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
            "learn affinities from; set train.seeds to 0 and leave the rung affinity out"
        )
    turns = (subjects[i % len(subjects)] for i in range(count))
    return [
        Prompt.about(domain, domain.shown(finding), finding, replicate=i, root=seed)
        for i, (domain, finding) in enumerate(turns)
    ]
