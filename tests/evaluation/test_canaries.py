"""Copies that a generator could really make are caught: a training image through its autoencoder."""

import numpy as np
import pytest

from evaluation.pairs import take
from evaluation.privacy import Resemblance, copying_p
from factory.generators.medsegfactory import MedSegFactory
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sections import SampleSection
from factory.sources.phantom import PhantomSource
from flows.recipe import WEIGHTS

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
    found = Resemblance.of(copies, train, held_out)
    assert found.nearest.tolist() == list(range(10))
    assert found.copied.mean() >= 0.9
    assert copying_p(found) <= 0.01
