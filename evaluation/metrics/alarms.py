"""What is wrong with these pairs? Tests against real ones, each of which gives a shift a name.

Any one test at 5 % cries wolf once in twenty times; here the false alarms of all tests of a domain
together are held to 3 %. Good pairs of a real generator raise alarms too, since none draws exactly what is
real: an alarm says where to look, a gate how much is too much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from evaluation.features.names import GROUPS, HANDCRAFTED
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.metric import Family, Metric, Reading
from evaluation.statistics.bootstrap import Estimate, holm

LEVEL = 0.03

ALARMS: Mapping[str, str] = {
    "first_order": "brightness and contrast differ",
    "texture": "texture differs: blur, noise or another scanner",
    "spectrum": "power by frequency differs: blur, noise or a grid",
    "geometry": "masks differ in presence, size, place or shape of classes",
    "boundary": "images do something else at the mask's contour: masks that do not fit",
    "copying": "images lie nearer to training images than other patients' do",
}

# Test -> the metric that holds its p-value.
TESTS: Mapping[str, str] = {
    name: "copying_p" if name == "copying" else f"two_sample_{name}_p" for name in ALARMS
}

_METRICS = {
    "alarms": Metric(
        "tests",
        False,
        3,
        "How many of the six tests (five groups of features, copying) found a difference that "
        "chance does not explain, 3 % for those of a domain together; over several domains the mean.",
        section="alarms",
    ),
}


def significant(p_values: Mapping[str, float], level: float = LEVEL) -> tuple[str, ...]:
    """Names of the tests of a domain whose difference chance does not explain, taken together.

    Args:
        p_values: name in `ALARMS` -> p-value of its test; NaN where it could not be made.
        level: probability of any false alarm.

    Raises:
        KeyError: if a test is unknown.
    """
    known = {name: p for name, p in p_values.items() if ALARMS[name]}
    return tuple(name for name, p in holm(known).items() if p <= level)


def _measure(context: ScoringContext) -> Iterator[Reading]:
    groups = context.feature_set(HANDCRAFTED).groups if HANDCRAFTED in context.features else ()
    p_values = {name: context.two_sample_p(name) for name in GROUPS if name in groups}
    p_values["copying"] = context.copying_p
    known = sum(map(math.isfinite, p_values.values()))
    count = float(len(significant(p_values))) if known else math.nan
    yield Reading("alarms", Estimate(count, math.nan, math.nan, known), {"level": LEVEL})


ALARM_COUNT = Family(_METRICS, _measure)
