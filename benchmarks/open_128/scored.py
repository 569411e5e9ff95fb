"""Scores of one domain's pairs against real ones, with a judge that learnt from these."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from tqdm import tqdm

from benchmarks.figures import Figure
from evaluation.metrics.registry import headlines
from evaluation.pairs import Pairs
from evaluation.scoring.judges import new_judge
from evaluation.scoring.version import score_version
from evaluation.settings import EvaluateSection
from factory.generators.base import Generator
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain

NAMES = MappingProxyType(
    {
        "consistency_closed": "consistency_closed",
        "consistency": "consistency",
        "constant_mask": "consistency_constant",
        "judge_real": "consistency_real",
        "sharpness": "sharpness",
        "recall_closed": "recall_closed",
        "coverage_closed": "coverage_closed",
        "near_copies": "memorised_share",
        "near_copies_heldout": "memorised_share_real",
    }
)


def drawn(generator: Generator, grid: Sequence[Prompt], count: int) -> PairBatch:
    """So many pairs, their prompts spread over a grid."""
    asked = [grid[i] for i in range(0, len(grid), len(grid) // count)][:count]
    return generator.generate(asked, [prompt.seed for prompt in asked])


def scored(
    pairs: PairBatch, train: Pairs, held_out: Pairs, domain: Domain, section: EvaluateSection
) -> dict[str, Figure]:
    """What a version of these pairs would be scored, by the names of `NAMES`."""
    judge, loop = new_judge(train, domain.name, domain.classes, section)
    for _ in tqdm(loop, desc=f"judge of {domain.name}", total=section.judge_steps, unit="step"):
        pass
    found = headlines(score_version(pairs, train, held_out, {domain.name: judge}, section).scores)
    return {name: Figure.of(found[metric]) for name, metric in NAMES.items() if metric in found}
