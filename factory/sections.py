"""Recipe sections of the diffusion systems: plain data, importable without torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from factory.errors import InputError
from factory.images import ImageSection

if TYPE_CHECKING:
    from factory.generators.medsegfactory import MedSegFactory
    from factory.training.medsegfactory import Lesson
    from factory.training.progress import Progress


class AutoencoderTraining(BaseModel):
    """How the autoencoder is trained; steps = 0 keeps the one of `from`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: Literal[4, 8] = Field(default=8, description="pixels per latent cell; not with `from`")
    steps: int = Field(default=400, ge=0)
    batch: int = Field(default=8, ge=1, description="images in one step, with half as many masks")
    learning_rate: float = Field(default=3e-4, gt=0)
    recolour: float = Field(
        default=0.5, ge=0, le=1, description="share of masks shown in other colours"
    )
    texture_from: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="share of the steps after which the texture terms, energy and critic, join",
    )
    adversarial: float = Field(default=0, ge=0, description="weight of the critic; 0 trains none")
    energy: float = Field(default=0.2, ge=0, description="weight of the texture's local power")
    high_pass: float = Field(default=1.0, ge=0)
    kl: float = Field(default=1e-6, ge=0)


class Augmentation(BaseModel):
    """Random changes of image and mask together; copies = 1 keeps the data as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    copies: int = Field(default=8, ge=1, description="variants of each pair, the first unchanged")
    rotate: float = Field(default=6.0, ge=0, le=180, description="degrees")
    scale: float = Field(default=0.08, ge=0, lt=1)
    shift: float = Field(default=0.04, ge=0, lt=1, description="share of the side")
    gamma: float = Field(default=0.15, ge=0, lt=1, description="log of the exponent, images only")
    mirror: bool = Field(default=False, description="left-right; wrong where side has a meaning")


class DenoiserTraining(BaseModel):
    """How the denoiser is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=2000, ge=1)
    batch: int = Field(default=16, ge=1, description="pairs in one step")
    learning_rate: float = Field(default=1e-3, gt=0)
    warm_up: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.998, ge=0, lt=1)
    drop_prompt: float = Field(default=0.1, ge=0, le=1, description="both prompts emptied")
    drop_one_prompt: float = Field(default=0.05, ge=0, le=0.5, description="each alone emptied")
    tied_timesteps: float = Field(
        default=0.5, ge=0, le=1, description="share of pairs whose streams share a timestep"
    )
    validate_every: int = Field(default=250, ge=1)


class TextTraining(BaseModel):
    """How a small text encoder is trained; the one of `from` is kept as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=600, ge=1)
    batch: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)


class TrainSection(DenoiserTraining):
    """How a MedSegFactory model is trained: the denoiser's settings, and the other stages'."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    autoencoder: AutoencoderTraining = AutoencoderTraining()
    text: TextTraining = TextTraining()
    augment: Augmentation = Augmentation()


class SampleSection(BaseModel):
    """How pairs are drawn from the model; part of the generator's digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solver: Literal["ddim", "dpmpp-2m"] = "dpmpp-2m"
    steps: int = Field(default=20, ge=1, le=1000)
    guidance: float = Field(default=3.0, ge=0, description="1.0 follows the prompt unamplified")
    batch: int = Field(default=16, ge=1, description="pairs in one pass; the last one is padded")


class MedSegFactorySpec(BaseModel):
    """Recipe section of the dual-stream generator (arXiv 2504.06897).

    Attributes:
        preset: size of the denoiser.
        coupling: how the streams meet: the public joint cross-attention, ours, or the control.
        start: `from` in a recipe: a checkpoint, to fine-tune from or, without `train`, to use.
        train: how to train; None uses `from` as it is.
        sample: how to draw pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: Literal["medsegfactory"] = "medsegfactory"
    preset: Literal["tiny", "small", "medsegfactory"] = "small"
    coupling: Literal["official", "joint", "concat"] = "joint"
    start: Path | None = Field(default=None, alias="from")
    train: TrainSection | None = None
    sample: SampleSection = SampleSection()

    def with_checkpoint(self, checkpoint: Path) -> MedSegFactorySpec:
        """The same generator with its training done: what workers are sent."""
        return self.model_copy(update={"start": checkpoint, "train": None})

    def learn(self, lesson: Lesson, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.training.medsegfactory import train_medsegfactory

        if self.train is None:
            raise ValueError("this generator has no train section; build it from its checkpoint")
        return train_medsegfactory(
            lesson, self.train, self.preset, self.coupling, self.start, folder
        )

    def build(self, image: ImageSection) -> MedSegFactory:
        """Loads the checkpoint.

        Raises:
            InputError: if there is none, or it does not fit.
        """
        from factory.generators.medsegfactory import MedSegFactory

        if self.start is None or self.train is not None:
            raise InputError(
                "generator medsegfactory has no trained weights: give `train`, or `from` a "
                "checkpoint folder"
            )
        return MedSegFactory.load(self.start, image, self.sample)
