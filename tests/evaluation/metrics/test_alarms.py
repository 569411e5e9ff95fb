"""Which tests are corrected together: those of one domain, and no others."""

import math

from evaluation.metrics.alarms import ALARMS, TESTS, significant
from evaluation.metrics.registry import Score
from evaluation.report.alarm_lines import alarms_in
from evaluation.statistics.bootstrap import Estimate

NAN = math.nan


def test_the_smallest_of_six_is_held_against_a_sixth_of_three_percent():
    others = dict.fromkeys(ALARMS, 0.5)
    assert significant({**others, "texture": 0.005}) == ("texture",)
    assert significant({**others, "texture": 0.0051}) == ()
    # A test that could not be made is none: then it is a fifth.
    assert significant({**others, "copying": NAN, "texture": 0.006}) == ("texture",)


def test_domains_are_not_corrected_for_one_another():
    p_values = dict.fromkeys(TESTS.values(), 0.5) | {"copying_p": 0.005}
    scores = [
        Score.of(metric, Estimate(p, NAN, NAN, 40), domain=domain)
        for domain in "abc"
        for metric, p in p_values.items()
    ]
    found = alarms_in(scores)
    assert [(each.domain, each.test, each.p) for each in found] == [
        (domain, "copying", 0.03) for domain in "abc"
    ]
