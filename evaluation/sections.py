"""The sections of a recipe that this package obeys; importing them loads nothing heavy."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from evaluation.extractors import below, combined, named
from evaluation.networks import SEGMENTERS

Value = TypeVar("Value", bound=Hashable)


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{repeated} is given twice; each would be worked out twice")
    return values


def _segmenter(name: str) -> str:
    if name not in SEGMENTERS:
        raise ValueError(f"segmenter {name!r} is unknown; choose among {sorted(SEGMENTERS)}")
    return name


Feature = Annotated[str, AfterValidator(named)]
SegmenterName = Annotated[str, AfterValidator(_segmenter)]
RealCount = Annotated[int, Field(ge=1)] | Literal["all"]


class EvaluateSection(BaseModel):
    """What to score with, and at what expense."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: Annotated[tuple[Feature, ...], AfterValidator(combined)] = Field(
        default=("handcrafted",), description="feature sets of the distances"
    )
    encoder_steps: int = Field(
        default=300, ge=1, description="training steps of the encoder, per domain"
    )
    judge: SegmenterName = Field(default="unet", description="segmenter that judges consistency")
    judge_steps: int = Field(default=500, ge=1, description="its training steps, per domain")
    tolerance_mm: float = Field(default=2.0, gt=0, description="contours this close count as one")
    ms_ssim_pairs: int = Field(default=200, ge=2, description="image pairs compared, per domain")
    seed: int = Field(default=0, ge=0)

    def below(self, folder: Path) -> EvaluateSection:
        """The same, with the files that features name sought in a folder."""
        features = tuple(below(each, folder) for each in self.features)
        return self.model_copy(update={"features": features})


class UtilitySection(BaseModel):
    """Which downstream models to train, on how many real images, how often and how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segmenters: Annotated[tuple[SegmenterName, ...], AfterValidator(_distinct)] = Field(
        default=("unet",), min_length=1
    )
    real: Annotated[tuple[RealCount, ...], AfterValidator(_distinct)] = Field(
        default=(10, "all"), min_length=1, description="real training images of an arm, per domain"
    )
    seeds: int = Field(default=3, ge=1, description="repeats, each with its own real images")
    steps: int = Field(default=1500, ge=1, description="training steps, the same in every arm")
    domains: Annotated[tuple[str, ...], AfterValidator(_distinct)] | None = Field(
        default=None, description="only these; by default every domain of the pairs"
    )
