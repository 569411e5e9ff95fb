"""Who takes part in a comparison: specialists and generalists, what each learns and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from factory.errors import InputError
from factory.generators.specs import MediSynSpec
from factory.sources import SourceSection
from factory.vocabulary import Domain

SPECIALISTS, GENERALIST, GENERALIST_SHORT = "specialists", "generalist", "generalist_short"


@dataclass(frozen=True)
class Contender:
    """One model that takes part.

    Attributes:
        arm: `specialists` (one contender for each domain), `generalist` (trained for as many steps as
            all of them together) or `generalist_short` (for as many as one of them).
        source: what it learns from.
        spec: how.
        domains: that it draws.
    """

    arm: str
    source: SourceSection
    spec: MediSynSpec
    domains: tuple[str, ...]


def contenders(
    source: SourceSection, spec: object, domains: Mapping[str, Domain]
) -> list[Contender]:
    """The models that a recipe's comparison trains.

    A specialist takes its share of the steps of denoiser and autoencoder, so that it sees each
    image of its domain as often as the generalist does. Text encoders, which learn from sentences
    of the whole vocabulary and from no image, are all trained in full.

    Raises:
        InputError: if the generator is another one or is not trained, or there is one domain.
    """
    if not isinstance(spec, MediSynSpec) or spec.train is None:
        raise InputError(
            "the comparison trains generators of images by text, each from nothing: it needs "
            "generator.kind medisyn with a train section"
        )
    if spec.start is not None:
        raise InputError(
            "generator.from would give every model the same start, and a specialist what others "
            "had learnt; leave it out"
        )
    if len(domains) < 2:
        raise InputError("the comparison needs two domains or more; name them in source.domains")
    few, names = with_step_share(spec, len(domains)), tuple(domains)
    return [
        *(Contender(SPECIALISTS, single_domain(source, name), few, (name,)) for name in names),
        Contender(GENERALIST, source, spec, names),
        Contender(GENERALIST_SHORT, source, few, names),
    ]


def with_step_share(spec: MediSynSpec, parts: int) -> MediSynSpec:
    """The same generator with 1/parts of the steps of its denoiser and of its autoencoder."""
    if spec.train is None:
        raise ValueError("this generator has no train section to share")
    section = spec.train.autoencoder
    autoencoder = section.model_copy(update={"steps": -(-section.steps // parts)})
    steps = -(-spec.train.steps // parts)
    train = spec.train.model_copy(update={"steps": steps, "autoencoder": autoencoder})
    return spec.model_copy(update={"train": train})


def single_domain(source: SourceSection, domain: str) -> SourceSection:
    """The section that reads one domain of a source.

    Raises:
        InputError: if the source cannot be told to.
    """
    if source.limited:
        raise InputError(
            "the source takes only some training images of all domains together, so the share of "
            "one is not fixed; leave limit out"
        )
    return source.single_domain(domain)
