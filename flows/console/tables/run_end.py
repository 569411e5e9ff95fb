"""The end of a run in ten lines: verdict, six answers beside real data, report, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from evaluation.metrics.registry import Score
from evaluation.report.answers.answer import Answer
from evaluation.report.answers.help_sentence import help_sentence
from evaluation.report.wording import domain_words
from flows.console.tables.layout import Rows

if TYPE_CHECKING:
    from flows.build import Outcome

TOLD = 1  # of the gates, a missed one first: the others are counted
SHORTEST = 30  # characters of what real data gets by construction
LAST = 28  # characters of the last column, so that no line is longer than 80
SHORT = {
    "fit": "consistency",
    "realism": "fidelity",
    "diversity": "diversity",
    "no copies": "privacy",
    "as asked": "prompts",
    "use": "utility",
}


def verdict(found: Outcome) -> list[RenderableType]:
    """Whether a version is out, by which gates, and what it holds."""
    pairs = f"{found.pairs['accepted']} pairs accepted, {_rejected(found)}"
    gates = sorted(found.gates.verdicts, key=lambda gate: gate.passed)
    missed = sum(not gate.passed for gate in gates)
    head = (
        f"{found.dataset}@{found.version} is published{_champion(found)}: {pairs}"
        if found.published
        else f"{found.dataset}: no version, {missed} of {len(gates)} gates missed; {pairs}"
    )
    lines = [f"{'met' if gate.passed else 'MISSED'}: {gate.reason}" for gate in gates[:TOLD]]
    rest = sum(gate.passed for gate in gates[TOLD:])
    if more := len(gates[TOLD:]):
        lines[-1] += f"; {more} more gates, {rest} of them met"
    return [Text(head, style="bold"), *map(Text, (*found.beside, *(lines or ["no gates"])))]


def _rejected(found: Outcome) -> str:
    """How many pairs were rejected, and the reason of most of them."""
    number = f"{found.pairs['rejected']} rejected"
    if not found.rejected_for:
        return number
    reason, count = max(found.rejected_for.items(), key=lambda each: each[1])
    return f"{number} (most for {reason}: {count})"


def _champion(found: Outcome) -> str:
    if found.promotion is None:
        return ""
    mine = found.promotion.champion == found.version
    return ", the champion" if mine else f" (champion: {found.promotion.champion})"


def in_short(found: Sequence[Answer], scores: Mapping[str, Score]) -> RenderableType:
    """Six questions: a word, the verdict, the score that decides, what real data gets, where.

    Whether the pairs help is told in a sentence below, where it was measured.
    """
    given = {answer.key: answer for answer in found}
    asked = {word: key for word, key in SHORT.items() if key != "utility" or not given[key].metric}
    rows = Rows([""] * 5, [[word, *_line(given[key])] for word, key in asked.items()])
    helped = help_sentence(scores, given["utility"].verdict)
    lines = [Text(line) for line in (helped, _least(given["utility"])) if line]
    return Group(rows, *lines) if helped else rows


def _least(answer: Answer) -> str:
    """Where the pairs help least, unless they help there, too: a mean over domains can hide it."""
    if not answer.domain or answer.verdict == "good":
        return ""
    return f"Least in {domain_words(answer.domain)}: {answer.short[0]}."


def _line(answer: Answer) -> list[str]:
    if not answer.metric:
        return ["-", "not measured", "", ""]
    value, beside = answer.short
    where = domain_words(answer.domain)
    told = ", ".join(text for text in (beside if len(beside) <= SHORTEST else "", where) if text)
    # What holds of all real data by construction gives way to where it is worst.
    told = where if where and len(told) > LAST else told
    return [answer.verdict, value, f"n {answer.n}", told]


def next_steps(found: Outcome) -> Iterator[RenderableType]:
    """Where the report lies, and the commands that lead on."""
    name = f"{found.dataset}@{found.version or f'run-{found.run}'}"
    command = f"medpair datasets {f'log {found.dataset}' if found.withdrawn else f'show {name}'}"
    if found.published and not found.withdrawn:
        used = {"utility_gain", "utility_auroc_gain"} & set(found.scores)
        command = f"medpair {'datasets export' if used else 'utility'} {name}"
        command += " FOLDER" if used else ""
    told = {
        "report": str(found.report.absolute()),
        "next": command,
        f"all {len(found.scores)} scores": f"medpair evaluate {name} --all",
    }
    for what, text in told.items():
        yield Text(f"{what}: {text}", no_wrap=True, overflow="ignore")


def outcome(found: Outcome, below: RenderableType | None = None) -> RenderableType:
    """What a run came to.

    Args:
        found: of the run.
        below: what stands in place of the six answers, as all scores.
    """
    return Group(
        *verdict(found), below or in_short(found.answers, found.scores), *next_steps(found)
    )
