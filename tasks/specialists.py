"""Specialists and generalists of one recipe: who learns what, for how long, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from factory.errors import InputError
from factory.generators.specs import MediSynSpec
from factory.images import ImageSection
from factory.models.checkpoints import parameter_count, read_card
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.sources import SourceSection
from factory.sources.base import Source
from factory.training.data import TrainingData
from factory.vocabulary import Domain
from tasks.generator_training import learn, training_data
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage

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


@dataclass(frozen=True)
class Trained:
    """A contender with its checkpoint."""

    contender: Contender
    folder: Path


def _data_of(source: Source, image: ImageSection) -> TrainingData:
    return training_data(Reference.of(source, image))


def train_contenders(
    asked: Sequence[Contender], models: Path, dataset: str, image: ImageSection, record: Record
) -> list[Trained]:
    """Trains every contender that was not trained before; an unfinished one is gone on with."""
    found = []
    for number, contender in enumerate(asked, 1):
        source = contender.source.build()
        folder = contender.spec.checkpoint_folder(models, dataset, source.digest, image)
        who = (
            contender.arm if len(contender.domains) > 1 else f"specialist of {contender.domains[0]}"
        )
        with stage(f"model {number} of {len(asked)}: {who}"):
            learn(contender.spec, partial(_data_of, source, image), folder, record)
        found.append(Trained(contender, folder))
    return found


@task(task_run_name="draw-{trained.contender.arm}", cache_policy=NO_CACHE, persist_result=False)
def draw(trained: Trained, domain: Domain, count: int, image: ImageSection) -> PairBatch:
    """So many images of a domain, its findings in turn; every contender is given the same noise."""
    findings = list(domain.findings) or [""]
    asked = [
        Prompt.about(
            domain,
            domain.shown(findings[i % len(findings)]),
            findings[i % len(findings)],
            replicate=i,
        )
        for i in range(count)
    ]
    generator = trained.contender.spec.with_checkpoint(trained.folder).build(image)
    size, parts = trained.contender.spec.sample.batch, []
    with stage(f"drawing {domain.name} ({trained.contender.arm})", total=count) as progress:
        for at in range(0, count, size):
            some = asked[at : at + size]
            parts.append(generator.generate(some, [prompt.seed for prompt in some]))
            progress.advance(len(some))
    return PairBatch.concatenate(parts)


def costs(trained: Sequence[Trained]) -> dict[str, dict[str, float]]:
    """What each arm cost.

    Returns:
        Arm -> models; parameters of all of them; steps of all their denoisers; seconds that the
        trainings took, by their cards; cost, the sum over models of seconds x parameters.
    """
    found: dict[str, dict[str, float]] = {}
    for each in trained:
        seconds, size = float(read_card(each.folder)["seconds"]), parameter_count(each.folder)
        section = each.contender.spec.train
        spent = {
            "models": 1,
            "parameters": size,
            "steps": section.steps if section is not None else 0,
            "seconds": seconds,
            "cost": seconds * size,
        }
        arm = found.setdefault(each.contender.arm, dict.fromkeys(spent, 0))
        for name, value in spent.items():
            arm[name] += value
    return found
