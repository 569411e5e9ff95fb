"""How networks are trained, as recipes say it; importing this loads nothing heavy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DomainRandomisationSection(BaseModel):
    """How synthetic pairs are changed, every time one is learnt from.

    The changes are those of `evaluation.networks.domain_randomisation`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: float = Field(default=1.0, gt=0, le=2, description="factor on every range")
    mirror: bool = Field(
        default=False, description="half of the pairs, names of left and right changing places"
    )
