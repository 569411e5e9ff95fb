"""The templates of the pages, filled in: one HTML file that loads nothing and can be mailed."""

from __future__ import annotations

import math

from jinja2 import Environment, PackageLoader, StrictUndefined

from evaluation.gating.version_gates import Verdict
from evaluation.metrics.registry import METRICS, Score
from evaluation.report.reading_table import told
from evaluation.report.wording import between, domain_words, in_words, number, signed


def page(template: str, **values: object) -> str:
    """A template of this package, filled in."""
    environment = Environment(
        loader=PackageLoader("evaluation.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "interval": interval, "in_words": in_words}
    environment.filters |= {"ends": ends, "signed": signed, "between": between}
    environment.filters |= {"meaning": meaning, "domain_words": domain_words, "told": told}
    return environment.get_template(template).render(**values)


def interval(score: Score) -> str:
    """The interval between brackets, or nothing where it is unknown."""
    return between(score.low, score.high)


def ends(verdict: Verdict) -> str:
    """The interval of what a gate was held against, and a comma; nothing where it is unknown."""
    low, high = verdict.low, verdict.high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"95 % interval [{number(low)}, {number(high)}], "


def meaning(name: str) -> str:
    """What a score is, by its name or that of a gate; "" of one that is no longer measured."""
    metric = name.partition(".")[0]
    return METRICS[metric].description if metric in METRICS else ""
