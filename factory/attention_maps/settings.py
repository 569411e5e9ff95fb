"""Recipe sections of the mask makers: plain data, importable without torch."""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Rung = Literal["attention", "contrast", "crf", "selfattention", "affinity", "gate"]
RUNGS: tuple[Rung, ...] = get_args(Rung)


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
        description="share of the way from threshold to peak within which no seed is sure",
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
        rungs: the steps taken, in the order of `RUNGS`; `attention` is the first and always there.
        structures: by name of the class, or of the word that both halves of a pair share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rungs: tuple[Rung, ...] = RUNGS
    min_contrast: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="a map whose values span no more of its peak is min_contrast",
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
    def _climbable(self) -> Self:
        if self.rungs[:1] != RUNGS[:1] or self.rungs != tuple(r for r in RUNGS if r in self.rungs):
            raise ValueError(
                f"rungs {list(self.rungs)} cannot be climbed: start with attention, and keep the "
                f"order {', '.join(RUNGS)}; leave out what is not wanted"
            )
        return self
