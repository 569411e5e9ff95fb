"""What the benchmarks on real chest X-rays share: data, recorded checkpoint, drawing and scoring.

The data are the Montgomery County chest X-rays, laid out as docs/sources.md says. Validation and
test patients together are held out, and the judge learns from the train split alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from evaluation.networks.segmenter import Segmenter
from evaluation.scoring.judges import new_judge
from evaluation.scoring.version import VersionScores, score_version
from factory.generators.base import Generator
from factory.generators.specs import MedSegFactorySpec
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.sources.base import Source
from factory.training.data import TrainingData
from factory.vocabulary import Domain
from flows.planning.recipe import Recipe, load_recipe

HERE = Path(__file__).parent
RECORDED = HERE / "recorded" / "cxr-lungs"
DATA = HERE.parents[1] / "shared" / "data" / "cxr_montgomery"


@dataclass(frozen=True)
class XRays:
    """The recipe cxr-lungs on one folder of X-rays."""

    recipe: Recipe
    source: Source

    @staticmethod
    def at(folder: Path) -> XRays:
        """Reads the recipe for this folder."""
        recipe = load_recipe("cxr-lungs", [f"source.path={folder}"])
        return XRays(recipe, recipe.source.build())

    @property
    def spec(self) -> MedSegFactorySpec:
        """The recipe's generator."""
        spec = self.recipe.generator
        if not isinstance(spec, MedSegFactorySpec):
            raise TypeError(f"recipe cxr-lungs has the generator {spec.kind}, not medsegfactory")
        return spec

    @cached_property
    def train(self) -> PairBatch:
        """The pairs to learn from."""
        return self.source.read("train", self.recipe.image)

    @cached_property
    def held_out(self) -> PairBatch:
        """Pairs of all other patients."""
        parts = [self.source.read(split, self.recipe.image) for split in ("val", "test")]
        return PairBatch.concatenate(parts)

    @property
    def domain(self) -> Domain:
        """Their only domain."""
        (domain,) = self.source.domains.values()
        return domain

    def training_data(self) -> TrainingData:
        """What a generator is trained on; the test split stays closed."""
        return TrainingData(
            train=self.train,
            held_out=self.source.read("val", self.recipe.image),
            domains=self.source.domains,
            image=self.recipe.image,
            source_digest=self.source.digest,
            licence=self.source.licence,
        )

    def drawn(self, generator: Generator, count: int | None = None) -> PairBatch:
        """Pairs spread over the recipe's grid; all of it by default."""
        grid, batch = PromptGrid(self.recipe.grid, self.source.domains), self.spec.sample.batch
        chosen = range(0, len(grid), len(grid) // (count or len(grid)))
        starts: Iterable[int] = tqdm(range(0, len(chosen), batch), desc="drawing", unit="batch")
        parts = []
        for start in starts:
            prompts = [grid[i] for i in chosen[start : start + batch]]
            parts.append(generator.generate(prompts, [prompt.seed for prompt in prompts]))
        return PairBatch.concatenate(parts)

    @cached_property
    def judge(self) -> Segmenter:
        """A segmenter trained on the real training pairs."""
        domain, section = self.domain, self.recipe.evaluate
        judge, loop = new_judge(self.train, domain.name, domain.classes, section)
        for _ in tqdm(loop, desc="judge", total=section.judge_steps, unit="step"):
            pass
        return judge

    def scored(self, pairs: PairBatch) -> VersionScores:
        """All scores of pairs against the real ones."""
        judges = {self.domain.name: self.judge}
        return score_version(pairs, self.train, self.held_out, judges, self.recipe.evaluate)
