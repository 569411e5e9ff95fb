"""What a version's scores say in short: six questions, each answered in a word and a sentence.

An answer is that of the worst score in the worst domain, so that it is never better than any
number it stands above. The rules are written down in docs/scores.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.metrics.registry import METRICS, Score
from evaluation.report.verdicts import (
    ABOVE_ZERO,
    ALONE,
    AROUND_ONE,
    AS_HIGH,
    AS_LOW,
    FEW,
    IN_RANGE,
    ORDER,
    SHARE,
    WAY_TO_REAL,
    Rule,
    Verdict,
    worst,
)
from evaluation.report.wording import between, domain_words, in_words, number

OVERALL = ""  # in place of a domain: the mean over all of them


@dataclass(frozen=True)
class Measure:
    """A score that answers a question.

    Attributes:
        metric: its name.
        rule: of its verdict.
        words: what it is, for people.
        real: name of the score it is read beside, "" where that is a constant.
        real_words: what that is, or what real data gets by construction.
        says: what it means where it is good, mixed and bad, in a plain sentence each.
        fallback: read only where none of the other scores of its question was measured.
    """

    metric: str
    rule: Rule
    words: str
    real: str
    real_words: str
    says: tuple[str, str, str]
    fallback: bool = False


@dataclass(frozen=True)
class Question:
    """A question, the section of the report that holds its numbers, and what answers it."""

    key: str
    text: str
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Finding:
    """One score in one domain with its verdict."""

    measure: Measure
    domain: str
    score: Score
    real: Score | None
    verdict: Verdict

    @property
    def badness(self) -> tuple[int, float]:
        """Larger is worse: the verdict first, then the value."""
        loss = self.measure.rule.loss(self.score.value) if self.score.known else float("-inf")
        return ORDER.index(self.verdict), loss

    @property
    def numbers(self) -> str:
        """Value and interval, what they are read beside, and n."""
        parts = [_value(self.score)]
        if self.measure.real_words:
            beside = f" {_value(self.real)}" if self.real is not None else ""
            parts.append(f"{self.measure.real_words}{beside}")
        return f"{'; '.join(parts)}; n = {self.score.n}."

    @property
    def short(self) -> tuple[str, str]:
        """Value with its interval; what real data gets, without."""
        if self.real is None:
            return _value(self.score), self.measure.real_words
        return _value(self.score), f"real {number(self.real.value)}"


@dataclass(frozen=True)
class Answer:
    """One question, answered.

    Attributes:
        key: of the section of the report that holds the numbers.
        question: that "good" answers in favour of the pairs.
        verdict: in a word.
        says: what it means, in a plain sentence.
        where: the score that decides is read, up to its name; "" where that is no one place.
        words: the name of that score, for people.
        numbers: its value, interval, what real data gets, and n.
        metric: name of that score, "" where none was measured.
        domain: where it is worst, "" for all domains.
        short: the score's value with its interval, and what real data gets, for one line.
    """

    key: str
    question: str
    verdict: Verdict
    says: str
    where: str = ""
    words: str = ""
    numbers: str = ""
    metric: str = ""
    domain: str = OVERALL
    short: tuple[str, str] = ("", "")

    @property
    def sentence(self) -> str:
        """The score that decides, in one sentence; "" where none was measured."""
        return f"{self.where}{self.words} {self.numbers}".strip()

    @property
    def name(self) -> str:
        """The deciding score's name in words and what it is, to explain it where it stands."""
        if not self.metric:
            return ""
        return f"{in_words(self.metric)}: {METRICS[self.metric].description}"


def answers(scores: Sequence[Score]) -> tuple[Answer, ...]:
    """The answers to all questions, in order.

    Args:
        scores: of a version; headlines, and those of single domains where there are any.
    """
    return tuple(_answer(question, scores) for question in QUESTIONS)


def findings(question: Question, scores: Sequence[Score]) -> list[Finding]:
    """Every score that answers a question, domain by domain, with its verdict."""
    found = [each for each in _read(question, scores) if each.verdict != "not measured"]
    leading = [each for each in found if not each.measure.fallback]
    return leading or found


def _read(question: Question, scores: Sequence[Score]) -> Iterator[Finding]:
    for measure in question.measures:
        for score in _spoken(measure.metric, scores):
            domain = str(score.parameters.get("domain", OVERALL))
            real = _beside(measure.real, domain, scores)
            yield Finding(measure, domain, score, real, measure.rule(score, real))


