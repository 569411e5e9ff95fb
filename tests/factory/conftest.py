"""A tiny MedSegFactory, really trained for a handful of steps."""

import pytest

from factory.images import ImageSection
from factory.settings import Augmentation, AutoencoderTraining, PairTrainSection, TextTraining
from factory.sources.phantom import PhantomSource
from factory.training.data import TrainingData

IMAGE = ImageSection(size=32, channels=3)
TRAIN = PairTrainSection(
    steps=6,
    batch=4,
    warm_up=2,
    validate_every=3,
    autoencoder=AutoencoderTraining(steps=4, batch=4, texture_loss_from=0.5),
    text=TextTraining(steps=3, batch=8),
    augment=Augmentation(copies=2),
)


@pytest.fixture(scope="session")
def section():
    return TRAIN


@pytest.fixture(scope="session")
def data():
    names = ("phantom-breast-us", "phantom-colonoscopy")
    source = PhantomSource(domains=names, train=4, val=2, test=1).build()
    return TrainingData(
        train=source.read("train", IMAGE),
        held_out=source.read("val", IMAGE),
        domains=source.domains,
        image=IMAGE,
        source_digest=source.digest,
        licence=source.licence,
    )
