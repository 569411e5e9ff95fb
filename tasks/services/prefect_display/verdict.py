"""What a factory run tells in Prefect when it is through: a line of its log and an artifact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version as release
from pathlib import Path

from prefect import get_run_logger

from evaluation.gating.version_gates import Decision, Verdict
from tasks.services.prefect_display.artifacts import Artifact
from tasks.services.prefect_display.courier import COURIER

SHOWING_SECONDS = 10.0


@dataclass(frozen=True)
class RunVerdict:
    """Whether a version is out, and why.

    Attributes:
        dataset: name.
        version: tag of the published version, None where a gate failed.
        gates: the verdicts.
        report: the HTML file.
        news: whether the version was published just now, not by an earlier run.
        beside: what else should be known of it, a line each.
        out_as: version that the same pairs are out as, though this run kept them back.
    """

    dataset: str
    version: str | None
    gates: Decision
    report: Path
    news: bool = True
    beside: tuple[str, ...] = ()
    out_as: str = ""

    @property
    def line(self) -> str:
        """The verdict in one line; of a failed run, each missed gate and by how much."""
        return "; ".join((self._verdict, *self.beside))

    @property
    def _verdict(self) -> str:
        if self.version is None:
            return f"{self.dataset} is kept back, a gate failed: {'; '.join(self.gates.failures)}"
        stands = "is published" if self.news else "was published before and nothing is new"
        return f"{self.dataset} {self.version} {stands}: {self._met}"

    @property
    def _met(self) -> str:
        count = len(self.gates.verdicts)
        return f"all {count} gates are met" if count else "its recipe has no gates"

    @property
    def markdown(self) -> str:
        """The verdict with a table of the gates and the place of the report on this machine."""
        return self._markdown(f"Report: `{self.report}`")

    @property
    def note(self) -> str:
        """The same for a record of runs, which keeps the report and may be moved with its home."""
        return self._markdown(f"Report: `{self.report.name}`, among the artifacts of this run")

    def _markdown(self, report: str) -> str:
        table = [_table(self.gates)] if self.gates.verdicts else []
        return "\n\n".join([f"**{self.line}**", *table, report])

    @property
    def tags(self) -> dict[str, str]:
        """The same for a record of runs to be searched by; the report is an artifact of the run."""
        return {
            "medpair.data_set": self.dataset,
            "medpair.version": self.version or self.out_as or "none",
            "medpair.verdict": "published" if self.version or self.out_as else "kept back",
            "medpair.report": self.report.name,
            "medpair.release": release("medpair-factory"),
        }

    def tell(self) -> None:
        """Logs the line and leaves the artifact with the flow run that is under way.

        A server that does not answer costs the artifact, not the run.
        """
        get_run_logger().info(self.line)
        key = f"verdict-{self.dataset.lower().replace('_', '-')}"
        Artifact("markdown", self.line, key).show(self.markdown)
        COURIER.flush(SHOWING_SECONDS)


def _table(gates: Decision) -> str:
    head = ["| gate | value | bound | met |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, gates.verdicts)])


def _row(gate: Verdict) -> str:
    known = gate.measured is not None and not math.isnan(gate.measured)
    value = f"{gate.measured:.4g}" if known else "not measured"
    return f"| {gate.gate} | {value} | {gate.bound} | {'yes' if gate.passed else 'no'} |"
