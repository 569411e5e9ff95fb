"""Recipe section of images whose masks another model makes: plain data, no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from factory.diffmask_sections import DiffMaskSpec
from factory.images import ImageSection
from factory.settings import MediSynSpec, MedSegFactorySpec

if TYPE_CHECKING:
    from factory.generators.two_step import Masked


class MaskedSpec(BaseModel):
    """Recipe section of pairs in two steps: one checkpoint draws the image, one finds its mask.

    With the checkpoint, sampling and grid of a version without masks, its images come out again,
    pixel by pixel, now with masks.

    Attributes:
        images: what draws them.
        masks: what makes the mask of a given image: the direction image to mask of a dual-stream
            model, or attention that is read while the noised image is looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    makes_masks: ClassVar[bool] = True

    kind: Literal["masked"] = "masked"
    images: MediSynSpec
    masks: Annotated[MedSegFactorySpec | DiffMaskSpec, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _trained(self) -> Self:
        for role, spec in (("images", self.images), ("masks", self.masks)):
            if spec.train is not None or spec.start is None:
                raise ValueError(
                    f"generator.{role} is not trained here: train it by a recipe of its own, and "
                    "name its checkpoint under `from`"
                )
        return self

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """What makes the images, then what makes their masks."""
        return (*self.images.checkpoints, *self.masks.checkpoints)

    def build(self, image: ImageSection) -> Masked:
        """Loads both checkpoints.

        Raises:
            InputError: if one is missing or does not fit, or they share no domain.
        """
        from factory.generators.two_step import Masked

        return Masked(self.images.build(image), self.masks.build(image))
