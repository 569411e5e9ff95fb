"""How fast is each stage, beside the best public code or the plain way to the same result?

Both ways run in turns in one process, on one thread, five rounds each; seconds are processor time,
so that a busy machine matters little. A full run takes about half an hour on one core, `--quick`
less than five minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Sequence

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.speed import (
    pictures,
    recorded,
    sampling,
    scores,
    scoring,
    starting,
    storing,
    training,
)
from benchmarks.speed.contest import Contest, run

PARTS = {
    "scores": scores.contests,
    "pictures": pictures.contests,
    "sampling": sampling.contests,
    "storing": storing.contests,
    "starting": starting.contests,
    "training": training.contests,
}
LONG = {"quality": sampling.quality, "scoring": scoring.figures}
BARS = (*starting.BARS, *scoring.BARS)


def entered(parts: Sequence[str], quick: bool) -> Iterator[tuple[str, Contest]]:
    """The contests of some parts, each to be run before the next is asked for."""
    for part in parts:
        if part in PARTS:
            yield from ((k, c) for k, c in PARTS[part]() if c.quick or not quick)


def measured(
    parts: Sequence[str], quick: bool
) -> tuple[dict[str, Figure], dict[str, str], list[Bar]]:
    """Figures of all parts, what each contest compares, and the bars of what was measured."""
    figures: dict[str, Figure] = {}
    told, bars = {}, [*BARS]
    for name, contest in entered(parts, quick):
        print(f"{name}: {contest.task}, against {contest.rival}", file=sys.stderr)
        figures |= dict(run(name, contest))
        told[name] = f"{contest.task}, against {contest.rival}"
        bars += contest.bars(name)
    for part in parts:
        if part in LONG and not quick:
            figures |= LONG[part]()
    return figures, told, bars


def main() -> None:
    """Prints the figures; with `--hold` fails where a ratio has fallen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="what takes seconds alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--hold", action="store_true", help="against what is recorded")
    parser.add_argument("--record", action="store_true", help="the figures, and the page's table")
    parser.add_argument("--parts", nargs="+", default=[*PARTS, *LONG], choices=[*PARTS, *LONG])
    options = parser.parse_args()
    # Libraries that are only run beside ours announce what they will drop one day.
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with threadpool_limits(1):
        figures, told, bars = measured(options.parts, options.quick)
    met = verdicts(bars, figures)
    lines = [*recorded.fallen(figures, recorded.read())] if options.hold else []
    notes: dict[str, object] = {"processor": recorded.processor()}
    if options.hold:
        notes["fallen"] = lines or "none"
    show("speed", figures, notes, options.json, met)
    if options.record:
        recorded.write(figures, told, met, recorded.FILE)
        content = json.loads(recorded.FILE.read_text(encoding="utf-8"))
        page = recorded.PAGE.read_text(encoding="utf-8")
        told_again = recorded.renewed(page, recorded.table(content).splitlines())
        recorded.PAGE.write_text(told_again, encoding="utf-8")
    if lines:
        sys.exit(1)


if __name__ == "__main__":
    main()
