"""Recipe sections of the mask makers: plain data, importable without torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from factory.settings import TrainSection, ViewSection

Step = Literal["attention", "contrast", "crf", "selfattention", "affinity", "gate"]
STEPS: tuple[Step, ...] = get_args(Step)
Levels = tuple[Annotated[int, Field(ge=0, lt=1000)], ...]  # of noise


class CrfSection(BaseModel):
    """The fully connected CRF that draws borders where the image has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    iterations: int = Field(default=10, ge=1, le=100)
    confidence: float = Field(
        default=0.7, gt=0.5, lt=1, description="how far a pixel's first label is believed"
    )
    weight: float = Field(default=9.0, ge=0, description="of neighbours of like brightness")
    reach: float = Field(default=0.06, gt=0, le=1, description="of these, share of the longer side")
    contrast: float = Field(default=10.0, gt=0, description="grey levels that count as alike")
    noise_factor: float = Field(
        default=2.0, ge=0, description="`contrast` is at least so many deviations of the noise"
    )
    smooth_weight: float = Field(default=3.0, ge=0, description="of nearest neighbours")
    smooth_px: float = Field(default=1.0, gt=0, description="of these, pixels")


class AffinitySection(BaseModel):
    """The small network that learns which neighbouring places belong together, and its walk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stride: Literal[1, 2, 4] = Field(default=2, description="pixels per cell of its grid")
    radius: int = Field(default=5, ge=2, description="cells; nearer ones are neighbours")
    margin: float = Field(
        default=0.15,
        ge=0,
        lt=1,
        description="share of the way from threshold to peak within which no label is sure",
    )
    steps: int = Field(default=300, ge=1, description="of training")
    batch: int = Field(default=8, ge=1, description="images in one step")
    learning_rate: float = Field(default=1e-3, gt=0)
    beta: float = Field(default=8.0, gt=0, description="power that sharpens affinities")
    walk: int = Field(default=64, ge=1, description="steps of the random walk")


class StructureSection(BaseModel):
    """What is known of one structure before any mask is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    area: tuple[float, float] = Field(default=(0.002, 0.8), description="share of the image")
    pieces: int | None = Field(
        default=None, ge=1, description="keeps so many pieces, those most looked at; null: all"
    )
    components: int = Field(default=2, ge=1, description="most pieces it may consist of")
    solid: bool = Field(default=False, description="a hole in it is a mistake, and filled")
    sides: tuple[str, str] | None = Field(
        default=None,
        description="classes of its halves at the image's left and right; area, pieces and "
        "components are then those of each half",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 <= self.area[0] < self.area[1] <= 1:
            raise ValueError(f"area {self.area} is no range within 0..1: give [least, most]")
        return self


class RefinementSection(BaseModel):
    """Which steps lead from attention to a mask, and how.

    Attributes:
        steps: the steps taken, in the order of `STEPS`; `attention` is the first and always there.
        structures: by name of the class, or of the word that both halves of a pair share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[Step, ...] = STEPS
    min_contrast: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="a map whose values span no more of its peak is flat",
    )
    min_component: float = Field(
        default=0.002, ge=0, lt=1, description="smaller pieces are dropped, share"
    )
    level: float = Field(
        default=0,
        gt=-1,
        lt=1,
        description="where a map is cut: 0 at half its height, -1 at the ground, 1 at the peak",
    )
    self_walk: int = Field(default=4, ge=1, description="steps along the self-attention")
    agreement: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="least Dice of the last mask with each earlier one; attention has no vote "
        "beside contrast",
    )
    crf: CrfSection = CrfSection()
    affinity: AffinitySection = AffinitySection()
    structures: dict[str, StructureSection] = {}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.steps[:1] != STEPS[:1] or self.steps != tuple(
            each for each in STEPS if each in self.steps
        ):
            raise ValueError(
                f"steps {list(self.steps)} cannot be taken: start with attention, and keep the "
                f"order {', '.join(STEPS)}; leave out what is not wanted"
            )
        return self


class ReadSection(BaseModel):
    """What of the attention is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: int = Field(default=1, ge=1, description="reads one in so many steps of the solver")
    coarsest: int = Field(
        default=1, ge=1, description="maps with fewer cells on a side are left out"
    )
    levels: Levels = Field(
        default=(600, 700, 800, 900),
        min_length=1,
        description="noise levels at which a given image is looked at",
    )
    contrast_levels: Levels = Field(
        default=(300, 500, 650, 800),
        min_length=1,
        description="noise levels of the step contrast, for drawn and given images",
    )
    place_levels: Levels = Field(
        default=(100, 300, 500),
        min_length=1,
        description="noise levels of the step selfattention: little, as borders drown first",
    )


class DiffMaskTrainSection(TrainSection):
    """How the text-to-image model is trained, and the network of the step `affinity`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: tuple[ViewSection, ...] = ()
    view_share: float = Field(
        default=0.5, ge=0, le=1, description="training images that are also shown in a view"
    )
    clauses: bool = Field(
        default=True,
        description="captions name every structure in a clause of its own, and each is read apart",
    )
    affinity_images: int = Field(
        default=96, ge=0, description="drawn images that the step affinity learns from; 0: none"
    )
    affinity_label_steps: tuple[Step, ...] = Field(
        default=("attention", "contrast", "crf"),
        description="steps that say what it learns; those of `masks.steps` may be others",
    )

    @field_validator("affinity_label_steps")
    @classmethod
    def _below(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        RefinementSection(steps=steps)
        if not set(steps).isdisjoint(("affinity", "gate")):
            raise ValueError("the step affinity learns from those below it: leave out it and gate")
        return steps
