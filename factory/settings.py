"""Recipe sections of the diffusion systems: plain data, importable without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from factory.errors import InputError
from factory.images import ImageSection

if TYPE_CHECKING:
    from factory.generators.medisyn import MediSyn
    from factory.generators.medsegfactory import MedSegFactory
    from factory.prompts.prompt import Prompt
    from factory.training.data import TrainingData
    from factory.training.steps import Progress


def _unused(value: object) -> bool:
    """Whether a key that came later changes nothing: left out, older work keeps its identity."""
    return not value


class AutoencoderTraining(BaseModel):
    """How the autoencoder is trained; steps = 0 keeps the one of `from`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: Literal[4, 8] = Field(default=8, description="pixels per latent cell; not with `from`")
    steps: int = Field(default=400, ge=0)
    batch: int = Field(default=8, ge=1, description="images in one step, with half as many masks")
    learning_rate: float = Field(default=3e-4, gt=0)
    mask_colour_augmentation: float = Field(
        default=0.5, ge=0, le=1, description="share of masks shown in other colours"
    )
    texture_loss_from: float = Field(
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


class LoopTraining(BaseModel):
    """How a denoiser of any number of streams is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=2000, ge=1)
    batch: int = Field(default=16, ge=1, description="pairs in one step")
    learning_rate: float = Field(default=1e-3, gt=0)
    warm_up: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.998, ge=0, lt=1)
    drop_prompt: float = Field(default=0.1, ge=0, le=1, description="every stream's text emptied")
    validate_every: int = Field(default=250, ge=1)

    @property
    def drop_alone(self) -> float:
        """Share of pairs in which one stream's text is emptied, for each of several streams."""
        return 0.0

    @property
    def tied(self) -> float:
        """Share of pairs whose streams share a timestep."""
        return 0.0


class DenoiserTraining(LoopTraining):
    """How a denoiser of images and masks is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream_prompt_dropout: float = Field(
        default=0.05, ge=0, le=0.5, description="each alone emptied"
    )
    shared_timesteps: float = Field(
        default=0.5, ge=0, le=1, description="share of pairs whose streams share a timestep"
    )

    @property
    def drop_alone(self) -> float:
        """Share of pairs in which one stream's text is emptied, for each of the two."""
        return self.stream_prompt_dropout

    @property
    def tied(self) -> float:
        """Share of pairs whose streams share a timestep."""
        return self.shared_timesteps


class TextTraining(BaseModel):
    """How a small text encoder is trained, or which one is taken as it is.

    That of the checkpoint which the generator starts from is kept, whatever this says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    start: Path | None = Field(
        default=None,
        alias="from",
        exclude_if=_unused,
        description="a pretrained one: folder with text_encoder/ and tokenizer/, as on the hub",
    )
    steps: int = Field(default=600, ge=1)
    batch: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)

    def check(self) -> None:
        """Whether the pretrained encoder, where one is named, can be read; raises InputError."""
        from factory.models.text import TextEncoder

        if self.start is not None:
            TextEncoder.load(self.start)


class SystemTraining(LoopTraining):
    """How a whole model is trained: the denoiser's settings, and the other stages'."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    autoencoder: AutoencoderTraining = AutoencoderTraining()
    text: TextTraining = TextTraining()
    augment: Augmentation = Augmentation()


class TrainSection(DenoiserTraining, SystemTraining):
    """How a MedSegFactory model is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SampleSection(BaseModel):
    """How pairs are drawn from the model; part of the generator's digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solver: Literal["ddim", "dpmpp-2m"] = "dpmpp-2m"
    steps: int = Field(default=20, ge=1, le=1000)
    guidance: float = Field(default=3.0, ge=0, description="1.0 follows the prompt unamplified")
    guidance_rescale: float = Field(
        default=0.0,
        ge=0,
        le=1,
        exclude_if=_unused,
        description="share of guided predictions whose spread is brought back to unguided ones'",
    )
    batch: int = Field(default=16, ge=1, description="pairs in one pass; the last one is padded")


class TrainedSpec(BaseModel):
    """Recipe section of a generator with weights.

    Attributes:
        kind: name of the generator.
        start: `from` in a recipe: a checkpoint, to fine-tune from or, without `train`, to use.
        train: how to train; None uses `from` as it is.
        sample: how to draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    makes_masks: ClassVar[bool] = True
    # What a training does not depend on: other values of these find the same checkpoint.
    untrained: ClassVar[Mapping[str, bool | Mapping[str, Any]]] = {"sample": True, "start": True}

    kind: str
    preset: str
    start: Path | None = Field(default=None, alias="from")
    train: SystemTraining | None = None
    sample: SampleSection = SampleSection()

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """What makes the pairs once it is trained."""
        return () if self.start is None else (self.start,)

    def with_checkpoint(self, checkpoint: Path) -> Self:
        """The same generator with its training done: what workers are sent."""
        return self.model_copy(update={"start": checkpoint, "train": None})

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        raise NotImplementedError

    def check_start(self) -> None:
        """Whether a training can start from `from`.

        Raises:
            InputError: if it is no checkpoint, or one of another architecture.
        """
        raise NotImplementedError

    def trained(self) -> Path:
        """The checkpoint of a generator that is ready to draw.

        Raises:
            InputError: if it has none yet.
        """
        if self.start is None or self.train is not None:
            raise InputError(
                f"generator {self.kind} has no trained weights: give `train`, or `from` a "
                "checkpoint folder"
            )
        return self.start


class MedSegFactorySpec(TrainedSpec):
    """Recipe section of the dual-stream generator (arXiv 2504.06897).

    Attributes:
        preset: size of the denoiser.
        coupling: how the streams meet: the public joint cross-attention, ours, or the control.
    """

    kind: Literal["medsegfactory"] = "medsegfactory"
    preset: Literal["tiny", "small", "medsegfactory"] = "small"
    coupling: Literal["official", "joint", "concat"] = "joint"
    train: TrainSection | None = None

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.training.medsegfactory import train_medsegfactory

        if self.train is None:
            raise ValueError("this generator has no train section; build it from its checkpoint")
        return train_medsegfactory(data, self.train, self.preset, self.coupling, self.start, folder)

    def check_start(self) -> None:
        """Whether a training can start from `from`; raises InputError if not."""
        from factory.models.checkpoints import load_components

        if self.start is not None:
            load_components(self.start, self.coupling)

    def build(self, image: ImageSection) -> MedSegFactory:
        """Loads the checkpoint.

        Raises:
            InputError: if there is none, or it does not fit.
        """
        from factory.generators.medsegfactory import MedSegFactory

        return MedSegFactory.load(self.trained(), image, self.sample)


class TextToImageSpec(TrainedSpec):
    """What recipe sections of generators on a text-to-image model have in common.

    Attributes:
        preset: size of the denoiser; sd15 is that of Stable Diffusion 1.5.
    """

    preset: Literal["tiny", "small", "sd15"] = "small"

    def check_start(self) -> None:
        """Whether a training can start from `from`; raises InputError if not."""
        from factory.models.checkpoints import load_text_to_image_components

        if self.start is not None:
            load_text_to_image_components(self.start)

    @property
    def own_texts(self) -> tuple[str, ...]:
        """Free texts that a training adds to those of the source."""
        return ()

    def check_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Whether this generator can make what prompts ask for; raises InputError if not."""


class MediSynSpec(TextToImageSpec):
    """Recipe section of the text-to-image generator (arXiv 2405.09806): images without masks."""

    makes_masks: ClassVar[bool] = False

    kind: Literal["medisyn"] = "medisyn"

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.training.text_to_image import train_text_to_image

        if self.train is None:
            raise ValueError("this generator has no train section; build it from its checkpoint")
        return train_text_to_image(data, self.train, self.preset, self.start, folder)

    def build(self, image: ImageSection) -> MediSyn:
        """Loads the checkpoint.

        Raises:
            InputError: if there is none, or it does not fit.
        """
        from factory.generators.medisyn import MediSyn

        return MediSyn.load(self.trained(), image, self.sample)
