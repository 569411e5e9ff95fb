"""Forty images of a set that the checkpoint has not seen: beginning from it, and from nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import yaml
from tqdm import tqdm

from benchmarks.figures import Figure
from benchmarks.open_128.scored import drawn, scored
from factory.generators.specs import TrainedSpec
from factory.models.checkpoints import CARD, read_card
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.training.data import TrainingData
from factory.vocabulary import Domain
from flows.planning.recipe import Recipe, recipe_from
from flows.starting.recipe_text import Plan, recipe_text

UNSEEN = "cxr_shenzhen"  # films of another hospital than the checkpoint's
IMAGES = 40
BEGIN = "generator.from={}"
# Overrides of what `medpair init` writes, where the checkpoint takes the place of braces.
STARTS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "nothing": (),
        # At a third of the rate: what it knows is to be kept.
        "open_128_half": (
            BEGIN,
            "generator.train.steps=600",
            "generator.train.learning_rate=5e-4",
            "generator.train.autoencoder.steps=300",
            "generator.train.autoencoder.learning_rate=5e-4",
        ),
        "open_128_whole": (BEGIN,),
    }
)


def recipe_of(folder: Path, start: str, checkpoint: Path) -> Recipe:
    """What `medpair init` writes for forty of the images, begun so; all others are held out."""
    plan = Plan(
        name="forty",
        about="forty films",
        source={"kind": "folder", "path": str(folder), "resplit": True, "limit": IMAGES},
        size=128,
        channels=1,
        slices=IMAGES,
        facet="finding",
        wanted=("normal", "tuberculosis"),
    )
    given = [key.format(checkpoint) for key in STARTS[start]]
    return recipe_from(yaml.safe_load(recipe_text(plan)), given, "forty")


def of_each(
    folder: Path, home: Path, count: int, checkpoint: Path, chosen: Sequence[str]
) -> Iterator[tuple[str, Domain, PairBatch, dict[str, Figure]]]:
    """Starts by name, their domain, so many pairs of each, and what these are scored.

    All are scored against the same real pairs: the forty, and all that are held out.

    Args:
        folder: of the set.
        home: becomes the folder of the trainings, which go on where they were stopped.
        count: pairs of each.
        checkpoint: that all starts but one begin from.
        chosen: names of `STARTS`.
    """
    for name in chosen:
        recipe = recipe_of(folder, name, checkpoint)
        source = recipe.source.build()
        train, held_out = (source.read(part, recipe.image) for part in ("train", "val"))
        data = TrainingData(
            train, held_out, source.domains, recipe.image, source.digest, source.licence
        )
        if not isinstance(spec := recipe.generator, TrainedSpec):
            raise TypeError(f"init writes the generator {spec.kind}, which is not trained")
        place = home / name
        if not (place / CARD).is_file():  # written last
            for _ in tqdm(spec.learn(data, place), desc=name, unit="step"):
                pass
        generator = spec.with_checkpoint(place).build(recipe.image)
        grid = PromptGrid(recipe.grid, source.domains)
        pairs = drawn(generator, grid, count)
        (domain,) = source.domains.values()
        found = scored(pairs, train, held_out, domain, recipe.evaluate)
        minutes = float(str(read_card(place)["seconds"])) / 60
        yield name, domain, pairs, {"training_minutes": Figure(minutes, "min"), **found}
