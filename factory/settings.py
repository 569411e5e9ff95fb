"""Recipe sections of the diffusion systems: plain data, importable without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

SIDES_DIFFER = 0.01  # of a box, in shares of the image

Box = tuple[float, float, float, float]  # top, left, bottom, right; shares of the image


def _unused(value: object) -> bool:
    """Whether a key that came later changes nothing: left out, older work keeps its identity."""
    return not value


def _default_kind(value: object) -> bool:
    """Whether an autoencoder is of the kind that was the only one once."""
    return value == "kl"


def _straight(bend: float) -> bool:
    return bend == 1


def _alone(processes: int) -> bool:
    return processes == 1


def _automatic(value: object) -> bool:
    return value == "auto"


class AutoencoderTraining(BaseModel):
    """How a KL autoencoder is trained; steps = 0 keeps the one of `from`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["kl"] = Field(default="kl", exclude_if=_default_kind)
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


class CoarseTraining(BaseModel):
    """How the decoders of coarse pictures are trained; steps = 0 keeps those of `from`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["coarse"] = "coarse"
    factor: Literal[2, 4, 8] = Field(
        default=4, description="pixels per cell of the coarse picture; not with `from`"
    )
    steps: int = Field(default=1500, ge=0, description="of each decoder; each doubles the size")
    batch: int = Field(
        default=12,
        ge=1,
        description="images in one step, each with its mask; twice as many where they are half as large",
    )
    learning_rate: float = Field(default=2e-3, gt=0)
    width: int = Field(
        default=32,
        ge=8,
        description="channels at half of the full resolution, and as many more at every halving; "
        "not with `from`",
    )

    @property
    def doublings(self) -> int:
        """How many decoders there are, each of which makes pictures twice as large."""
        return self.factor.bit_length() - 1


def _kind_of(section: object) -> object:
    """The kind of an autoencoder's section; it may be left out of the first one's."""
    if isinstance(section, Mapping):
        return section.get("kind", "kl")
    return getattr(section, "kind", None)


AnyAutoencoderTraining = Annotated[
    Annotated[AutoencoderTraining, Tag("kl")] | Annotated[CoarseTraining, Tag("coarse")],
    Discriminator(_kind_of),
]


class Augmentation(BaseModel):
    """Random changes of image and mask together; copies = 1 keeps the data as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    copies: int = Field(default=8, ge=1, description="variants of each pair, the first unchanged")
    rotate: float = Field(default=6.0, ge=0, le=180, description="degrees")
    scale: float = Field(default=0.08, ge=0, lt=1)
    shift: float = Field(default=0.04, ge=0, lt=1, description="share of the side")
    gamma: float = Field(default=0.15, ge=0, lt=1, description="log of the exponent, images only")
    mirror: bool = Field(default=False, description="left-right; wrong where side has a meaning")


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


class TrainSection(BaseModel):
    """How a model is trained: its denoiser, and the stages before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=2000, ge=1)
    batch: int = Field(default=16, ge=1, description="pairs in one step")
    processes: int = Field(
        default=1,
        ge=1,
        exclude_if=_alone,
        description="that share each batch of the denoiser's training, one for each GPU",
    )
    learning_rate: float = Field(default=1e-3, gt=0)
    warm_up: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(default=0.998, ge=0, lt=1)
    drop_prompt: float = Field(default=0.1, ge=0, le=1, description="every stream's text emptied")
    validate_every: int = Field(default=250, ge=1)
    balance: bool = Field(
        default=False,
        exclude_if=_unused,
        description="pairs of smaller domains are repeated, so that all are learnt as often",
    )
    seed: int = 0
    autoencoder: AnyAutoencoderTraining = AutoencoderTraining()
    text: TextTraining = TextTraining()
    augment: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _shared_evenly(self) -> Self:
        if self.batch % self.processes:
            raise ValueError(
                f"a batch of {self.batch} pairs cannot be shared evenly among {self.processes} "
                "processes: make batch a multiple of processes"
            )
        return self


class PairTrainSection(TrainSection):
    """How a model of images and masks is trained."""

    stream_prompt_dropout: float = Field(
        default=0.05, ge=0, le=0.5, description="each alone emptied"
    )
    shared_timesteps: float = Field(
        default=0.5, ge=0, le=1, description="share of pairs whose streams share a timestep"
    )


class ViewSection(BaseModel):
    """An image seen in part, so that structures are missing as images of this kind are framed.

    It is stated, not measured: no mask is read to know it.

    Attributes:
        box: top, left, bottom and right edge of the part that is seen, as shares of the image.
        covered: such boxes of the parts that are not, in place of `box`; all else stays.
        absent: classes that are out of sight then.
        text: what the caption says of the view, in words of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    box: Box | None = Field(default=None, description="top, left, bottom, right of what is seen")
    covered: tuple[Box, ...] = Field(default=(), description="or boxes of what is painted over")
    absent: tuple[str, ...] = Field(default=(), description="classes out of sight then")
    text: str = Field(default="", description="what the caption says of the view")

    @model_validator(mode="after")
    def _square(self) -> Self:
        if (self.box is None) == (not self.covered):
            raise ValueError("a view shows one box or covers some: give either box or covered")
        for top, left, bottom, right in filter(None, (self.box, *self.covered)):
            if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
                raise ValueError(
                    f"box {(top, left, bottom, right)} is no part of an image: give top, left, "
                    "bottom, right"
                )
        top, left, bottom, right = self.box or (0.0, 0.0, 1.0, 1.0)
        if abs((bottom - top) - (right - left)) > SIDES_DIFFER:
            raise ValueError(
                f"box {self.box} is not square: enlarged to the image it would stretch"
            )
        return self


class SampleSection(BaseModel):
    """How pairs are drawn from the model; part of the generator's digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solver: Literal["ddim", "dpmpp-2m"] = "dpmpp-2m"
    steps: int = Field(default=20, ge=1, le=1000)
    bend: float = Field(
        default=1.0,
        ge=1,
        le=4,
        exclude_if=_straight,
        description="of the steps towards the lowest noise levels, where what is finest is drawn",
    )
    guidance: float = Field(default=3.0, ge=0, description="1.0 follows the prompt unamplified")
    guidance_rescale: float = Field(
        default=0.0,
        ge=0,
        le=1,
        exclude_if=_unused,
        description="share of guided predictions whose spread is brought back to unguided ones'",
    )
    number_format: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        exclude_if=_automatic,
        description="of the denoiser; auto is bf16 where that is computed in hardware, else fp32",
    )
    batch: int = Field(default=16, ge=1, description="pairs in one pass; the last one is padded")

    @model_validator(mode="after")
    def _steps_can_be_bent(self) -> Self:
        if self.bend != 1 and self.solver == "ddim":
            raise ValueError(
                "solver ddim steps evenly, so that bend would change nothing: leave bend out, or "
                "choose dpmpp-2m"
            )
        return self
