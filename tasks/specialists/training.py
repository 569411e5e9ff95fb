"""The contenders trained, what they draw, and what each arm cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from factory.images import ImageSection
from factory.models.checkpoints import parameter_count, read_card
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.sources.base import Source
from factory.training.data import TrainingData
from factory.vocabulary import Domain
from tasks.generator_training import learn, training_data
from tasks.real_data import Reference
from tasks.services.mlflow_tracking import Record
from tasks.services.progress import stage
from tasks.specialists.contenders import Contender


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
