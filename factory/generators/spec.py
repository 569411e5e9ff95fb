"""What a recipe's generator section answers before anything is built."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from factory.form import explained
from factory.identity import digest, first_named
from factory.images import ImageSection

if TYPE_CHECKING:
    from factory.generators.base import Generator
    from factory.models.autoencoders.base import Autoencoder
    from factory.models.denoiser import Denoiser
    from factory.pairs import PairBatch
    from factory.prompts.prompt import Prompt
    from factory.training.data import TrainingData
    from factory.training.steps import Progress
    from factory.vocabulary import Domain

TRAINING_VERSION = 2  # raised when the same recipe learns otherwise: older checkpoints are others


@dataclass(frozen=True)
class Passes:
    """How often each network runs; back through a network is not counted.

    Attributes:
        denoiser: one pair each.
        autoencoder: one picture each, coded and decoded.
    """

    denoiser: float = 0
    autoencoder: float = 0


class GeneratorSpec(BaseModel):
    """Recipe section of a generator: what it is asked before it is built, and how to build it.

    The answers here are right for a generator without weights, which has nothing to learn.

    Attributes:
        kind: its name in `GENERATORS`.
        makes_masks: whether its pairs have masks.
        paints: whether it can make images for given masks, as `grid.masks` asks.
        untrained: what a training does not depend on: other values of these find the same
            checkpoint. In the form of pydantic's `exclude`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, json_schema_extra=explained
    )

    makes_masks: ClassVar[bool] = True
    paints: ClassVar[bool] = False
    untrained: ClassVar[Mapping[str, bool | Mapping[str, Any]]] = {}

    kind: str

    @abstractmethod
    def build(self, image: ImageSection) -> Generator:
        """The generator for images of this size and colour.

        Raises:
            InputError: if its weights are missing or do not fit.
        """

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """What makes the pairs once it is trained; () for a generator without weights."""
        return ()

    @property
    def trains(self) -> bool:
        """Whether there is something to train before it can be built."""
        return False

    @property
    def training_steps(self) -> int:
        """Steps of its training, of all networks that take long; 0 without one."""
        return 0

    @property
    def training_passes(self) -> Passes:
        """Passes of its training, of all steps together."""
        return Passes()

    @property
    def variants(self) -> int:
        """Of each training pair, that a training encodes and keeps; 0 without one."""
        return 0

    def training_identity(self) -> dict[str, object]:
        """All that decides what a training learns, but the data: plain values for a digest."""
        section = self.model_dump(mode="json", exclude=dict(self.untrained))
        return {"generator": first_named(section), "from": None}

    def checkpoint_folder(
        self, models: Path, dataset: str, source_digest: str, image: ImageSection
    ) -> Path:
        """Where the checkpoint of this training lies: the same training, the same folder."""
        identity = {
            "version": TRAINING_VERSION,
            "source": source_digest,
            "image": image.model_dump(mode="json"),
            **self.training_identity(),
        }
        return models / f"{dataset}-{digest(identity)[:12]}"

    def check_start(self) -> None:
        """Whether a training can start from what the section names.

        Raises:
            InputError: if that is no checkpoint, or one of another architecture.
        """

    def check_prompts(
        self, prompts: Sequence[Prompt], train: PairBatch, domains: Mapping[str, Domain]
    ) -> None:
        """Whether it can make what prompts ask for, and knows their words or will learn them.

        Args:
            prompts: one of each cell of a grid.
            train: real training images, whose free texts a training learns.
            domains: of the source, by name.

        Raises:
            InputError: naming the words that it cannot know, and the nearest known.
        """

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped.

        Raises:
            ValueError: if there is nothing to train.
        """
        raise ValueError(f"generator {self.kind} has nothing to train: build it as it is")

    def with_checkpoint(self, checkpoint: Path) -> Self:
        """The same generator with its training done: what workers are sent.

        Raises:
            ValueError: if it has no training.
        """
        raise ValueError(f"generator {self.kind} takes no checkpoint {checkpoint}")

    def untrained_denoiser(self) -> Denoiser | None:
        """A denoiser of its size without weights, to time; None: its pairs are timed themselves."""
        return None

    def untrained_autoencoder(self, image: ImageSection) -> Autoencoder | None:
        """An autoencoder of its kind without weights, to time; None: its pairs are timed themselves.

        Args:
            image: size and channels of what it codes.
        """
        return None

    @property
    def latent_factor(self) -> int:
        """Pixels per latent cell, in each direction, of what the denoiser reads."""
        return 1

    def passes(self, prompts: Sequence[Prompt]) -> Passes:
        """Passes that one drawn pair takes on average over these prompts."""
        return Passes()