def _spoken(metric: str, scores: Sequence[Score]) -> list[Score]:
    """The headline of a metric and the scores of domains that it is the mean of."""
    found = [score for score in scores if score.metric == metric and score.whole]
    heads = [score for score in found if score.headline]
    parts = [score for score in found if not score.headline]
    if heads:
        parts = [score for score in parts if _agree(score, heads[-1])] or parts
    # The mean over one domain is that domain.
    return parts if len(parts) == 1 else [*parts, *heads[-1:]]


def _agree(part: Score, head: Score) -> bool:
    """Whether a score of a domain is of the networks and sizes that the headline is of."""
    shared = set(part.parameters) & set(head.parameters)
    return all(
        str(part.parameters[name]) in str(head.parameters[name]).split("+")
        for name in shared
        if isinstance(head.parameters[name], str)
    )


def _beside(metric: str, domain: str, scores: Sequence[Score]) -> Score | None:
    found = {
        str(score.parameters.get("domain", OVERALL)): score
        for score in scores
        if score.metric == metric and score.whole
    }
    return found.get(domain, found.get(OVERALL) if len(found) == 1 else None)


def _answer(question: Question, scores: Sequence[Score]) -> Answer:
    found = findings(question, scores)
    if not found:
        counts = [each.score.n for each in _read(question, scores)]
        why = f"Not measurable (n = {counts[0]})." if counts else "Not measured."
        return Answer(question.key, question.text, "not measured", why)
    verdict = worst([each.verdict for each in found])
    deciding = _deciding(found, verdict)
    return Answer(
        question.key,
        question.text,
        verdict,
        deciding.measure.says[ORDER.index(verdict) - 1],
        _where(deciding, found),
        deciding.measure.words,
        deciding.numbers,
        deciding.measure.metric,
        deciding.domain,
        deciding.short,
    )


def _deciding(found: Sequence[Finding], verdict: Verdict) -> Finding:
    """Of the scores with the worst verdict the first one named, in its worst domain."""
    first = next(each.measure for each in found if each.verdict == verdict)
    return max((each for each in found if each.measure is first), key=lambda each: each.badness)


def _where(deciding: Finding, found: Sequence[Finding]) -> str:
    here = [each for each in found if each.measure is deciding.measure and each.domain != OVERALL]
    if deciding.domain == OVERALL:
        return "Over all domains: " if here else ""
    if len(here) < 2:
        return ""
    alike = sum(each.verdict == deciding.verdict for each in here)
    told = alike > 1 and deciding.verdict != "good"
    several = f", {deciding.verdict} in {alike} of {len(here)} domains" * told
    return f"Worst in {domain_words(deciding.domain)}{several}: "


def _value(score: Score | None) -> str:
    if score is None:
        return ""
    return f"{number(score.value)} {between(score.low, score.high)}".rstrip()


