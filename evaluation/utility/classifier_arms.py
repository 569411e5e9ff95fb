"""The arms of a comparison whose networks are classifiers of the finding; they need no masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.labels import UNLABELLED, Labels, known_indices, labels_of
from evaluation.pairs import Block, Pairs, by_domain, domain_of, take, units_of
from evaluation.settings import DomainRandomisationSection, UtilitySection
from evaluation.utility.arms import (
    Arm,
    arms,
    arms_of,
    asked_domains,
    bridge_of,
    labelled,
    training_of,
)

if TYPE_CHECKING:
    from evaluation.networks.classifier import Classifier
    from evaluation.networks.training_loop import Step

FINDING = "finding"  # column of the facets


def every_arm(
    section: UtilitySection, train: Pairs, synthetic: Pairs, fold: int | None = None
) -> list[Arm]:
    """Every arm of a run, those of segmenters first.

    Args:
        section: of the recipe.
        train: real pairs that arms may learn from.
        synthetic: the accepted pairs of the version.
        fold: that the arms are tried on.

    Raises:
        InputError: if a domain is unknown, has fewer real images than the recipe asks, or shows
            too few findings to be told apart.
    """
    drawing = arms(section, labelled(train), synthetic, fold)
    return [*drawing, *class_arms(section, train, synthetic, fold)]


def class_arms(
    section: UtilitySection, train: Pairs, synthetic: Pairs, fold: int | None = None
) -> list[Arm]:
    """Every arm of the classifiers of a run; arguments and refusals as in `every_arm`."""
    if not section.classifiers:
        return []
    domains = asked_domains(section, synthetic)
    available = {name: len(of_findings(train, name, _told_apart(train, name))) for name in domains}
    found = list(arms_of(section.classifiers, section, domains, available, fold))
    for domain in {arm.domain: None for arm in found if arm.learns_synthetic}:
        _can_teach(synthetic, domain, findings_of(train, domain))
    return found


def findings_of(pairs: Pairs, domain: str) -> tuple[str, ...]:
    """The findings that pairs of a domain show, in order of name; blanks are none."""
    return labels_of(take(pairs, domain_of(pairs) == domain), FINDING)


def of_findings(pairs: Pairs, domain: str, known: Sequence[str]) -> Block:
    """The pairs of a domain with one of some findings, with mask or without."""
    return take(pairs, rows_of(pairs, domain, known))


def rows_of(pairs: Pairs, domain: str, known: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) whether a pair is of the domain and shows one of some findings."""
    shows = known_indices(pairs, FINDING, known) != UNLABELLED
    return np.asarray(shows & (domain_of(pairs) == domain))


def class_choosers(validation: Pairs | None, domain: str, known: Sequence[str]) -> Block | None:
    """The pairs of a domain that can choose weights; None where they show fewer than two findings."""
    if validation is None:
        return None
    found = of_findings(validation, domain, known)
    return found if len(findings_of(found, domain)) > 1 else None


def start_class_arm(
    arm: Arm,
    train: Pairs,
    synthetic: Pairs,
    findings: Sequence[str],
    steps: int,
    validation: Pairs | None = None,
    bridge: DomainRandomisationSection | None = None,
) -> tuple[Classifier, Iterator[Step]]:
    """An arm's classifier and the loop that trains it: exhaust the loop, then use the classifier.

    Args:
        arm: from `class_arms(...)`.
        train: all real training pairs; the arm takes its own.
        synthetic: the accepted pairs of the version; those that show another finding are left out.
        findings: of the domain, to be told apart.
        steps: of training, with batches of one size in all arms.
        validation: as in `arms.start_arm`, from `class_choosers`.
        bridge: as in `arms.start_arm`.
    """
    # Recipes are read through this package's sections and must not wait for torch.
    from evaluation.networks.classifier import new_classifier, train_classifier

    parts = []
    if arm.learns_real:
        real = of_findings(train, arm.domain, findings)
        parts.append(take(real, stratified_subset(real, arm.images, arm.seed)))
    if arm.learns_synthetic:
        parts.append(of_findings(synthetic, arm.domain, findings))
    classifier = new_classifier(arm.network, parts[0].images.shape[-1], findings, seed=arm.seed)
    train_on = partial(train_classifier, classifier, column=FINDING)
    across = bridge_of(arm, bridge, parts, ())
    return classifier, training_of(arm, train_on, parts, steps, validation, across)


def stratified_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, in which every finding occurs as soon as there is room for all.

    Of every finding the first image comes first, then the rest, patient after patient, so that
    findings come about as often as in all images. The seed draws the order of the patients; the
    smaller of two subsets of one seed lies within the larger.

    Args:
        real: pairs that all show a finding.
        images: how many.
        seed: of the drawing.
    """
    findings = labels_of(real, FINDING)
    labels, units = known_indices(real, FINDING, findings), units_of(real)
    order = np.argsort(_turns(labels, units, seed)[units], kind="stable")
    first = np.sort(np.unique(labels[order], return_index=True)[1])
    return np.concatenate([order[first], np.delete(order, first)])[:images]


def _turns(labels: Labels, units: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """(U,) when each patient's turn is; a patient of several findings counts for the first one."""
    stratum = labels[np.unique(units, return_index=True)[1]]
    drawn = np.random.default_rng(seed).permutation(len(stratum))
    place = np.empty(len(stratum))
    for label in np.unique(stratum):
        at = drawn[stratum[drawn] == label]
        # Evenly spread over the queue, each finding at its own pace.
        place[at] = (np.arange(len(at)) + 0.5) / len(at)
    turn = np.empty(len(stratum), np.intp)
    turn[drawn[np.argsort(place[drawn], kind="stable")]] = np.arange(len(stratum))
    return turn


def _told_apart(train: Pairs, domain: str) -> tuple[str, ...]:
    found = findings_of(train, domain)
    if len(found) < 2:
        raise InputError(
            f"utility.classifiers need two findings or more to tell apart, but the real training "
            f"pairs of domain {domain!r} show {list(found) or 'none'}: name other domains in "
            "utility.domains, or leave classifiers out"
        )
    return found


def _can_teach(synthetic: Pairs, domain: str, findings: Sequence[str]) -> None:
    if not len(of_findings(synthetic, domain, findings)):
        told = dict(by_domain(synthetic))
        raise InputError(
            f"utility.classifiers cannot learn from the {len(told[domain])} synthetic pairs of "
            f"domain {domain!r}: they show none of the findings {list(findings)} of its real "
            "ones; ask for these in grid.facets.finding"
        )
