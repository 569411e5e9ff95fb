"""What a blinded reading comes to: each reader, all of them, each domain, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from evaluation.reading.answers import Answers
from evaluation.reading.detection import Confusion, Detection, detection
from evaluation.reading.reliability import fleiss_kappa, krippendorff_alpha
from evaluation.statistics.bootstrap import NOTHING, Estimate, difference, mean
from evaluation.statistics.rank_correlation import rank_correlation

EVERY = ""  # readers or domains
KINDS = ("synthetic", "real")


@dataclass(frozen=True)
class Line:
    """Some of the answers: those of a reader, those in a domain, or all.

    Attributes:
        reader: "" for all of them together.
        domain: "" for all of them together.
        answers: their number.
        detection: of synthetic images among real ones.
        grade_synthetic: mean grade, 1 to 5, of synthetic images.
        grade_real: of real ones.
        grade_difference: synthetic - real.
        seconds: median time to the choice; NaN where it was not measured.
    """

    reader: str
    domain: str
    answers: int
    detection: Detection
    grade_synthetic: Estimate
    grade_real: Estimate
    grade_difference: Estimate
    seconds: float


@dataclass(frozen=True)
class Correlation:
    """How what readers say of synthetic pairs goes with a number that was worked out of each.

    Attributes:
        number: its name, of `evaluation.gating.pair_metrics.PAIR_NUMBERS`.
        called_real: Spearman's correlation with the share of readers who called a pair real.
        grade: with the mean grade.
    """

    number: str
    called_real: Estimate
    grade: Estimate


@dataclass(frozen=True)
class Agreement:
    """How far readers agree with each other; NaN where there are not two.

    Attributes:
        kappa: Fleiss' kappa of the forced choice, of the readers who answered every image that
            anybody did.
        alpha: Krippendorff's of the forced choice, over images that two or more answered.
        grade_alpha: Krippendorff's of the grades, ordinal.
    """

    kappa: Estimate
    alpha: Estimate
    grade_alpha: Estimate


@dataclass(frozen=True)
class ReadingResult:
    """Everything at once.

    Attributes:
        lines: all answers, then those of each reader, then those in each domain.
        agreement: between readers.
        correlations: with the numbers of single pairs, where these are known.
    """

    lines: tuple[Line, ...]
    agreement: Agreement
    correlations: tuple[Correlation, ...]

    @property
    def whole(self) -> Line:
        """All answers."""
        return self.lines[0]


def reading_result(answers: Answers, numbers: pd.DataFrame | None = None) -> ReadingResult:
    """What a reading comes to.

    Args:
        answers: at least one.
        numbers: item as index, a column for each number of synthetic pairs.
    """
    known = pd.DataFrame() if numbers is None else numbers
    return ReadingResult(
        tuple(_lines(answers)), _agreement(answers), tuple(_correlations(answers, known))
    )


def estimates(result: ReadingResult) -> Iterator[tuple[str, str, str, Estimate]]:
    """Every number with its interval: reader, domain, name, estimate."""
    for line in result.lines:
        found = {
            "accuracy": line.detection.accuracy,
            "d_prime": line.detection.d_prime,
            **_counts(line.detection.confusion),
            "grade_synthetic": line.grade_synthetic,
            "grade_real": line.grade_real,
            "grade_difference": line.grade_difference,
        }
        yield from ((line.reader, line.domain, name, each) for name, each in found.items())
    agreement = result.agreement
    yield EVERY, EVERY, "fleiss_kappa", agreement.kappa
    yield EVERY, EVERY, "krippendorff_alpha", agreement.alpha
    yield EVERY, EVERY, "grade_krippendorff_alpha", agreement.grade_alpha
    for each in result.correlations:
        yield EVERY, EVERY, f"called_real_with_{each.number}", each.called_real
        yield EVERY, EVERY, f"grade_with_{each.number}", each.grade


def _counts(confusion: Confusion) -> dict[str, Estimate]:
    """Counts as estimates without bounds; n is how often that kind was shown."""
    found = asdict(confusion)
    shown = {kind: sum(n for name, n in found.items() if name.startswith(kind)) for kind in KINDS}
    unknown = float("nan")
    return {
        name: Estimate(float(count), unknown, unknown, shown[name.partition("_")[0]])
        for name, count in found.items()
    }


def _lines(answers: Answers) -> Iterator[Line]:
    yield _line(answers)
    for reader in answers.readers:
        yield _line(answers.where(answers.reader == reader), reader=reader)
    if len(answers.domains) > 1:
        for domain in answers.domains:
            yield _line(answers.where(answers.domain == domain), domain=domain)


def _line(answers: Answers, reader: str = EVERY, domain: str = EVERY) -> Line:
    synthetic, units = answers.synthetic, answers.unit
    ours, real = (mean(answers.grade[at], units[at]) for at in (synthetic, ~synthetic))
    measured = answers.seconds[np.isfinite(answers.seconds)]
    return Line(
        reader,
        domain,
        len(answers),
        detection(synthetic, answers.called_synthetic, units),
        ours,
        real,
        difference(ours, real),
        float(np.median(measured)) if len(measured) else float("nan"),
    )


def _agreement(answers: Answers) -> Agreement:
    if len(answers.readers) < 2:
        return Agreement(NOTHING, NOTHING, NOTHING)
    called = answers.by_item(answers.called_synthetic.astype(float))
    through = called.dropna(axis="columns")
    said = through.to_numpy().sum(1)
    counts = np.column_stack([through.shape[1] - said, said])
    grades = answers.by_item(answers.grade)
    return Agreement(
        fleiss_kappa(counts, answers.unit_of(through.index)) if through.shape[1] > 1 else NOTHING,
        krippendorff_alpha(called, "nominal", answers.unit_of(called.index)),
        krippendorff_alpha(grades, "ordinal", answers.unit_of(grades.index)),
    )


def _correlations(answers: Answers, numbers: pd.DataFrame) -> Iterator[Correlation]:
    synthetic = answers.where(answers.synthetic)
    real, grade = (
        synthetic.by_item(values).mean(axis=1)
        for values in ((~synthetic.called_synthetic).astype(float), synthetic.grade)
    )
    for name in numbers.columns:
        values = numbers[name].reindex(real.index)
        at = values.notna().to_numpy()
        yield Correlation(
            str(name),
            rank_correlation(real[at], values[at]),
            rank_correlation(grade[at], values[at]),
        )
