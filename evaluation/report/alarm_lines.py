"""The tests of a version that found a difference, domain by domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.metrics.alarms import ALARMS, LEVEL, TESTS, significant
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import holm


@dataclass(frozen=True)
class Alarm:
    """A test of one domain whose difference chance does not explain.

    Attributes:
        domain: name.
        test: name in `ALARMS`.
        meaning: what differs.
        p: adjusted for all tests of the domain.
        n: synthetic pairs behind it.
    """

    domain: str
    test: str
    meaning: str
    p: float
    n: int


def alarms_in(scores: Sequence[Score], level: float = LEVEL) -> list[Alarm]:
    """The alarms of a version's scores."""
    tests = {metric: test for test, metric in TESTS.items()}
    of_domain: dict[str, dict[str, Score]] = {}
    for score in scores:
        if score.metric in tests and "domain" in score.parameters:
            found = of_domain.setdefault(str(score.parameters["domain"]), {})
            found[tests[score.metric]] = score
    return [
        alarm
        for domain in sorted(of_domain)
        for alarm in _of_domain(domain, of_domain[domain], level)
    ]


def _of_domain(domain: str, found: dict[str, Score], level: float) -> list[Alarm]:
    p_values = {test: score.value for test, score in found.items()}
    adjusted = holm(p_values)
    return [
        Alarm(domain, test, ALARMS[test], adjusted[test], found[test].n)
        for test in significant(p_values, level)
    ]
