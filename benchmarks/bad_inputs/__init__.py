"""Bad input of every kind is refused in one clear line: thousands of seeded cases, by real commands.

`python -m benchmarks.bad_inputs` lays mutated and hand-made recipes, overrides, tables, label maps,
images, checkpoints, SQL, names and folders, gives each to the command that a user would, and counts
what may not be: tracebacks, hangs, memory, walls of text, files written by what was refused, code
that was run. Every case can be laid again: `--case KIND:NUMBER` shows it; `--quick`
takes 500 cases.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bad_inputs import checkpoints, folders, names, pictures, questions, recipes
from benchmarks.bad_inputs.attempt import FAULTS, Answer, Command, Outcome, attempt, in_process
from benchmarks.bad_inputs.case import Kind, Numbered, Place
from benchmarks.bad_inputs.ground import Ground, lay_ground
from benchmarks.bad_inputs.watch import RECYCLED, watched
from benchmarks.figures import Bar, Figure, show, verdicts

KINDS: Mapping[str, Kind] = {
    "recipe": Kind(recipes.mutated_recipe, 0.2),
    "recipe-text": Kind(recipes.garbled_recipe, 0.08),
    "recipe-trap": Kind(recipes.trap, 0.05),
    "laughs": Kind(recipes.laughs, 0.005),
    "set": Kind(recipes.override, 0.1),
    "prompts": Kind(recipes.prompts, 0.03),
    "table": Kind(folders.table, 0.09),
    "label-map": Kind(folders.label_map, 0.04),
    "nnunet": Kind(folders.nnunet, 0.03),
    "annotations": Kind(folders.annotated, 0.04),
    "tree": Kind(folders.tree, 0.02),
    "image": Kind(pictures.bytes_flipped, 0.08),
    "image-kind": Kind(pictures.other_kind, 0.02),
    "image-trap": Kind(pictures.trapped, 0.03),
    "nifti": Kind(pictures.nifti, 0.03),
    "sql": Kind(questions.question, 0.06),
    "sql-endless": Kind(questions.endless, 0.001, apart=True),
    "name": Kind(names.name, 0.04),
    "place": Kind(names.place_to_write, 0.02),
    "home": Kind(names.home, 0.02),
    "checkpoint": Kind(checkpoints.damaged, 0.012),
    "pickle": Kind(checkpoints.pickled, 0.002),
}
CASES, QUICK = 10_000, 500
SECONDS = 60.0  # for a case; more is a hang
FROM_OUTSIDE = 0.002  # share that the installed command is given once more
BARS = (
    Bar("cases", ">=", CASES),
    *(
        Bar(name, "<=", 0)
        for name in ("traceback", "hang", "memory", "wall", "write", "ran", "bomb")
    ),
    Bar("bomb_seconds", "<=", 1),
    Bar("bomb_megabytes", "<=", 200),
)
# What commands load when they are first used: loaded once, so that no case pays for it.
LOADED = (
    *("flows.console.cli", "flows.api", "flows.context", "flows.datasets", "flows.starting.files"),
    *("flows.console.tables.result_tables", "flows.console.tables.dataset_tables", "torch"),
    *("flows.console.home_state", "flows.upkeep.remade", "flows.upkeep.labels", "factory.layouts"),
    *("flows.upkeep.rollback", "flows.planning.estimate", "flows.planning.costs", "duckdb"),
    *("factory.generators.medsegfactory", "factory.generators.medisyn", "factory.exports"),
    *("factory.generators.diffmask", "flows.readers.outcome", "flows.readers.exchange"),
    *("tasks.services.dask_cluster", "tasks.provenance", "tasks.reports.export_origin"),
    *("tasks.reports.changes", "evaluation.report.changes", "factory.sources.cases"),
)


@dataclass(frozen=True)
class Bench:
    """Where cases are laid and run.

    Attributes:
        ground: what they share.
        folder: for the folders of cases, each of which is removed after it.
        seed: of all cases.
        command: that is given them.
    """

    ground: Ground
    folder: Path
    seed: int
    command: Command = in_process

    def run(self, kind: str, number: int) -> Outcome:
        """Lays a case, and gives it to its command."""
        numbered = Numbered(kind, number, self.seed)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f"{kind}-{number}-") as name:
            place = Place(Path(name), self.ground)
            case = numbered.lay(KINDS[kind].lay, place)
            return attempt(str(numbered), case, place.folder, self.ground.root, self.command)


def counts(cases: int) -> dict[str, int]:
    """How many cases of each kind; at least two of each, and so many in all, or a few more."""
    shares = sum(kind.share for kind in KINDS.values())
    return {name: max(2, round(cases * kind.share / shares)) for name, kind in KINDS.items()}


def outcomes(
    bench: Bench, wanted: Mapping[str, int], seconds: float = SECONDS
) -> Iterator[Outcome]:
    """What came of so many cases of each kind, each kind in children of its own."""
    for kind, count in wanted.items():
        yield from watched(
            lambda number, kind=kind: bench.run(kind, number),  # type: ignore[misc]  # bound at once
            range(count),
            lambda number, kind=kind: f"{kind}:{number}",  # type: ignore[misc]
            seconds,
            1 if KINDS[kind].apart else RECYCLED,
        )


def outside(words: Sequence[str]) -> Answer:
    """The command as it is installed, in a process of its own."""
    command = [sys.executable, "-m", "medpair", *words]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=os.environ.copy()
    )
    return Answer(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def figures_of(found: Sequence[Outcome]) -> dict[str, Figure]:
    """How many cases, how many were refused, and how many have each fault."""
    faults = Counter(fault for each in found for fault in each.faults)
    bombs = [each for each in found if each.bomb]
    return {
        "cases": Figure(len(found), "1"),
        "refused": Figure(sum(each.refused for each in found), "1"),
        **{name: Figure(faults[name], "1", n=len(found)) for name in FAULTS},
        "bomb_seconds": Figure(
            max((each.seconds for each in bombs), default=0.0), "s", n=len(bombs)
        ),
        "bomb_megabytes": Figure(
            max((each.megabytes for each in bombs), default=0.0), "MB", n=len(bombs)
        ),
        "slowest": Figure(max((each.seconds for each in found), default=0.0), "s"),
    }


def by_kind(found: Sequence[Outcome]) -> dict[str, str]:
    """Of each kind how many cases there were, were refused and were wrong."""
    lines = {}
    for name in KINDS:
        here = [each for each in found if each.case.partition(":")[0] == name]
        wrong, seconds = sum(bool(each.faults) for each in here), sum(e.seconds for e in here)
        refused = sum(each.refused for each in here)
        lines[name] = f"{len(here)} cases, {refused} refused, {wrong} wrong, {seconds:.0f} s"
    return lines


def _ready(ground: Path) -> Ground:
    """The ground, laid by a child: a process that has threads cannot be forked well."""
    import importlib

    for name in LOADED:
        importlib.import_module(name)
    if not (child := os.fork()):
        code = 1
        try:
            lay_ground(ground)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the ground could not be laid")
    return Ground(ground)


def main() -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0, help="of all cases")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind")
    parser.add_argument("--case", metavar="KIND:NUMBER", help="one case, and what it says in full")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} cases")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medpair-bad-inputs-") as name:
        ground = _ready(Path(name) / "ground")
        (Path(name) / "cases").mkdir()
        bench = Bench(ground, Path(name) / "cases", options.seed)
        if options.case:
            _show_case(bench, options.case)
            return
        wanted = counts(QUICK if options.quick else options.cases)
        chosen = {kind: wanted[kind] for kind in options.kind or wanted}
        _measure(bench, chosen, options.json)


def _show_case(bench: Bench, case: str) -> None:
    kind, _, number = case.partition(":")
    print(Bench(bench.ground, bench.folder, bench.seed, _loud).run(kind, int(number)))


def _loud(words: Sequence[str]) -> Answer:
    answer = in_process(words)
    print(*map(ascii, words), answer.text[-8000:], sep="\n", file=sys.stderr)
    return answer


def _measure(bench: Bench, wanted: Mapping[str, int], as_json: bool) -> None:
    start, found = time.monotonic(), []
    for outcome in outcomes(bench, wanted):
        found.append(outcome)
        if outcome.faults:
            line = f"{outcome.case} {', '.join(outcome.faults)}: {outcome.what}: {outcome.message}"
            print(line.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)
    again = Bench(bench.ground, bench.folder, bench.seed, outside)
    some = {kind: max(1, round(count * FROM_OUTSIDE)) for kind, count in wanted.items()}
    checked = list(outcomes(again, some))
    figures = {**figures_of(found), "from_outside": Figure(len(checked), "1")}
    wrong = sum(bool(set(each.faults) - {"bomb"}) for each in checked)
    figures["from_outside_wrong"] = Figure(wrong, "1", n=len(checked))
    figures["seconds"] = Figure(time.monotonic() - start, "s")
    show("bad_inputs", figures, by_kind(found), as_json, verdicts(BARS, figures))
