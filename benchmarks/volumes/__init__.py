"""Coherent stacks of several sets: what they are made of, drawn by and measured with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.figures import Bar, Figure
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.volumes import measure_volumes
from evaluation.pairs import Block, take
from evaluation.settings import EvaluateSection, UtilitySection
from evaluation.statistics.bootstrap import Estimate
from evaluation.utility.volumes.segmentation import VolumeSegmentationTask
from evaluation.volumes.consistency import volume_consistency
from evaluation.volumes.segmenter import (
    VolumeSegmenter,
    new_volume_segmenter,
    train_volume_segmenter,
)
from factory.generators.mask_first import MaskFirst
from factory.generators.specs import MedSegFactorySpec
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.library import MaskLibrary
from factory.prompts.masks.section import MasksSection
from factory.prompts.section import COHERENT, GridSection
from factory.prompts.volume_grid import VolumeGrid
from factory.sources.base import Source
from factory.sources.folder import FolderSource
from factory.sources.volumes.phantom import PhantomVolumeSource
from factory.training.data import TrainingData
from factory.vocabulary import Domain

DATA = Path(__file__).parents[3] / "shared" / "data"
SEED = 7
AT_ONCE = 64  # slices
TASK = VolumeSegmentationTask()
GAINS = {
    "gain_3d": "both - real",
    "gain_classical_3d": "classical - real",
    "over_classical_3d": "both - classical",
}


@dataclass(frozen=True)
class Effort:
    """How long everything takes.

    Attributes:
        size: of the slices, in pixels.
        generator, autoencoder, judge, arms: training steps.
        volumes: drawn of each set.
        seeds: of the arms.
    """

    size: int
    generator: int
    autoencoder: int
    judge: int
    arms: int
    volumes: int
    seeds: int


FULL = Effort(size=64, generator=2400, autoencoder=1500, judge=600, arms=600, volumes=24, seeds=3)
QUICK = Effort(size=32, generator=100, autoencoder=60, judge=60, arms=30, volumes=6, seeds=1)


@dataclass(frozen=True)
class VolumeSet:
    """Real volumes, of which few are learnt from.

    Attributes:
        name: in figures.
        source: of all of them.
        few: the smaller number of real volumes that arms and generator have.
        effort: of all trainings.
        coherence: of the stacks that are drawn, in slices.
    """

    name: str
    source: PhantomVolumeSource | FolderSource
    few: int
    effort: Effort
    coherence: float = COHERENT

    @property
    def image(self) -> ImageSection:
        """Size of all slices."""
        return ImageSection(size=self.effort.size)

    @cached_property
    def all(self) -> Source:
        """Every volume: ranges and the judge are of these."""
        return self.source.build()

    @cached_property
    def train(self) -> PairBatch:
        """All training volumes."""
        return self.all.read("train", self.image)

    @cached_property
    def held_out(self) -> PairBatch:
        """Volumes of all other patients, which neither generator nor judge nor arms learn from."""
        parts = [self.all.read(split, self.image) for split in ("val", "test")]
        return PairBatch.concatenate(parts)

    @cached_property
    def known(self) -> PairBatch:
        """The few volumes that the generator and the arms have."""
        limited = self.source.model_copy(update={"limit": self.few})
        return limited.build().read("train", self.image)

    @property
    def domain(self) -> Domain:
        """Their only domain."""
        (domain,) = self.all.domains.values()
        return domain

    def drawn(self, folder: Path) -> PairBatch:
        """Volumes of a generator that is trained, in a folder, on the few alone."""
        spec = self._spec()
        data = TrainingData(
            self.known, self.known, self.all.domains, self.image, self.all.digest, self.all.licence
        )
        for _ in tqdm(spec.learn(data, folder), desc=f"{self.name}: generator", unit="step"):
            pass
        masks = MasksSection()
        section = GridSection(
            unit="volume",
            masks=masks,
            replicates=self.effort.volumes,
            seed=SEED,
            coherence=self.coherence,
        )
        library = MaskLibrary.of_volumes(self.known, self.all.domains, masks)
        asked = PromptGrid(section, self.all.domains).painting(library)
        painter = spec.with_checkpoint(folder).build(self.image)
        return _made(MaskFirst(painter, library), VolumeGrid(asked, section.coherence), self.name)

    def figures(self, folder: Path) -> Iterator[tuple[str, Figure]]:
        """Every figure of this set, by name.

        Args:
            folder: of the generator's checkpoint.
        """
        made = self.drawn(folder)
        judge = self._judge()
        yield from self._through_plane(made, judge)
        found = volume_consistency(made, self.held_out, judge, seed=SEED)
        yield f"consistency_3d_{self.name}", Figure.estimated(found.volumes, "Dice")
        yield f"consistency_3d_real_{self.name}", Figure.estimated(found.real, "Dice")
        yield f"consistency_closed_{self.name}", Figure.estimated(found.closed)
        yield from self._gains(made)

    def _spec(self) -> MedSegFactorySpec:
        train = {
            "steps": self.effort.generator,
            "learning_rate": 1.5e-3,
            "ema": 0.995,
            "autoencoder": {"kind": "coarse", "steps": self.effort.autoencoder},
            "text": {"steps": min(600, self.effort.generator)},
            "augment": {"copies": 8, "scale": 0.1, "shift": 0.05},
        }
        sample = {"steps": 25, "guidance": 1.0}
        content = {"preset": "small", "coupling": "concat", "train": train, "sample": sample}
        return MedSegFactorySpec.model_validate(content)

    def _through_plane(
        self, made: PairBatch, judge: VolumeSegmenter
    ) -> Iterator[tuple[str, Figure]]:
        """The smaller of both shares, then both and structures, each with that of real volumes."""
        ours, train, held_out = map(_block, (made, self.train, self.held_out))
        context = ScoringContext(ours, train, held_out, EvaluateSection(), judge=judge)
        found = {r.metric: Figure.estimated(r.estimate) for r in measure_volumes(context)}
        both = [found["through_plane_image"], found["through_plane_mask"]]
        yield f"through_plane_{self.name}", min(both, key=lambda figure: figure.value or 0.0)
        yield from ((f"{name}_{self.name}", figure) for name, figure in found.items())

    def _judge(self) -> VolumeSegmenter:
        judge = new_volume_segmenter("unet3d", 1, self.domain.classes, seed=SEED)
        steps = self.effort.judge
        loop = train_volume_segmenter(judge, [self.train], steps=steps, seed=SEED)
        for _ in tqdm(loop, desc=f"{self.name}: judge", total=steps, unit="step"):
            pass
        return judge

    def _gains(self, made: PairBatch) -> Iterator[tuple[str, Figure]]:
        """What drawn volumes add to the few real ones, and what a rival does that costs no generator."""
        section = UtilitySection(
            segmenters=("unet3d",),
            real=("all",),
            arms=("real", "both", "classical"),
            seeds=self.effort.seeds,
            steps=self.effort.arms,
        )
        cases = []
        for arm in tqdm(TASK.arms(section, self.known, made), desc=f"{self.name}: arms"):
            targets = self.domain.classes
            network, loop = TASK.start(arm, self.known, made, targets, section.steps)
            for _ in loop:
                pass
            cases.append(TASK.test(arm, network, self.held_out, targets, section))
        told = pd.concat(cases).assign(provenance="strict", weights="last")
        rows = TASK.overall(TASK.utility(told).gains).to_dict("records")
        found = {row["comparison"]: row for row in rows}
        for name, comparison in GAINS.items():
            gain = Estimate(*(found[comparison][key] for key in ("gain", "low", "high", "n")))
            yield f"{name}_{self.name}", Figure.estimated(gain, "Dice")


def _made(generator: MaskFirst, grid: VolumeGrid, name: str) -> PairBatch:
    parts = []
    for start in tqdm(range(0, len(grid), AT_ONCE), desc=f"{name}: drawing", unit="batch"):
        prompts = grid[start : start + AT_ONCE]
        parts.append(generator.generate(prompts, [prompt.seed for prompt in prompts]))
    return PairBatch.concatenate(parts)


def _block(pairs: PairBatch) -> Block:
    return take(pairs, np.arange(len(pairs)))


def sets(data: Path, effort: Effort, coherence: float = COHERENT) -> list[VolumeSet]:
    """The phantoms, and the real sets that lie in a folder; of what is drawn, how coherent."""
    phantoms = PhantomVolumeSource(train=16, val=6, test=6)
    found = [VolumeSet("phantom", phantoms, 3, effort, coherence)]
    for name, folder, few in (("hippocampus", "mri_hippocampus", 5), ("chaos", "mri_chaos_t2", 2)):
        if (data / folder).is_dir():
            source = FolderSource(path=data / folder)
            found.append(VolumeSet(name, source, few, effort, coherence))
    return found


def bars(chosen: Sequence[VolumeSet]) -> list[Bar]:
    """What the figures of each set have to reach; gains are printed as they are."""
    return [
        Bar(f"{start}_{each.name}", ">=", value)
        for each in chosen
        for start, value in (("through_plane", 0.9), ("consistency_closed", 0.7))
    ]
