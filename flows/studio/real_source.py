"""The real pairs that a checkpoint's pairs can be scored against: those it was trained on."""

from __future__ import annotations

from factory.errors import InputError
from factory.models.checkpoints import read_card
from factory.sources import SourceSection
from factory.sources.phantom import PhantomSource
from factory.sources.phantoms import PHANTOMS
from factory.store.repository import Store
from factory.store.versions import data_sets
from factory.vocabulary import Domain
from flows.planning.recipe import kept_recipe
from flows.planning.recipe_paths import checkpoint_named
from tasks.services.settings import Settings


def source_of(checkpoint: str, domain: Domain, settings: Settings) -> SourceSection | None:
    """Phantoms for a phantom domain, else the source of the home that the card names; None: unknown."""
    if domain.name in PHANTOMS:
        return PhantomSource(domains=(domain.name,))
    learnt = read_card(checkpoint_named(checkpoint)).get("source_digest")
    return next((found for found in _sources(settings, learnt)), None)


def _sources(settings: Settings, learnt: object) -> list[SourceSection]:
    """Sources with this digest that data sets of the home were held against."""
    found = []
    for name in data_sets(settings.pairs):
        attributes = Store(settings.pairs, name).snapshot().attributes
        if attributes.get("digests", {}).get("source") == learnt:
            try:
                recipe = kept_recipe(attributes["sections"], (), name, settings.home)
            except InputError:  # of a release whose recipes cannot be read any more
                continue
            found.append(recipe.source)
    return found
