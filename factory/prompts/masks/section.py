"""Recipe section of masks that are given: plain data, importable without scipy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class MasksSection(BaseModel):
    """Which real masks pairs are made for, and how far these are warped; zeros keep them as they are.

    Attributes:
        split: `from` in a recipe: whose masks. Only those of the training split may be: masks of
            another would show a model what it is tested on.
        rotate: degrees, at most, either way.
        scale: at most, either way: 0.1 draws sizes from 0.9 to 1.1.
        shift: share of the side, at most, either way.
        elastic: share of the side: standard deviation of the nodes of a smooth field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    split: Literal["train"] = Field(default="train", alias="from")
    rotate: float = Field(default=8.0, ge=0, le=180, description="degrees, at most")
    scale: float = Field(default=0.1, ge=0, le=0.5, description="0.1 draws from 0.9 to 1.1")
    shift: float = Field(default=0.04, ge=0, le=0.5, description="share of the side, at most")
    elastic: float = Field(default=0.015, ge=0, le=0.1, description="share of the side")

    @field_validator("split", mode="before")
    @classmethod
    def _no_held_out_masks(cls, split: object) -> object:
        if split in ("val", "test"):
            raise ValueError(f"masks of {split!r} would show what pairs are tested on; use train")
        return split

    def __str__(self) -> str:
        """The limits of the warp, or that there is none."""
        limits = {name: getattr(self, name) for name in ("rotate", "scale", "shift", "elastic")}
        return ", ".join(f"{name} {value:g}" for name, value in limits.items() if value) or "none"
