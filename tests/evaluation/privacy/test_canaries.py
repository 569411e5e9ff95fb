"""Copies that a generator really makes are caught: by its autoencoder alone, and by heart."""

import numpy as np
import pytest

from evaluation.metrics.alarms import significant
from evaluation.pairs import take
from evaluation.privacy.memorisation import NearestNeighbourDistances, copying_p
from factory.generators.medsegfactory import MedSegFactory
from factory.generators.specs import MediSynSpec
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.settings import (
    Augmentation,
    AutoencoderTraining,
    SampleSection,
    TextTraining,
    TrainSection,
)
from factory.sources.phantom import PhantomSource
from factory.training.data import TrainingData
from factory.training.text_to_image import train_text_to_image
from flows.planning.recipe_paths import WEIGHTS

DOMAIN = "phantom-dermoscopy"


@pytest.fixture(scope="module")
def real():
    image = ImageSection(size=64, channels=3)
    source = PhantomSource(domains=(DOMAIN,), train=60, val=100).build()
    return source.read("train", image), source.read("val", image)


def rebuilt(pairs: PairBatch) -> np.ndarray:
    image = ImageSection(size=64, channels=3)
    generator = MedSegFactory.load(WEIGHTS / "phantoms", image, SampleSection())
    return generator.reconstruct(DOMAIN, pairs.images, pairs.masks)[0]


def test_training_images_through_the_shipped_autoencoder_are_caught(real):
    train, held_out = real
    copies = take(train, np.arange(10))
    copies.images[:] = rebuilt(copies)
    found = NearestNeighbourDistances.of(copies, train, held_out)
    assert found.nearest.tolist() == list(range(10))
    assert found.copied.mean() >= 0.9
    assert copying_p(found) <= 0.01


SMALL = ImageSection(size=32, channels=3)
TIMES = 100
DRAWN = 40


@pytest.fixture(scope="module")
def by_heart(tmp_path_factory):
    """What a small diffusion model learnt of which one image is there 100 times, and what it draws.

    Half a minute on one core. The prompts ask for the finding of that image, as users would.
    """
    source = PhantomSource(domains=(DOMAIN,), train=20, val=140).build()
    train, held_out = source.read("train", SMALL), source.read("val", SMALL)
    learnt = train[[0] * TIMES + list(range(1, len(train)))]
    section = TrainSection(
        steps=200,
        batch=16,
        warm_up=20,
        learning_rate=2e-3,
        ema=0.98,
        validate_every=200,
        autoencoder=AutoencoderTraining(steps=40, texture_loss_from=1),
        text=TextTraining(steps=20, batch=16),
        augment=Augmentation(copies=1),
    )
    data = TrainingData(learnt, held_out[:8], source.domains, SMALL, source.digest, source.licence)
    folder = tmp_path_factory.mktemp("by-heart")
    assert list(train_text_to_image(data, section, "tiny", None, folder))
    spec = MediSynSpec(start=folder, sample=SampleSection(steps=10, guidance=1, batch=20))
    domain, finding = source.domains[DOMAIN], str(train.facets["finding"].iloc[0])
    prompts = [
        Prompt.about(domain, domain.shown(finding), finding, replicate=number)
        for number in range(DRAWN)
    ]
    drawn = spec.build(SMALL).generate(prompts, [prompt.seed for prompt in prompts])
    return learnt, drawn, held_out


@pytest.mark.slow
def test_a_model_trained_with_one_image_a_hundred_times_is_caught(by_heart):
    learnt, drawn, held_out = by_heart
    found = NearestNeighbourDistances.of(drawn, learnt, held_out[DRAWN:])
    # The repeated image is the first of the training images, and its repeats are told as it.
    assert (found.nearest == 0).mean() > 0.5
    assert found.share.low > 0.3 > found.held_out_share.high
    assert copying_p(found) <= 0.01
    assert significant({"copying": copying_p(found)}) == ("copying",)


@pytest.mark.slow
def test_as_many_held_out_images_are_not(by_heart):
    learnt, _, held_out = by_heart
    found = NearestNeighbourDistances.of(held_out[:DRAWN], learnt, held_out[DRAWN:])
    assert found.share.low < 0.02
    assert copying_p(found) > 0.03
    assert significant({"copying": copying_p(found)}) == ()
