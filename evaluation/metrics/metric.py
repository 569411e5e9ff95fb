"""What a score's name stands for, and the families of scores that are measured together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evaluation.metrics.context import ScoringContext
from evaluation.statistics.bootstrap import Estimate

Parameter = str | int | float | bool


class Need(StrEnum):
    """What there must be for a score to be measured; sets of features go by their names."""

    MASKS = "masks"
    JUDGE = "judge"
    TSTR_SEGMENTER = "tstr_segmenter"
    FINDING_CLASSIFIER = "finding_classifier"
    REJECTED = "rejected"
    VOLUMES = "volumes"
    DOWNSTREAM = "downstream"
    HANDCRAFTED = "handcrafted"
    ENCODER = "encoder"
    NETWORK = "network"
    INCEPTION = "inception"
    RADIOMICS = "radiomics"
    LITE0_EARLY = "lite0-early"


@dataclass(frozen=True)
class Metric:
    """What a score's name stands for.

    Attributes:
        unit: of value and bounds.
        higher_is_better: None where neither direction is: a control, or best in the middle.
        version: goes up whenever equal pairs would get another value.
        description: one sentence for people.
        beside: names of the controls it must be read with.
        needs: what there must be for it to be measured.
        section: key of the report's section that has a line for it; "" for none, as of controls.
    """

    unit: str
    higher_is_better: bool | None
    version: int
    description: str
    beside: tuple[str, ...] = ()
    needs: frozenset[Need] = frozenset()
    section: str = ""


@dataclass(frozen=True)
class Reading:
    """What a family read of a metric; `parameters` are whatever else the number depends on."""

    metric: str
    estimate: Estimate
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Family:
    """Metrics that are measured together, and how.

    Attributes:
        metrics: by name.
        measure: reads them off the pairs of one domain; None where that is no part of scoring.
    """

    metrics: Mapping[str, Metric]
    measure: Callable[[ScoringContext], Iterator[Reading]] | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """What every one of its metrics needs: without it there is nothing to measure."""
        return frozenset.intersection(*(metric.needs for metric in self.metrics.values()))
