"""What the scores of one domain are measured on, each thing that several share worked out once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.features.names import HANDCRAFTED, kind_of
from evaluation.pairs import Block, units_of, with_masks
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import Units

if TYPE_CHECKING:
    from evaluation.agreement.finding_agreement import FindingJudge
    from evaluation.agreement.judge_agreement import Consistency, Judge
    from evaluation.features.handcrafted import Extractor
    from evaluation.fidelity.samples import FeatureSet
    from evaluation.privacy.image_distance import DistanceCache
    from evaluation.privacy.memorisation import NearestNeighbourDistances

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoringContext:
    """Pairs of one domain, and the models that judge them.

    Attributes:
        synthetic: N accepted pairs of a version.
        train: real training pairs.
        held_out: real pairs of other patients.
        section: of the recipe.
        judge: a segmenter trained on `train`; None where no synthetic pair has a mask.
        encoder: features that taught themselves on `train`; None: trained here if asked for.
        tstr_segmenter: trained on the synthetic pairs as the judge was on real ones.
        finding_classifier: of the findings of real training images.
        rejected: pairs that were made with the accepted ones and rejected; None if there are none.
        distances: of images that were compared before.
    """

    synthetic: Block
    train: Block
    held_out: Block
    section: EvaluateSection
    judge: Judge | None = None
    encoder: Extractor | None = None
    tstr_segmenter: Judge | None = None
    finding_classifier: FindingJudge | None = None
    rejected: Block | None = None
    distances: DistanceCache | None = None
    _feature_sets: dict[str, FeatureSet] = field(default_factory=dict)
    _two_sample_p: dict[str, float] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """Of all shuffling and resampling."""
        return self.section.seed

    @cached_property
    def masked(self) -> bool:
        """Whether any synthetic pair has a mask."""
        return bool(np.any(self.synthetic.has_mask))

    @cached_property
    def units(self) -> Units:
        """(N,) independent unit of each synthetic pair: itself, or the volume that it is a slice of."""
        return units_of(self.synthetic)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the foreground classes; none without a judge, who knows them."""
        return () if self.judge is None else self.judge.classes

    @cached_property
    def agreement(self) -> Consistency:
        """The judge's verdict on the pairs.

        Raises:
            ValueError: if there is no judge.
        """
        from evaluation.agreement.judge_agreement import consistency, mean_mask

        if self.judge is None:
            raise ValueError("there is no judge to agree with the masks")
        average = mean_mask(with_masks(self.train).masks, len(self.classes))
        return consistency(
            self.synthetic,
            self.held_out,
            average,
            self.judge,
            seed=self.seed,
            tolerance_mm=self.section.tolerance_mm,
        )

    @cached_property
    def plausible(self) -> Floats:
        """(N,) 1 where a pair's mask could be anatomy, 0 where not, NaN where it is absent."""
        from evaluation.agreement.plausibility import plausible

        fitting = plausible(self.synthetic.masks, with_masks(self.train).masks, len(self.classes))
        return np.where(self.synthetic.has_mask, fitting, np.nan)

    @cached_property
    def upper_power(self) -> Floats:
        """(N,) power in the upper half of each synthetic image's spectrum."""
        from evaluation.features.spectrum import upper_power

        return upper_power(self.synthetic.images)

    @cached_property
    def nearest(self) -> NearestNeighbourDistances:
        """How near the images come to real ones, and real ones to one another."""
        from evaluation.privacy.memorisation import NearestNeighbourDistances

        sets = self.synthetic, self.train, self.held_out
        return NearestNeighbourDistances.of(*sets, cache=self.distances)

    @property
    def features(self) -> frozenset[str]:
        """The sets of features that are measured; of images alone only the handcrafted ones."""
        return frozenset(map(kind_of, self.section.features) if self.masked else [HANDCRAFTED])

    def feature_set(self, kind: str) -> FeatureSet:
        """The features of one of these sets, of all three kinds of pairs."""
        if kind not in self._feature_sets:
            self._feature_sets[kind] = self._extracted(kind)
        return self._feature_sets[kind]

    def _extracted(self, kind: str) -> FeatureSet:
        from evaluation.features.registry import ExtractorContext, extractor_of
        from evaluation.fidelity.samples import feature_set, image_set

        sets, section = (self.synthetic, self.train, self.held_out), self.section
        if not self.masked:
            return image_set(*sets)
        known = self.train, self.classes, self.seed, section.encoder_steps
        about = ExtractorContext(*known, encoder=self.encoder)
        name = next(each for each in section.features if kind_of(each) == kind)
        return feature_set(extractor_of(name, about), *sets)

    def two_sample_p(self, group: str) -> float:
        """How often chance alone gives so large a difference in a group of handcrafted features."""
        from evaluation.fidelity.two_sample_test import two_sample_p

        if group not in self._two_sample_p:
            triple = self.feature_set(HANDCRAFTED).groups[group]
            ours, real = triple.synthetic, triple.train
            p = two_sample_p(ours.features, real.features, ours.units, real.units, seed=self.seed)
            self._two_sample_p[group] = p
        return self._two_sample_p[group]

    @cached_property
    def copying_p(self) -> float:
        """How often chance alone gives so many near copies."""
        from evaluation.privacy.memorisation import copying_p

        return copying_p(self.nearest, seed=self.seed)
