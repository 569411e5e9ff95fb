"""What a score's name stands for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What a score's name stands for.

    Attributes:
        unit: of value and bounds.
        higher_is_better: None where neither direction is: a control, or best in the middle.
        version: goes up whenever equal pairs would get another value.
        description: one sentence for people.
        beside: names of the controls it must be read with.
    """

    unit: str
    higher_is_better: bool | None
    version: int
    description: str
    beside: tuple[str, ...] = ()
