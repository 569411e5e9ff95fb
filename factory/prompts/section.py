"""Recipe section of a prompt grid: which pairs are asked for."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from factory.errors import InputError
from factory.prompts.captions.retrieval import RetrieveSection
from factory.prompts.masks.section import MasksSection

Value = StrictStr | StrictInt | StrictFloat | tuple[StrictStr, ...]

COHERENT = 12.0  # slices; see docs/volumes.md for what fewer and more do


class MoreSection(BaseModel):
    """Further pairs of some of a grid's combinations.

    Attributes:
        facets: facet -> value; all combinations that show these are meant, for {} all there are.
        replicates: further pairs of each of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facets: dict[str, Value] = {}
    replicates: int = Field(ge=1)


class GridSection(BaseModel):
    """What a recipe asks for: every combination of the facets, so many times.

    Attributes:
        facets: facet -> its values. Known facets are domain, modality, anatomy, finding, classes
            (each value one class, several as "a;b" or as a list, or "" for none) and text; any
            other name is an extra facet and conditions the generator as it is. The finding "all"
            stands for every finding of each domain, and for none where it has none.
        exclude: facets of the combinations to leave out; a list means any of its values.
        replicates: pairs per combination.
        more: further pairs of some combinations, which come after the others of their combination.
        seed: root of all seeds of this grid.
        retrieve: takes the free text of every prompt from the captions of the training split; None
            tells the facet text as it is.
        masks: gives every prompt the mask of a training pair, warped; None has the generator draw
            image and mask together.
        unit: what one prompt asks for: a pair, or a volume, whose slices are pairs.
        coherence: of volumes: slices over which starting noise becomes another, structures with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facets: dict[str, tuple[Value, ...]] = Field(
        default={}, examples=[{"classes": ["", "liver", "liver;spleen"]}]
    )
    exclude: tuple[dict[str, Value | tuple[Value, ...]], ...] = ()
    replicates: int = Field(default=1, ge=1)
    # Left out of a dump where it is not used: what was made before it was there keeps its record.
    more: tuple[MoreSection, ...] = Field(default=(), exclude_if=lambda entries: not entries)
    seed: int = Field(default=0, ge=0, lt=2**64)
    retrieve: RetrieveSection | None = None
    masks: MasksSection | None = Field(default=None, exclude_if=lambda section: section is None)
    unit: Literal["pair", "volume"] = Field(default="pair", exclude_if=lambda unit: unit == "pair")
    coherence: float = Field(default=COHERENT, gt=0, exclude_if=lambda slices: slices == COHERENT)

    @model_validator(mode="after")
    def _volumes_have_masks(self) -> Self:
        if self.unit == "volume" and self.masks is None:
            raise InputError(
                "grid.unit: volume makes volumes around mask volumes of training patients, and no "
                "masks are given: add grid.masks: {from: train}, or say unit: pair"
            )
        return self
