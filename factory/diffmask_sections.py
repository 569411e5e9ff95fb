"""Recipe section of the generator whose masks are read from attention: plain data, no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from factory.attention_maps.settings import RefinementSection, Rung
from factory.images import ImageSection
from factory.settings import SystemTraining, TextToImageSpec

if TYPE_CHECKING:
    from factory.generators.diffmask import DiffMask
    from factory.prompts.prompt import Prompt
    from factory.training.data import TrainingData
    from factory.training.steps import Progress

SIDES_DIFFER = 0.01  # of a box, in shares of the image

Box = tuple[float, float, float, float]  # top, left, bottom, right; shares of the image
Levels = tuple[Annotated[int, Field(ge=0, lt=1000)], ...]  # of noise


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


class DiffMaskTraining(SystemTraining):
    """How the text-to-image model is trained, and the network of the rung `affinity`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: tuple[ViewSection, ...] = ()
    view_share: float = Field(
        default=0.5, ge=0, le=1, description="training images that are also shown in a view"
    )
    clauses: bool = Field(
        default=True,
        description="captions name every structure in a clause of its own, and each is read apart",
    )
    seeds: int = Field(
        default=96, ge=0, description="drawn images that the rung affinity learns from; 0: none"
    )
    seed_rungs: tuple[Rung, ...] = Field(
        default=("attention", "contrast", "crf"),
        description="rungs that say what it learns; those a recipe climbs may be others",
    )

    @field_validator("seed_rungs")
    @classmethod
    def _below(cls, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
        RefinementSection(rungs=rungs)
        if not set(rungs).isdisjoint(("affinity", "gate")):
            raise ValueError("the rung affinity learns from those below it: leave out it and gate")
        return rungs


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
        description="noise levels of the rung contrast, for drawn and given images",
    )
    place_levels: Levels = Field(
        default=(100, 300, 500),
        min_length=1,
        description="noise levels of the rung selfattention: little, as borders drown first",
    )


class DiffMaskSpec(TextToImageSpec):
    """Recipe section of the generator that reads masks from cross-attention (arXiv 2503.07209).

    Attributes:
        masks: how attention becomes masks.
        read: what of the attention.
    """

    # Rungs are switched off, and priors stated anew, without another training.
    untrained: ClassVar[Mapping[str, bool | Mapping[str, Any]]] = {
        **TextToImageSpec.untrained,
        "read": True,
        "masks": {
            **dict.fromkeys(
                ("rungs", "structures", "agreement", "min_contrast", "min_component", "level"), True
            ),
            "affinity": {"beta": True, "walk": True},
        },
    }

    kind: Literal["diffmask"] = "diffmask"
    train: DiffMaskTraining | None = None
    masks: RefinementSection = RefinementSection()
    read: ReadSection = ReadSection()

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.generators.diffmask_training import train_diffmask

        if self.train is None:
            raise ValueError("this generator has no train section; build it from its checkpoint")
        return train_diffmask(data, self, self.train, folder)

    @property
    def own_texts(self) -> tuple[str, ...]:
        """What captions say of the views."""
        return tuple(view.text for view in self.train.views) if self.train is not None else ()

    def check_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Whether every class asked for is named where free text is the whole caption.

        Raises:
            InputError: naming the word that is not there.
        """
        from factory.attention_maps.class_words import check_named

        check_named(prompts, self.masks.structures)

    def build(self, image: ImageSection) -> DiffMask:
        """Loads the checkpoint.

        Raises:
            InputError: if there is none, or it does not fit.
        """
        from factory.generators.diffmask import DiffMask

        return DiffMask.load(self.trained(), image, self)
