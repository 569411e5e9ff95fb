"""The arms of a comparison: which networks to train, on which pairs, and how."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.networks.nnunet_files import check_installed
from evaluation.networks.registry import CLASSIFIERS, NNUNET
from evaluation.pairs import Block, Pairs, by_domain, domain_of, take, units_of, with_masks
from evaluation.settings import ArmKind, DomainRandomisationSection, UtilitySection, share_of

if TYPE_CHECKING:
    from evaluation.networks.domain_randomisation import DomainRandomisation
    from evaluation.networks.segmenter import Segmenter, Step

log = logging.getLogger(__name__)

SEEDS_APART = 1000  # between the seed of an arm's real images and that of its training
STRONGER = 2.0  # how far the augmentation of the arm `augmented` reaches beyond the usual one

Weights = Literal["last", "validated"]


@dataclass(frozen=True)
class Arm:
    """One network to train.

    Attributes:
        network: name in `SEGMENTERS` or in `CLASSIFIERS`, which share none, or `NNUNET`.
        domain: of all its pairs.
        kind: what it is trained and tried on, see `evaluation.settings.ARMS`.
        real: how many real images, as the recipe names it, a share as its number unless there
            are folds; "" for the synthetic arm.
        images: how many real images that is.
        seed: draws its real images, its first weights and its batches.
        ratio: of `both`: synthetic pairs for each real one in a batch; 0 for the others.
        fold: whose patients it is tried on; None for those of the held-out split.
    """

    network: str
    domain: str
    kind: ArmKind
    real: str
    images: int
    seed: int
    ratio: float = 0.0
    fold: int | None = None

    @property
    def name(self) -> str:
        """Short and unique among the arms of a run."""
        parts = [self.network, self.domain, self.kind]
        parts += [f"ratio{self.ratio:g}"] if self.ratio else []
        parts += [self.real] if self.real else []
        parts += [f"fold{self.fold}"] if self.fold is not None else []
        return "-".join([*parts, f"seed{self.seed}"])

    @property
    def classifies(self) -> bool:
        """Whether it tells findings apart; otherwise it draws masks."""
        return self.network in CLASSIFIERS

    @property
    def fields(self) -> dict[str, Any]:
        """What marks its rows: the network as `segmenter` or `classifier`, then the rest."""
        told = asdict(self)
        return {"classifier" if self.classifies else "segmenter": told.pop("network"), **told}

    @property
    def trained_as(self) -> Arm:
        """The arm with the same training: what is tried in reverse was trained on real pairs."""
        return replace(self, kind="real") if self.kind == "reversed" else self

    @property
    def learns_synthetic(self) -> bool:
        """Whether synthetic pairs enter its training."""
        return self.kind in ("synthetic", "both", "pretrained")

    @property
    def learns_real(self) -> bool:
        """Whether real pairs enter its training."""
        return self.kind != "synthetic"

    @property
    def needs_synthetic(self) -> bool:
        """Whether synthetic pairs enter its training or its trial."""
        return self.learns_synthetic or self.kind == "reversed"


def arms(
    section: UtilitySection, available: Mapping[str, int], synthetic: Pairs, fold: int | None = None
) -> list[Arm]:
    """Every arm of the segmenters of a run, see `arms_of`.

    Args:
        section: of the recipe.
        available: real images with a mask that arms may learn from, by domain.
        synthetic: the accepted pairs of the version.
        fold: that the arms are tried on.

    Raises:
        InputError: if nnU-Net is asked for and is not installed, or `arms_of` refuses.
    """
    if NNUNET in section.segmenters:
        check_installed()
    domains = asked_domains(section, synthetic)
    return list(arms_of(section.segmenters, section, domains, available, fold))


def arms_of(
    networks: Sequence[str],
    section: UtilitySection,
    domains: Sequence[str],
    available: Mapping[str, int],
    fold: int | None,
) -> Iterator[Arm]:
    """The arms of some networks: without real images once, else for each number of them.

    Raises:
        InputError: if no domain has as many real images as the recipe asks, or one has fewer than
            it asks at least.
    """
    most = max((available.get(domain, 0) for domain in domains), default=0)
    for network in networks:
        for domain in domains:
            numbers = _numbers(section, domain, available.get(domain, 0), most, fold)
            kinds = list(_kinds(section, numbers))
            for seed in range(section.seeds):
                for kind, real, images, ratio in kinds:
                    yield Arm(network, domain, kind, real, images, seed, ratio, fold)


def asked_domains(section: UtilitySection, synthetic: Pairs) -> Sequence[str]:
    """The domains that a recipe wants tried.

    Raises:
        InputError: if the pairs lack one of them.
    """
    made = [name for name, _ in by_domain(synthetic)]
    names = section.domains or made
    missing = sorted(set(names) - set(made))
    if missing:
        raise InputError(f"utility.domains names {missing}, but the pairs only hold {made}")
    return names


def labelled(pairs: Pairs) -> dict[str, int]:
    """Number of pairs with a mask, by domain."""
    return {name: int(np.sum(pairs.has_mask[at])) for name, at in by_domain(pairs)}


def start_arm(
    arm: Arm,
    train: Pairs,
    synthetic: Pairs,
    classes: Sequence[str],
    steps: int,
    validation: Pairs | None = None,
    bridge: DomainRandomisationSection | None = None,
    work: Path | None = None,
) -> tuple[Segmenter, Iterator[Step]]:
    """An arm's segmenter and the loop that trains it: exhaust the loop, then use the segmenter.

    All arms take equally many steps, with batches of one size.

    Args:
        arm: from `arms(...)`.
        train: all real training pairs; the arm takes its own.
        synthetic: the accepted pairs of the version.
        classes: names of the domain's classes.
        steps: of training.
        validation: real pairs of the arm's domain that choose its weights, never those that are
            scored, which would flatter; without any it ends with its last weights.
        bridge: how synthetic pairs are changed beyond the augmentation of all; None not at all.
        work: folder that an nnU-Net fills while it trains, see `train_nnunet`.
    """
    # Recipes are read through this package's sections and must not wait for torch.
    from evaluation.networks.segmenter import new_trainable

    parts = []
    if arm.learns_real:
        real = of_domain(train, arm.domain)
        parts.append(take(real, nested_subset(real, arm.images, arm.seed)))
    if arm.learns_synthetic:
        parts.append(of_domain(synthetic, arm.domain))
    channels = parts[0].images.shape[-1]
    segmenter, train_on = new_trainable(arm.network, channels, classes, seed=arm.seed, work=work)
    across = bridge_of(arm, bridge, parts, classes)
    return segmenter, training_of(arm, train_on, parts, steps, validation, across)


def bridge_of(
    arm: Arm,
    section: DomainRandomisationSection | None,
    parts: Sequence[Pairs],
    classes: Sequence[str],
) -> DomainRandomisation | None:
    """What changes the synthetic pairs of an arm; None where nothing does, or it learns none."""
    if section is None or not arm.learns_synthetic:
        return None
    from evaluation.networks.domain_randomisation import DomainRandomisation

    height, width = parts[-1].images.shape[1:3]
    return DomainRandomisation(section, classes, arm.seed + SEEDS_APART, (height, width))


def training_of(
    arm: Arm,
    train_on: Callable[..., Iterator[Step]],
    parts: Sequence[Pairs],
    steps: int,
    validation: Pairs | None,
    bridge: DomainRandomisation | None = None,
) -> Iterator[Step]:
    """The loop that trains an arm's network, whatever that does.

    Args:
        arm: whose kind says how its parts are mixed.
        train_on: `train_segmenter` or `train_classifier` of its network; called with the parts.
        parts: its real images, then its synthetic ones, where it learns from such.
        steps: in all.
        validation: chooses its weights; None keeps the last ones.
        bridge: changes the synthetic part, which comes last.
    """
    seed = arm.seed + SEEDS_APART
    if arm.kind != "pretrained":
        weights = (1.0, arm.ratio) if arm.kind == "both" else ()
        strength = STRONGER if arm.kind == "augmented" else 1.0
        bridges = [None] * (len(parts) - 1) + [bridge]
        mix = {"weights": weights, "strength": strength, "bridges": bridges}
        yield from train_on(parts, steps=steps, seed=seed, **mix, validation=validation)
        return
    real, synthetic = parts
    first = steps // 2
    yield from train_on([synthetic], steps=first, seed=seed, bridges=[bridge])
    rest = train_on([real], steps=steps - first, seed=seed + SEEDS_APART, validation=validation)
    for step in rest:
        yield replace(step, number=first + step.number)


def choosers(validation: Pairs | None, domain: str) -> Block | None:
    """The pairs of a domain that can choose weights; None where no mask shows anything."""
    if validation is None:
        return None
    found = of_domain(validation, domain)
    return found if found.masks.any() else None


def nested_subset(real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
    """Rows of so many images, taken patient after patient in an order drawn by the seed.

    The smaller of two subsets of one seed lies within the larger; of the last patient only part
    may be taken.
    """
    units = units_of(real)
    turn = np.random.default_rng(seed).permutation(units.max(initial=-1) + 1)
    return np.argsort(turn[units], kind="stable")[:images]


def of_domain(pairs: Pairs, domain: str) -> Block:
    """The pairs of a domain whose mask is not absent."""
    return with_masks(take(pairs, domain_of(pairs) == domain))


def _kinds(
    section: UtilitySection, numbers: Mapping[str, int]
) -> Iterator[tuple[ArmKind, str, int, float]]:
    if "synthetic" in section.arms:
        yield "synthetic", "", 0, 0.0
    for real, images in numbers.items():
        for kind in (kind for kind in section.arms if kind != "synthetic"):
            for ratio in section.ratios if kind == "both" else (0.0,):
                yield kind, real, images, ratio


def _numbers(
    section: UtilitySection, domain: str, available: int, most: int, fold: int | None
) -> dict[str, int]:
    """Name of every number of real images -> the number, without those that only others have.

    A share is named by its number, so that two which come to one number are one; but in folds, where
    it is another number in each, as the recipe names it.
    """
    found: dict[str, int] = {}
    for asked in section.real:
        images = _number(asked, available)
        if available < images <= most and found:
            log.warning(
                "%s has %d real images for training: no network learns from %d there",
                *(domain, available, images),
            )
            continue
        if images > available or not available:
            raise InputError(
                f"utility.real asks for {asked} real images of domain {domain!r}, which has "
                f"{available} for training; ask for fewer or for 'all'"
            )
        found[str(images) if fold is None and asked != "all" else str(asked)] = images
    return found


def _number(asked: int | str, available: int) -> int:
    if isinstance(asked, int):
        return asked
    return available if asked == "all" else max(1, round(share_of(asked) * available))
