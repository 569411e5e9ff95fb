"""Every score of this package: its families, one line each, and what a score is.

Scoring, gates, plan, report and docs read this table; a family's file says the rest.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.features.names import SETS
from evaluation.metrics.alarms import ALARM_COUNT
from evaluation.metrics.distances import distance_family
from evaluation.metrics.findings import FINDINGS
from evaluation.metrics.images import MS_SSIM, SHARPNESS
from evaluation.metrics.judge_agreement import BEFORE_FILTERING, JUDGE_AGREEMENT, TSTR
from evaluation.metrics.masks import MASKS
from evaluation.metrics.metric import Family, Metric, Need, Parameter
from evaluation.metrics.neighbourhoods import CLOSED_REACH, NEIGHBOURHOODS
from evaluation.metrics.pixels.bands import BAND_POWER
from evaluation.metrics.pixels.flat_noise import FLAT_NOISE
from evaluation.metrics.pixels.grid import GRID
from evaluation.metrics.pixels.regions import REGIONS
from evaluation.metrics.privacy import PRIVACY
from evaluation.metrics.utility import UTILITY
from evaluation.metrics.volumes import VOLUMES
from evaluation.statistics.bootstrap import NOTHING, Estimate, mean_of

# In the order in which scores are measured and shown.
FAMILIES: dict[str, Family] = {
    "judge_agreement": JUDGE_AGREEMENT,
    "tstr": TSTR,
    "masks": MASKS,
    "regions": REGIONS,
    "handcrafted": distance_family("handcrafted"),
    "neighbourhoods": NEIGHBOURHOODS,
    "closed_reach": CLOSED_REACH,
    "encoder": distance_family("encoder"),
    "network": distance_family("network"),
    "inception": distance_family("inception"),
    "radiomics": distance_family("radiomics"),
    "lite0-early": distance_family("lite0-early"),
    "sharpness": SHARPNESS,
    "band_power": BAND_POWER,
    "flat_noise": FLAT_NOISE,
    "grid": GRID,
    "volumes": VOLUMES,
    "ms_ssim": MS_SSIM,
    "privacy": PRIVACY,
    "alarms": ALARM_COUNT,
    "findings": FINDINGS,
    "before_filtering": BEFORE_FILTERING,
    "utility": UTILITY,
}


class Metrics(Mapping[str, Metric]):
    """The metrics of all families, by name."""

    def __getitem__(self, name: str) -> Metric:
        for family in FAMILIES.values():
            if name in family.metrics:
                return family.metrics[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for family in FAMILIES.values() for name in family.metrics)

    def __len__(self) -> int:
        return sum(len(family.metrics) for family in FAMILIES.values())


METRICS = Metrics()


def needs_of(gate: str) -> frozenset[Need]:
    """What the score that a gate names needs ("NAME" or "NAME.low"); nothing of an unknown one."""
    name = gate.partition(".")[0]
    return METRICS[name].needs if name in METRICS else frozenset()


def features_of(gate: str) -> str | None:
    """The set of features that the score a gate names is measured by; None where by none."""
    return next((str(need) for need in needs_of(gate) if need in SETS), None)


@dataclass(frozen=True)
class Score:
    """One number about one version of pairs.

    Attributes:
        metric: its name in `METRICS`.
        value: NaN where it could not be observed, with n saying why not.
        low: lower bound of the 95 % interval, NaN where unknown.
        high: upper bound, likewise.
        n: pairs (or cases) behind it.
        unit: of value and bounds.
        higher_is_better: None where neither direction is.
        parameters: whatever else the number depends on. `domain`, `class` and `facet` mark a
            part; a score with none of them is the headline: the mean over domains.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    higher_is_better: bool | None
    parameters: dict[str, Parameter] = field(default_factory=dict)

    @staticmethod
    def of(metric: str, estimate: Estimate, **parameters: Parameter) -> Score:
        """The score of a registered metric.

        Raises:
            KeyError: if the metric is not in `METRICS`.
        """
        known = METRICS[metric]
        e = estimate
        direction = known.higher_is_better
        return Score(metric, e.value, e.low, e.high, e.n, known.unit, direction, parameters)

    @property
    def estimate(self) -> Estimate:
        """Value, bounds and n."""
        return Estimate(self.value, self.low, self.high, self.n)

    @property
    def headline(self) -> bool:
        """Whether it speaks for the whole version, not for one domain, class or facet."""
        return self.whole and "domain" not in self.parameters

    @property
    def whole(self) -> bool:
        """Whether it speaks for all pairs of its domain, not for one class or facet of them."""
        return not {"class", "facet"} & set(self.parameters)

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return math.isfinite(self.value)


def headlines(scores: Sequence[Score]) -> dict[str, Score]:
    """The headline score of each metric, by name: what gates and MLflow read."""
    return {score.metric: score for score in scores if score.headline}


def over_domains(scores: Sequence[Score], domains: Collection[str]) -> Score:
    """The headline of one metric from its scores of single domains: their mean, n summed.

    A text that differs between the domains (each has an encoder of its own) is kept of all, a
    number that differs (features grow with the classes) of none.

    Args:
        scores: at least one.
        domains: all that the headline speaks for; unknown where one of them has no score.
    """
    lacking = set(domains) - {str(score.parameters["domain"]) for score in scores}
    estimates = [score.estimate for score in scores] + [NOTHING] * len(lacking)
    rest: dict[str, Parameter] = {}
    for name in scores[0].parameters:
        values = list(dict.fromkeys(s.parameters[name] for s in scores))
        if len(values) == 1:
            rest[name] = values[0]
        elif name != "domain" and all(isinstance(value, str) for value in values):
            rest[name] = "+".join(map(str, values))
    rest.pop("domain", None)
    return Score.of(scores[0].metric, mean_of(estimates), **rest)
