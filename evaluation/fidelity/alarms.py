"""What is wrong with these pairs? Tests against real ones, each of which gives a shift a name.

Any one test at 5 % cries wolf once in twenty times; here the false alarms of all of them together
are held to 3 %. Good pairs of a real generator raise alarms too, since none draws exactly what is
real: an alarm says where to look, a gate how much is too much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import holm

LEVEL = 0.03

ALARMS: Mapping[str, str] = {
    "first_order": "brightness and contrast differ",
    "texture": "texture differs: blur, noise or another scanner",
    "spectrum": "power by frequency differs: blur, noise or a grid",
    "geometry": "masks differ in presence, size, place or shape of classes",
    "interface": "images do something else at the mask's contour: masks that do not fit",
    "copying": "images lie nearer to training images than other patients' do",
}

# Test -> the metric that holds its p-value.
TESTS: Mapping[str, str] = {
    name: "copying_p" if name == "copying" else f"shift_{name}_p" for name in ALARMS
}


def raised(p_values: Mapping[str, float], level: float = LEVEL) -> tuple[str, ...]:
    """Names of the tests whose difference chance does not explain, all tests taken together.

    Args:
        p_values: name in `ALARMS` -> p-value of its test; NaN where it could not be made.
        level: probability of any false alarm.

    Raises:
        KeyError: if a test is unknown.
    """
    known = {name: p for name, p in p_values.items() if ALARMS[name]}
    return tuple(name for name, p in holm(known).items() if p <= level)


@dataclass(frozen=True)
class Alarm:
    """A raised test of one domain.

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
    """The alarms that the scores of a version raise, domain by domain."""
    tests = {metric: test for test, metric in TESTS.items()}
    of_domain: dict[str, dict[str, Score]] = {}
    for score in scores:
        if score.metric in tests and "domain" in score.parameters:
            told = of_domain.setdefault(str(score.parameters["domain"]), {})
            told[tests[score.metric]] = score
    found = []
    for domain, told in sorted(of_domain.items()):
        p_values = {test: score.value for test, score in told.items()}
        adjusted = holm(p_values)
        found += [
            Alarm(domain, test, ALARMS[test], adjusted[test], told[test].n)
            for test in raised(p_values, level)
        ]
    return found
