"""Recipe sections of the mask makers: plain data, importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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
        default=0.15, ge=0, lt=1, description="how far from the threshold a seed is certain"
    )
    steps: int = Field(default=300, ge=1, description="of training")
    batch: int = Field(default=8, ge=1, description="images in one step")
    learning_rate: float = Field(default=1e-3, gt=0)
    beta: float = Field(default=8.0, gt=0, description="power that sharpens affinities")
    walk: int = Field(default=64, ge=1, description="steps of the random walk")
