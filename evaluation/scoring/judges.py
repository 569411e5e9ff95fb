"""The models that scores of one domain use beside the judge, and the loops that train them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.agreement.finding_agreement import FindingJudge
from evaluation.agreement.judge_agreement import Judge
from evaluation.features.handcrafted import Extractor
from evaluation.labels import FINDING, labels_of
from evaluation.pairs import Pairs, real_part, with_masks
from evaluation.settings import EvaluateSection

if TYPE_CHECKING:
    from evaluation.features.simclr_encoder import Encoder
    from evaluation.networks.classifier import Classifier
    from evaluation.networks.segmenter import Segmenter
    from evaluation.networks.training_loop import Step


@dataclass(frozen=True, eq=False)
class AuxiliaryModels:
    """What was trained for the scores of one domain; scores whose model is missing are absent.

    Attributes:
        encoder: features that taught themselves on the real training pairs; where it is missing
            and the section asks for it, it is trained on the way.
        tstr_segmenter: a segmenter that learned from the synthetic pairs as the judge did from real ones.
        finding_classifier: a classifier of the findings of the real training images.
    """

    encoder: Extractor | None = None
    tstr_segmenter: Judge | None = None
    finding_classifier: FindingJudge | None = None


def new_judge(
    train: Pairs, domain: str, classes: Sequence[str], section: EvaluateSection
) -> tuple[Segmenter, Iterator[Step]]:
    """A judge of one domain and the loop that trains it: exhaust the loop, then use the judge.

    A judge trained on synthetic pairs is a tstr_segmenter: the same network, steps and seed.

    Raises:
        InputError: if the domain has no training pair with a mask.
    """
    # Recipes hold the section and must be read without waiting for torch.
    from evaluation.networks.segmenter import new_segmenter, train_segmenter

    pairs = with_masks(real_part(train, domain, "training"))
    channels = pairs.images.shape[-1]
    judge = new_segmenter(section.judge, channels, classes, seed=section.seed)
    loop = train_segmenter(judge, [pairs], steps=section.judge_steps, seed=section.seed)
    return judge, loop


def new_encoder(
    train: Pairs, domain: str, classes: Sequence[str], section: EvaluateSection
) -> tuple[Encoder, Iterator[Step]]:
    """An encoder of one domain and the loop that trains it: exhaust the loop, then use it.

    Raises:
        InputError: if the domain has no real training pair with a mask.
    """
    from evaluation.features import simclr_encoder

    real, seed = real_part(train, domain, "training"), section.seed
    ours = simclr_encoder.new_encoder(real.images.shape[-1], classes, seed=seed)
    return ours, simclr_encoder.train_encoder(ours, real, steps=section.encoder_steps, seed=seed)


def learnable_findings(train: Pairs, domain: str) -> tuple[str, ...]:
    """The findings that a classifier of one domain can learn to tell; none if fewer than two."""
    found = labels_of(real_part(train, domain, "training"), FINDING)
    return found if len(found) > 1 else ()


def new_finding_classifier(
    train: Pairs, domain: str, section: EvaluateSection
) -> tuple[Classifier, Iterator[Step]]:
    """A classifier of a domain's findings and the loop that trains it.

    Raises:
        InputError: if the real training images show fewer than two findings.
    """
    from evaluation.networks.classifier import new_classifier, train_classifier

    real, seed = real_part(train, domain, "training"), section.seed
    channels = real.images.shape[-1]
    finding_classifier = new_classifier(
        section.finding_classifier, channels, learnable_findings(train, domain), seed=seed
    )
    return finding_classifier, train_classifier(
        finding_classifier, [real], FINDING, steps=section.finding_classifier_steps, seed=seed
    )
