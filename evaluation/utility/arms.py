"""The arms of a comparison: which networks to train, on which pairs, and how."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from evaluation.errors import InputError
from evaluation.networks.settings import DomainRandomisationSection
from evaluation.pairs import Pairs, by_domain
from evaluation.settings import ArmKind, UtilitySection, share_of
from evaluation.utility.gains import MIXED

if TYPE_CHECKING:
    from evaluation.networks.domain_randomisation import DomainRandomisation
    from evaluation.networks.training_loop import Step

log = logging.getLogger(__name__)

SEEDS_APART = 1000  # between the seed of an arm's real images and that of its training
ANNEALED_FROM = 2 / 3  # of the steps, after which synthetic pairs grow fewer
STRONGER = 2.0  # how far the augmentation of the arm `augmented` reaches beyond the usual one


@dataclass(frozen=True)
class Arm:
    """One network to train.

    Attributes:
        network: name of its kind of network; no two tasks share one, see `downstream_task.task_of`.
        domain: of all its pairs.
        kind: what it is trained and tested on, see `evaluation.settings.ARMS`.
        real: how many real images, as the recipe names it, a share as its number unless there
            are folds; "" for the synthetic arm.
        images: how many real images that is.
        seed: draws its real images, its first weights and its batches.
        ratio: of `both` and `annealed`: synthetic pairs for each real one in a batch, at first; 0
            for the others.
        fold: whose patients it is tested on; None for those of the held-out split.
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

    def fields(self, column: str) -> dict[str, Any]:
        """What marks its rows: the network in a column of this name, then the rest."""
        rest = asdict(self)
        return {column: rest.pop("network"), **rest}

    @property
    def trained_as(self) -> Arm:
        """The arm with the same training: what is tested in reverse was trained on real pairs."""
        return replace(self, kind="real") if self.kind == "reversed" else self

    @property
    def learns_synthetic(self) -> bool:
        """Whether synthetic pairs enter its training."""
        return self.kind in ("synthetic", "pretrained", "searched", *MIXED)

    @property
    def learns_real(self) -> bool:
        """Whether real pairs enter its training."""
        return self.kind != "synthetic"

    @property
    def needs_synthetic(self) -> bool:
        """Whether synthetic pairs enter its training or its test."""
        return self.learns_synthetic or self.kind == "reversed"


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


def domains_to_test(section: UtilitySection, synthetic: Pairs) -> Sequence[str]:
    """The domains that a recipe wants tested.

    Raises:
        InputError: if the pairs lack one of them.
    """
    made = [name for name, _ in by_domain(synthetic)]
    names = section.domains or made
    missing = sorted(set(names) - set(made))
    if missing:
        raise InputError(f"utility.domains names {missing}, but the pairs only hold {made}")
    return names


def randomisation_of(
    arm: Arm,
    section: DomainRandomisationSection | None,
    parts: Sequence[Pairs],
    targets: Sequence[str],
) -> DomainRandomisation | None:
    """What changes the synthetic pairs of an arm; None where nothing does, or it learns none."""
    if section is None or not arm.learns_synthetic:
        return None
    # Recipes are read through this package and must not wait for torch.
    from evaluation.networks.domain_randomisation import DomainRandomisation

    height, width = parts[-1].images.shape[1:3]
    return DomainRandomisation(section, targets, arm.seed + SEEDS_APART, (height, width))


def training_of(
    arm: Arm,
    train_on: Callable[..., Iterator[Step]],
    parts: Sequence[Pairs],
    steps: int,
    validation: Pairs | None,
    randomisation: DomainRandomisation | None = None,
    label: Callable[[Pairs], Pairs] | None = None,
) -> Iterator[Step]:
    """The loop that trains an arm's network, whatever that learns.

    Args:
        arm: whose kind says how its parts are mixed.
        train_on: `train_segmenter` or the like, of its network; called with the parts.
        parts: its real images, then its synthetic ones, where it learns from such; of an arm
            `selftrained`, the other real ones, whose labels are not looked at.
        steps: in all.
        validation: chooses its weights; None keeps the last ones.
        randomisation: changes the synthetic part, which comes last.
        label: of an arm `selftrained`: what its network, as it is then, says of pairs.

    Raises:
        ValueError: of an arm `searched`, which must first be told how it is trained.
    """
    if arm.kind == "searched":
        raise ValueError(f"arm {arm.name} was not searched: see `arm_search.searched`")
    seed, half = arm.seed + SEEDS_APART, steps // 2
    rest = {"steps": steps - half, "seed": seed + SEEDS_APART, "validation": validation}
    if arm.kind == "pretrained":
        real, synthetic = parts
        yield from train_on([synthetic], steps=half, seed=seed, randomisations=[randomisation])
        yield from _numbered_from(half, train_on([real], **rest))
    elif arm.kind == "selftrained" and label is not None:
        real, others = parts
        yield from train_on([real], steps=half, seed=seed)
        labelled = [label(others)] if len(others) else []
        yield from _numbered_from(half, train_on([real, *labelled], **rest))
    else:
        mix = _mix(arm, len(parts), steps, randomisation)
        yield from train_on(parts, steps=steps, seed=seed, **mix, validation=validation)


def _mix(
    arm: Arm, parts: int, steps: int, randomisation: DomainRandomisation | None
) -> dict[str, Any]:
    """How batches are made; what not every network can do is asked of none without need."""
    return {
        "weights": (1.0, arm.ratio) if arm.kind in MIXED else (),
        "strength": STRONGER if arm.kind == "augmented" else 1.0,
        "randomisations": [None] * (parts - 1) + [randomisation],
        **({"falls": (round(ANNEALED_FROM * steps), steps)} if arm.kind == "annealed" else {}),
        **({"classical": True} if arm.kind == "classical" else {}),
    }


def _numbered_from(first: int, loop: Iterator[Step]) -> Iterator[Step]:
    return (replace(step, number=first + step.number) for step in loop)


def _kinds(
    section: UtilitySection, numbers: Mapping[str, int]
) -> Iterator[tuple[ArmKind, str, int, float]]:
    if "synthetic" in section.arms:
        yield "synthetic", "", 0, 0.0
    for real, images in numbers.items():
        for kind in (kind for kind in section.arms if kind != "synthetic"):
            for ratio in section.ratios if kind in MIXED else (0.0,):
                yield kind, real, images, ratio


def _numbers(
    section: UtilitySection, domain: str, available: int, most: int, fold: int | None
) -> dict[str, int]:
    """Name of every number of real images -> the number, without those that only others have.

    A share is named by its number, so that two which come to one number are one; but in folds,
    where it is another number in each, as the recipe names it.
    """
    found: dict[str, int] = {}
    for wanted in section.real:
        images = _number(wanted, available)
        if available < images <= most and found:
            log.warning(
                "%s has %d real images for training: no network learns from %d there",
                *(domain, available, images),
            )
            continue
        if images > available or not available:
            raise InputError(
                f"utility.real asks for {wanted} real images of domain {domain!r}, which has "
                f"{available} for training; ask for fewer or for 'all'"
            )
        found[str(images) if fold is None and wanted != "all" else str(wanted)] = images
    return found


def _number(wanted: int | str, available: int) -> int:
    if isinstance(wanted, int):
        return wanted
    return available if wanted == "all" else max(1, round(share_of(wanted) * available))
