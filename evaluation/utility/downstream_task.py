"""What a downstream network learns, and how to tell what pairs are worth to it: one protocol.

A task says which pairs teach it, how its networks are trained and tested, and how well two arms do
and differ. Everything else is the same for every task: which arms there are, how they are trained,
which cases are tested, which arms are compared, and what becomes of it in tables and scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.networks.settings import DomainRandomisationSection
from evaluation.pairs import Block, Pairs, take, units_of
from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm, arms_of, domains_to_test, randomisation_of, training_of
from evaluation.utility.equivalent_images import (
    JointLevels,
    equivalent_image_rows,
    equivalent_image_scores,
)
from evaluation.utility.gains import corrected, gain_rows, gain_scores
from evaluation.utility.result import TaskUtility

if TYPE_CHECKING:
    from evaluation.networks.training_loop import Step

Rows = NDArray[np.bool_]  # (N,) of pairs


class TrainedNetwork(Protocol):
    """What every task asks of its networks; a digest tells equal ones."""

    @property
    def digest(self) -> str: ...


Network = TypeVar("Network", bound=TrainedNetwork)


class DownstreamTask(ABC, Generic[Network]):
    """What networks can learn from pairs.

    Attributes:
        name: of the task.
        network: what one of its networks is called, and the column of tables that names it.
        metric: what the names of its scores begin with.
        kinds: names of its networks; no two tasks share one.
        apart: columns by which cases of one arm stand apart, as classes do.
    """

    name: ClassVar[str]
    network: ClassVar[str]
    metric: ClassVar[str]
    kinds: ClassVar[Collection[str]]
    apart: ClassVar[tuple[str, ...]] = ()

    # Which pairs teach it.

    @abstractmethod
    def named(self, section: UtilitySection) -> Sequence[str]:
        """The networks of this task that a recipe asks for, of `kinds`."""

    @abstractmethod
    def targets(self, known: Pairs, domain: str, classes: Sequence[str]) -> tuple[str, ...]:
        """Names of what is told apart in a domain.

        Args:
            known: all real pairs that are known in training.
            domain: name.
            classes: of its masks.
        """

    @abstractmethod
    def rows(self, pairs: Pairs, domain: str, targets: Sequence[str]) -> Rows:
        """(N,) whether a pair is of the domain and can be learnt from, or tested on."""

    @abstractmethod
    def available(self, train: Pairs, domain: str) -> int:
        """Number of real pairs of a domain that can be learnt from.

        Raises:
            InputError: if nothing can be learnt in this domain.
        """

    @abstractmethod
    def subset(self, real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
        """Rows of so many real pairs; of one seed the fewer lie within the more."""

    @abstractmethod
    def can_choose(self, validation: Pairs) -> bool:
        """Whether pairs that can be learnt from can also choose weights."""

    def check_synthetic(self, synthetic: Pairs, train: Pairs, domain: str) -> None:
        """Whether synthetic pairs of a domain can teach what real ones do.

        Raises:
            InputError: if not.
        """

    def unseen_of(self, section: UtilitySection, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes of a domain that no real pair may show to this task's networks, in order."""
        return ()

    # Its networks.

    @abstractmethod
    def new(
        self, kind: str, channels: int, targets: Sequence[str], *, seed: int, work: Path | None
    ) -> tuple[Network, Callable[..., Iterator[Step]]]:
        """An untrained network, and what trains it on parts, such as `train_segmenter` of it.

        Args:
            kind: of `kinds`.
            channels: C of the images.
            targets: of the domain.
            seed: of first weights.
            work: folder that a network may fill while it trains; see `train_nnunet`.
        """

    @abstractmethod
    def load(self, kind: str, folder: Path) -> Network:
        """Reads what `save` wrote of a network of this kind."""

    @abstractmethod
    def save(self, network: Network, folder: Path) -> None:
        """Writes a network into a folder."""

    @abstractmethod
    def measured(
        self,
        network: Network,
        block: Block,
        place: Mapping[str, NDArray[np.intp]],
        section: UtilitySection,
    ) -> pd.DataFrame:
        """How a network does on pairs, case by case.

        Args:
            network: trained.
            block: pairs that can be tested on.
            place: columns `case` and `unit` of them, which every row begins with.
            section: of the recipe.
        """

    @abstractmethod
    def case_values(self, cases: pd.DataFrame) -> pd.Series:
        """How well a network did on each case, higher is better, by the number of the case.

        Cases that count in no mean are left out.
        """

    @abstractmethod
    def labelled_by(self, network: Network, pairs: Pairs) -> Block:
        """The images of pairs with what a network says of them, whatever their own labels say."""

    @abstractmethod
    def numbers(self, cases: pd.DataFrame) -> dict[str, float]:
        """What is recorded of one trained network, as far as it is known."""

    # What cases come to.

    @abstractmethod
    def level(self, cases: pd.DataFrame) -> dict[str, object]:
        """How well one arm does, all its seeds together."""

    @abstractmethod
    def difference(self, base: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
        """What one arm adds to another: gain, low, high, p, n, patients, seeds, seed_sd."""

    @abstractmethod
    def joint_levels(self, arms: Sequence[pd.DataFrame]) -> JointLevels:
        """How well several arms do on the same cases, resampled together."""

    def counted(self, cases: pd.DataFrame) -> pd.DataFrame:
        """The cases that gains are counted over."""
        return cases

    def overall(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows, of cases or of a table, that speak for all that is told apart."""
        return table

    def family(self, gains: pd.DataFrame) -> pd.Series:
        """Which gains are corrected together."""
        return pd.Series(0, gains.index)

    # What is the same for every task.

    def arms(
        self, section: UtilitySection, train: Pairs, synthetic: Pairs, fold: int | None = None
    ) -> list[Arm]:
        """Every arm of this task; arguments and refusals as of `registry.every_arm`."""
        networks = self.named(section)
        if not networks:
            return []
        domains = domains_to_test(section, synthetic)
        available = {domain: self.available(train, domain) for domain in domains}
        found = list(arms_of(networks, section, domains, available, fold))
        for domain in {arm.domain: None for arm in found if arm.learns_synthetic}:
            self.check_synthetic(synthetic, train, domain)
        return found

    def learnable(self, pairs: Pairs, domain: str, targets: Sequence[str]) -> Block:
        """The pairs of a domain that can be learnt from."""
        return take(pairs, self.rows(pairs, domain, targets))

    def choosers(
        self, validation: Pairs | None, domain: str, targets: Sequence[str]
    ) -> Block | None:
        """The pairs of a domain that choose weights; None where none can."""
        if validation is None:
            return None
        found = self.learnable(validation, domain, targets)
        return found if self.can_choose(found) else None

    def start(
        self,
        arm: Arm,
        train: Pairs,
        synthetic: Pairs,
        targets: Sequence[str],
        steps: int,
        validation: Pairs | None = None,
        randomisation: DomainRandomisationSection | None = None,
        work: Path | None = None,
    ) -> tuple[Network, Iterator[Step]]:
        """An arm's network and the loop that trains it: exhaust the loop, then use the network.

        All arms take equally many steps, with batches of one size.

        Args:
            arm: of this task.
            train: all real training pairs; the arm takes its own.
            synthetic: the accepted pairs of the version; those that cannot teach are left out.
            targets: of the domain.
            steps: of training.
            validation: real pairs of the arm's domain that choose its weights, never those that
                are scored, which would flatter; without any it ends with its last weights.
            randomisation: how synthetic pairs are changed beyond the augmentation of all; None not
                at all.
            work: folder that a network may fill while it trains.
        """
        parts = []
        if arm.learns_real:
            real = self.learnable(train, arm.domain, targets)
            own = self.subset(real, arm.images, arm.seed)
            parts.append(take(real, own))
            if arm.kind == "selftrained":
                parts.append(take(real, np.setdiff1d(np.arange(len(real)), own)))
        if arm.learns_synthetic:
            parts.append(self.learnable(synthetic, arm.domain, targets))
        channels = parts[0].images.shape[-1]
        network, train_on = self.new(arm.network, channels, targets, seed=arm.seed, work=work)
        change = randomisation_of(arm, randomisation, parts, targets)
        label = partial(self.labelled_by, network)
        return network, training_of(arm, train_on, parts, steps, validation, change, label)

    def test(
        self,
        arm: Arm,
        network: Network,
        pairs: Pairs,
        targets: Sequence[str],
        section: UtilitySection,
        within: Rows | None = None,
    ) -> pd.DataFrame:
        """Tests a trained arm on the pairs of its domain, case by case.

        Args:
            arm: whose fields mark the rows.
            network: trained.
            pairs: real ones of other patients; for a `reversed` arm the synthetic ones.
            targets: of the domain.
            section: of the recipe.
            within: (N,) whether a pair may be tested on, as in a fold; None means all.

        Returns:
            The arm's fields; case (row of `pairs`), unit (its patient), and what is measured.

        Raises:
            InputError: if there is no pair to be tested on.
        """
        wanted = self.rows(pairs, arm.domain, targets) & (True if within is None else within)
        at = np.flatnonzero(wanted)
        if not len(at):
            raise InputError(
                f"domain {arm.domain!r} has no pairs {self.needed(targets)} to test "
                f"{self.network}s on"
            )
        place = {"case": at, "unit": units_of(pairs)[at]}
        table = self.measured(network, take(pairs, at), place, section)
        fields = arm.fields(self.network)
        return table.assign(**fields)[[*fields, *table.columns]]

    @abstractmethod
    def needed(self, targets: Sequence[str]) -> str:
        """What a pair must have to be tested on, in words that follow "pairs"."""

    def utility(self, cases: pd.DataFrame) -> TaskUtility:
        """Every table of the cases of all arms; no cases give empty tables.

        Args:
            cases: as `test` gives them, concatenated, with two more columns: provenance, what the
                generator was trained on ("" where no synthetic pair is involved), and weights, how
                a network's were chosen ("last" or "validated").
        """
        if cases.empty:
            return TaskUtility()
        counted = self.counted(cases)
        gains = self._gains(counted)
        equivalent = equivalent_image_rows(self.overall(counted), self.network, self.joint_levels)
        overall = gains if gains.empty else self.overall(gains)
        domains = set(cases["domain"])
        scores = (
            *gain_scores(overall, f"{self.metric}_gain", self.network, domains),
            *equivalent_image_scores(
                equivalent, f"{self.metric}_equivalent_images", self.network, domains
            ),
        )
        return TaskUtility(self._levels(cases), gains, equivalent, scores=scores)

    def _levels(self, cases: pd.DataFrame) -> pd.DataFrame:
        keys = [self.network, "domain", "kind", "ratio", "real", *self.apart]
        rows = []
        for key, part in cases.groupby(keys, sort=False):
            stated = {name: part.iloc[0][name] for name in ("provenance", "weights")}
            size = {"images": int(part["images"].mean()), "chosen": _chosen(part)}
            rows.append(dict(zip(keys, key, strict=True)) | stated | size | self.level(part))
        return pd.DataFrame(rows)

    def _gains(self, counted: pd.DataFrame) -> pd.DataFrame:
        forward = counted[counted["kind"] != "reversed"]
        gains = gain_rows(forward, [self.network, "domain", *self.apart], self.difference)
        return gains if gains.empty else gains.assign(p_holm=corrected(gains, self.family(gains)))


def _chosen(cases: pd.DataFrame) -> str:
    """What the searches of an arm chose, seed by seed; "" where nothing was searched."""
    if "chosen" not in cases:
        return ""
    by_seed = cases.groupby("seed")["chosen"].first()
    return ", ".join(by_seed) if by_seed.any() else ""


AnyTask = DownstreamTask[Any]


def task_of(arm: Arm, tasks: Sequence[AnyTask]) -> AnyTask:
    """The task that an arm's network is trained for.

    Raises:
        KeyError: if there is none.
    """
    return {kind: task for task in tasks for kind in task.kinds}[arm.network]