# In order; the first score of a question with the worst verdict is the one that is told.
QUESTIONS = (
    Question(
        "consistency",
        "Do the masks fit the images?",
        (
            Measure(
                "consistency_closed",
                WAY_TO_REAL,
                "way from masks of other pairs (0) to real pairs (1)",
                "",
                "real pairs get 1",
                (
                    "Masks fit their images about as well as real masks do.",
                    "Masks fit better than masks of other pairs, not as well as real ones.",
                    "It is not shown that masks fit better than masks of other pairs would.",
                ),
            ),
            Measure(
                "plausible_share",
                AS_HIGH,
                "share of masks shaped and placed like real ones",
                "plausible_share_real",
                "of real held-out masks",
                (
                    "Masks have the shapes, places and pieces of real ones.",
                    "Many masks have a shape, place or number of pieces that no real one has.",
                    "Most masks have a shape, place or number of pieces that no real one has.",
                ),
            ),
        ),
    ),
    Question(
        "fidelity",
        "Do the images look real?",
        (
            Measure(
                "precision",
                AS_HIGH,
                "share of pairs that lie among real ones",
                "precision_real",
                "of real held-out pairs",
                (
                    "Pairs lie among real ones as often as real ones do.",
                    "Pairs lie among real ones less often than real ones do.",
                    "Few or no pairs lie among real ones.",
                ),
            ),
            Measure(
                "mmd_handcrafted",
                AS_LOW,
                "distance (MMD) to real training pairs",
                "mmd_handcrafted_real",
                "of real held-out pairs",
                (
                    "Pairs are as near to real ones as other real ones are.",
                    "Pairs are farther from real ones than other real ones are.",
                    "Pairs are far from real ones.",
                ),
            ),
            Measure(
                "sharpness",
                AROUND_ONE,
                "power of fine detail over that of real images",
                "sharpness_real",
                "of other real images",
                (
                    "Images are as sharp as real ones.",
                    "Images are blurrier, or noisier, than real ones.",
                    "Images are far blurrier, or noisier, than real ones.",
                ),
            ),
            Measure(
                "alarms",
                FEW,
                "tests of six that tell the pairs from real ones",
                "",
                "chance alone raises none in 97 of 100 versions",
                (
                    "No test tells the pairs from real ones.",
                    "A test or two tell the pairs from real ones.",
                    "Most tests tell the pairs from real ones.",
                ),
            ),
            Measure(
                "mmd_texture",
                AS_LOW,
                "distance (MMD) of texture to real training images",
                "mmd_texture_real",
                "of real held-out images",
                (
                    "Their texture is as near to real images as that of other real ones.",
                    "Their texture is farther from real images than that of other real ones.",
                    "Their texture is far from that of real images.",
                ),
            ),
        ),
    ),
    Question(
        "diversity",
        "Are they as diverse as real ones?",
        (
            Measure(
                "coverage",
                AS_HIGH,
                "share of real pairs with a synthetic one near",
                "coverage_real",
                "with a real held-out one near",
                (
                    "They reach the real pairs as widely as other real ones do.",
                    "Some kinds of real pairs have no synthetic one near.",
                    "Most kinds of real pairs have no synthetic one near.",
                ),
            ),
            Measure(
                "ms_ssim_rank",
                IN_RANGE,
                "share of real image pairs less alike than synthetic ones in the mean",
                "",
                "real ones get 0.025 to 0.975",
                (
                    "Two images differ as much as two real ones do.",
                    "Two images may differ less, or more, than two real ones do.",
                    "Two images differ less, or more, than two real ones do.",
                ),
            ),
        ),
    ),
    Question(
        "privacy",
        "Are they free of copies of training images?",
        (
            Measure(
                "memorised_share",
                AS_LOW,
                "share of near copies of training images",
                "memorised_share_real",
                "among real images of other patients",
                (
                    "Near copies are no more than chance gives among real images of other patients.",
                    "More near copies than among real images of other patients: look at them.",
                    "Many images are near copies of training images: do not pass them on.",
                ),
            ),
        ),
    ),
    Question(
        "utility",
        "Do they help to train a model?",
        (
            Measure(
                "utility_gain",
                ABOVE_ZERO,
                "Dice that a segmenter of real pairs gains",
                "",
                "real images alone get 0",
                (
                    "A segmenter gets better when they are added to few real images.",
                    "A gain beside few real images may be chance: not shown.",
                    "A segmenter gains nothing when they are added to few real images.",
                ),
            ),
            Measure(
                "utility_auroc_gain",
                ABOVE_ZERO,
                "AUROC that a classifier of real images gains",
                "",
                "real images alone get 0",
                (
                    "A classifier gets better when they are added to few real images.",
                    "A gain beside few real images may be chance: not shown.",
                    "A classifier gains nothing when they are added to few real images.",
                ),
            ),
            Measure(
                "tstr_dice",
                ALONE,
                "Dice on real pairs of a segmenter trained on synthetic ones alone",
                "consistency_real",
                "of one trained on real ones",
                (
                    "",
                    "A segmenter learns from them alone; whether they add to real ones was not tried.",
                    "A segmenter learns little from them; whether they add to real ones was not tried.",
                ),
                fallback=True,
            ),
        ),
    ),
    Question(
        "prompts",
        "Do they show what was asked for?",
        (
            Measure(
                "finding_agreement_closed",
                WAY_TO_REAL,
                "way of their findings from chance (0) to real images (1)",
                "",
                "real images get 1",
                (
                    "The finding asked for is recognised about as well as in real images.",
                    "The finding asked for is recognised above chance, not as in real images.",
                    "It is not shown that the finding asked for is recognised above chance.",
                ),
            ),
            Measure(
                "asked_present",
                SHARE,
                "share of classes asked for that the mask shows",
                "",
                "all of them would be 1",
                (
                    "Masks show the classes that were asked for.",
                    "Some masks lack a class that was asked for.",
                    "Most masks lack a class that was asked for.",
                ),
            ),
        ),
    ),
)
