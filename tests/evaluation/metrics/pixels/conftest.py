"""Phantoms of several domains, as synthetic, training and held-out pairs."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family
from evaluation.pairs import Block, take
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import Estimate
from factory.images import ImageSection
from factory.sources.phantom import PhantomSource

Phantoms = Callable[[str], tuple[Block, Block, Block]]
Measured = Callable[[Family, Block, Block, Block], dict[str, Estimate]]
SIZE = 96


@cache
def drawn(domain: str) -> tuple[Block, Block, Block]:
    """24 pairs in the place of synthetic ones, 40 to train on, 24 held out."""
    source = PhantomSource(domains=(domain,), train=40, val=24, test=24).build()
    image = ImageSection(size=SIZE, channels=1)
    sets = [source.read(split, image) for split in ("test", "train", "val")]
    made, train, held_out = (take(pairs, np.arange(len(pairs))) for pairs in sets)
    return made, train, held_out


@pytest.fixture(scope="session")
def phantoms() -> Phantoms:
    return drawn


@pytest.fixture(scope="session")
def films(shared_data):
    """Real chest X-rays: held-out ones in the place of synthetic ones, training, validation."""
    folder = shared_data / "cxr_montgomery"
    if not folder.is_dir():
        pytest.skip("needs the real films in ../shared/data/cxr_montgomery, not distributed")
    table = pd.read_csv(folder / "metadata.csv")
    images, masks = (
        np.stack([np.asarray(Image.open(folder / name).resize((128, 128), how)) for name in names])
        for names, how in ((table["image"], Image.Resampling.BOX), (table["mask"], 0))
    )
    spacing, shown = np.full((len(table), 2), np.nan, np.float32), np.ones(len(table), bool)
    whole = Block(images[..., None], masks, table, spacing, shown)
    return tuple(
        take(whole, (table["split"] == split).to_numpy()) for split in ("test", "train", "val")
    )


@pytest.fixture(scope="session")
def measured() -> Measured:
    """What a family reads, by metric."""

    def readings(family: Family, made: Block, train: Block, held_out: Block) -> dict[str, Estimate]:
        context = ScoringContext(made, train, held_out, EvaluateSection())
        return {reading.metric: reading.estimate for reading in family.measure(context)}

    return readings
