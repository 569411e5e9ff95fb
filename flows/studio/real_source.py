"""The real pairs that a checkpoint's pairs can be scored against: those it was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evaluation.lake.lake import Lake
from factory.errors import InputError
from factory.models.checkpoints import read_card
from factory.sources import SourceSection
from factory.sources.phantom import PhantomSource
from factory.sources.phantoms import PHANTOMS
from factory.store.repository import Store
from factory.store.versions import data_sets
from factory.vocabulary import Domain
from flows.planning.named_source import source_named
from flows.planning.recipe import kept_recipe
from flows.planning.recipe_paths import checkpoint_named
from tasks.reports.consents import shows_real
from tasks.services.settings import Settings


@dataclass(frozen=True)
class RealSource:
    """Real pairs, and whether their pixels may be shown.

    Attributes:
        section: of a recipe.
        may_show: what the recipe says, or that they are phantoms.
    """

    section: SourceSection
    may_show: bool = False


def real_pairs(named: str, checkpoint: str, domain: Domain, settings: Settings) -> RealSource:
    """The real pairs that are named, or else those that a checkpoint learnt from.

    Raises:
        InputError: if there are none by that name, or none is named and what it learnt from is unknown.
    """
    if named:
        return RealSource(source_named(named))
    if (found := source_of(checkpoint, domain, settings)) is None:
        raise InputError(
            "nothing in this home says which real pairs the checkpoint learnt from, and these are "
            "needed here: give their folder or recipe"
        )
    return found


def source_of(checkpoint: str, domain: Domain, settings: Settings) -> RealSource | None:
    """Phantoms for a phantom domain, else the source of the home that the card names; None: unknown."""
    if domain.name in PHANTOMS:
        return RealSource(PhantomSource(domains=(domain.name,)), may_show=True)
    learnt = read_card(checkpoint_named(checkpoint)).get("source_digest")
    return next(_sources(settings, learnt), None)


def _sources(settings: Settings, learnt: object) -> Iterator[RealSource]:
    """Sources with this digest that data sets of the home were held against."""
    lake = Lake(settings.lake)
    for name in data_sets(settings.pairs):
        snapshot = Store(settings.pairs, name).snapshot()
        attributes = snapshot.attributes
        if attributes.get("digests", {}).get("source") == learnt:
            try:
                recipe = kept_recipe(attributes["sections"], (), name, settings.home)
            except InputError:  # of a release whose recipes cannot be read any more
                continue
            yield RealSource(recipe.source, shows_real(lake, snapshot))
