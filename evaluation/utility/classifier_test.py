"""How a trained classifier does on pairs it did not learn from: its answers, case by case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.labels import Labels, known_indices
from evaluation.pairs import Pairs, take, units_of
from evaluation.statistics.bootstrap import Floats, Units
from evaluation.statistics.roc import auroc, balanced_accuracy
from evaluation.utility.arms import Arm
from evaluation.utility.classifier_arms import FINDING, rows_of

if TYPE_CHECKING:
    from evaluation.networks.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one arm under S seeds to N cases, L findings being possible.

    Attributes:
        tables: (S, N, L) probabilities.
        truth: (N,) index of the finding of each case.
        units: (N,) its patient.
    """

    tables: Floats
    truth: Labels
    units: Units

    @staticmethod
    def of(cases: pd.DataFrame) -> Answers:
        """Those in rows of `try_class_arm` of one arm; every seed has the same cases."""
        seeds = [part.sort_values("case") for _, part in cases.groupby("seed")]
        tables = np.array([part["probabilities"].tolist() for part in seeds])
        truth, units = (seeds[0][name].to_numpy(np.intp) for name in ("truth", "unit"))
        return Answers(tables, truth, units)

    @property
    def seeds(self) -> int:
        """S."""
        return len(self.tables)


def try_class_arm(
    arm: Arm, classifier: Classifier, pairs: Pairs, tried: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """Tries a trained arm on the pairs of its domain that show a finding it knows.

    Args:
        arm: whose fields mark the rows.
        classifier: trained.
        pairs: real ones of other patients; for a `reversed` arm the synthetic ones.
        tried: (N,) whether a pair is tried, as in a fold; None tries all.

    Returns:
        A row per pair with the arm's fields and: case (row of `pairs`), unit (its patient),
        finding, truth (its index among the findings), findings (all that are told apart),
        probabilities (of each).

    Raises:
        InputError: if there is no such pair.
    """
    wanted = rows_of(pairs, arm.domain, classifier.labels) & (True if tried is None else tried)
    at = np.flatnonzero(wanted)
    if not len(at):
        raise InputError(
            f"domain {arm.domain!r} has no pairs that show one of {list(classifier.labels)} to "
            "try classifiers on"
        )
    block = take(pairs, at)
    truth = known_indices(block, FINDING, classifier.labels)
    columns = {
        "case": at,
        "unit": units_of(pairs)[at],
        "finding": [classifier.labels[index] for index in truth],
        "truth": truth,
        "findings": [classifier.labels] * len(at),
        "probabilities": [tuple(row) for row in classifier.probabilities(block.images).tolist()],
    }
    table = pd.DataFrame(columns).assign(**arm.fields)
    return table[[*arm.fields, *columns]]


def class_numbers(cases: pd.DataFrame) -> dict[str, float]:
    """AUROC and balanced accuracy of one trained classifier, where they can be told."""
    found = Answers.of(cases)
    measures = {"auroc": auroc, "balanced_accuracy": balanced_accuracy}
    numbers = {n: float(of(found.tables[0], found.truth)[0]) for n, of in measures.items()}
    return {name: value for name, value in numbers.items() if np.isfinite(value)}
