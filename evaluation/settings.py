"""The sections of a recipe that this package obeys; importing them loads nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from evaluation.features.names import combined, named, with_file
from evaluation.networks.registry import (
    CLASSIFIERS,
    NNUNET,
    NNUNET3D,
    SEGMENTERS,
    VOLUME_SEGMENTERS,
)
from evaluation.networks.settings import DomainRandomisationSection

Value = TypeVar("Value", bound=Hashable)

# Keys that were renamed, and what they were called first. Digests are worked out from the first
# names, so that what was scored before is found again.
FIRST_NAMES: Mapping[str, str] = {
    "domain_randomisation": "bridge",
    "finding_classifier": "finder",
    "finding_classifier_steps": "finder_steps",
    "tstr": "both_ways",
}
# Keys that came later, and the value at which what was scored before is as it was.
LATER_KEYS: Mapping[str, object] = {"sample": 5000}


def first_named(section: BaseModel) -> dict[str, Any]:
    """A section as JSON values, every key as it was called first, without later ones unless set."""
    content = section.model_dump(mode="json")
    for key, value in LATER_KEYS.items():
        if content.get(key) == value:
            del content[key]
    return {FIRST_NAMES.get(key, key): value for key, value in content.items()}


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{repeated} is given twice; each would be worked out twice")
    return values


def _among(what: str, known: Collection[str]) -> AfterValidator:
    def checked(name: str) -> str:
        if name not in known:
            raise ValueError(f"{what} {name!r} is unknown; choose among {sorted(known)}")
        return name

    return AfterValidator(checked)


ArmKind = Literal[
    "real",
    "synthetic",
    "both",
    "annealed",
    "searched",
    "augmented",
    "classical",
    "selftrained",
    "pretrained",
    "reversed",
]
ARMS: Mapping[str, str] = {
    "real": "real images",
    "synthetic": "synthetic pairs",
    "both": "real and synthetic pairs",
    "annealed": "real and synthetic pairs, these ever fewer in the last third of the steps",
    "searched": "real images, with pairs only if, and as, folds of these images speak for it",
    "augmented": "real images, augmented twice as strongly",
    "classical": "real images, also bent, and with regions copied among them",
    "selftrained": "real images for half of the steps, then also the other real ones as labelled by it",
    "pretrained": "synthetic pairs for half of the steps, then real images",
    "reversed": "real images, tested on synthetic pairs",
}


def _with_real(kinds: tuple[ArmKind, ...]) -> tuple[ArmKind, ...]:
    if "real" not in kinds:
        raise ValueError(f"{list(kinds)} lacks real, from which every gain is counted; add it")
    return kinds


def _share(text: str) -> str:
    if text != "all" and not 0 < share_of(text) <= 1:
        raise ValueError(
            f"{text!r} is no number of real images: write a whole number, 'all', or a share of the "
            "real training images such as '25%'"
        )
    return text


def share_of(text: str) -> float:
    """The share that a text such as "25%" says, in [0, 1]; 0 where it says none."""
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else 0.0
    except ValueError:
        return 0.0


LoopRule = Literal["thompson", "uniform"]
Feature = Annotated[str, AfterValidator(named)]
JudgeName = Annotated[str, _among("segmenter", SEGMENTERS)]
SegmenterName = Annotated[
    str, _among("segmenter", {*SEGMENTERS, NNUNET, *VOLUME_SEGMENTERS, NNUNET3D})
]
ClassifierName = Annotated[str, _among("classifier", CLASSIFIERS)]
Ratio = Annotated[float, Field(gt=0)]
RealCount = Annotated[int, Field(ge=1)] | Literal["all"] | Annotated[str, AfterValidator(_share)]


class EvaluateSection(BaseModel):
    """What to score with, and at what expense."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: Annotated[tuple[Feature, ...], AfterValidator(combined)] = Field(
        default=("handcrafted",), description="feature sets of the distances"
    )
    encoder_steps: int = Field(
        default=300, ge=1, description="training steps of the encoder, per domain"
    )
    judge: JudgeName = Field(default="unet", description="segmenter that judges consistency")
    judge_steps: int = Field(default=500, ge=1, description="its training steps, per domain")
    tstr: bool = Field(
        default=True, description="also train the judge's twin on the synthetic pairs"
    )
    finding_classifier: ClassifierName = Field(
        default="resnet", description="classifier of the findings"
    )
    finding_classifier_steps: int = Field(
        default=300, ge=0, description="its training steps, per domain; 0 leaves findings out"
    )
    tolerance_mm: float = Field(default=2.0, gt=0, description="contours this close count as one")
    ms_ssim_pairs: int = Field(default=200, ge=2, description="image pairs compared, per domain")
    sample: int = Field(
        default=5000, ge=2, description="accepted pairs that are scored and shown, drawn among more"
    )
    seed: int = Field(default=0, ge=0)

    def with_files(self, change: Callable[[Path], Path]) -> EvaluateSection:
        """The same, with the paths of the files that features name changed."""
        features = tuple(with_file(each, change) for each in self.features)
        return self.model_copy(update={"features": features})


class SearchSection(BaseModel):
    """What the arm searched tries within its own real images, and how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratios: Annotated[tuple[Ratio, ...], AfterValidator(_distinct)] = Field(
        default=(0.33, 1.0, 3.0),
        min_length=1,
        description="synthetic pairs per real one that are tried, annealed",
    )
    pretrained: bool = Field(default=True, description="whether pairs first, then real, is tried")
    folds: int = Field(default=3, ge=2, description="of the arm's own real patients")
    rounds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        default=(0.25, 0.5),
        min_length=1,
        description="steps of each trial, as a share of the arm's, round after round",
    )


class ImproveSection(BaseModel):
    """How `medpair improve` adds pairs where a downstream model fails."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(default=4, ge=1, le=1000, description="versions that are added at most")
    pairs: int = Field(default=64, ge=1, description="asked for in each round, of all facets")
    floor: int = Field(default=2, ge=0, description="of each facet in each round, at least")
    patience: Annotated[int, Field(ge=1)] | None = Field(
        default=2, description="rounds without a sure gain that end it; None: all rounds are made"
    )
    rule: LoopRule = Field(default="thompson", description="thompson, or uniform to compare with")
    seed: int = Field(default=0, ge=0, description="of the rule's draws")


class UtilitySection(BaseModel):
    """Which downstream models to train, on how many real images, how often and how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segmenters: Annotated[tuple[SegmenterName, ...], AfterValidator(_distinct)] = Field(
        default=("unet",), description="networks that draw masks"
    )
    classifiers: Annotated[tuple[ClassifierName, ...], AfterValidator(_distinct)] = Field(
        default=(), description="networks that tell the findings of a domain apart"
    )
    real: Annotated[tuple[RealCount, ...], AfterValidator(_distinct)] = Field(
        default=(10, "all"), min_length=1, description="real training images of an arm, per domain"
    )
    arms: Annotated[tuple[ArmKind, ...], AfterValidator(_distinct), AfterValidator(_with_real)] = (
        Field(
            default=("real", "synthetic", "both"),
            min_length=1,
            description="what they are trained on",
        )
    )
    ratios: Annotated[tuple[Ratio, ...], AfterValidator(_distinct)] = Field(
        default=(1.0,),
        min_length=1,
        description="synthetic pairs per real one in the arms both and annealed",
    )
    search: SearchSection = Field(
        default=SearchSection(), description="what the arm searched chooses among"
    )
    domain_randomisation: DomainRandomisationSection | None = Field(
        default=None, description="how synthetic pairs are changed in training; None: as real ones"
    )
    folds: Annotated[int, Field(ge=2)] | None = Field(
        default=None, description="test every patient, in so many folds; None: the held-out split"
    )
    unseen: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=(), description="classes that no real training image of any arm shows"
    )
    seeds: int = Field(
        default=3, ge=1, le=100, description="repeats, each with its own real images"
    )
    steps: int = Field(default=1500, ge=1, description="training steps, the same in every arm")
    sample: int = Field(
        default=20_000, ge=2, description="accepted pairs that arms learn from, drawn among more"
    )
    tolerance_mm: float = Field(default=2.0, gt=0, description="contours this close count as one")
    domains: Annotated[tuple[str, ...], AfterValidator(_distinct)] | None = Field(
        default=None, description="only these; by default every domain of the pairs"
    )

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if not self.segmenters and not self.classifiers:
            raise ValueError("segmenters and classifiers are both empty; name one to be trained")
        return self

    @model_validator(mode="after")
    def _only_segmenters_leave_classes_unseen(self) -> Self:
        if self.unseen and self.classifiers:
            raise ValueError(
                "unseen classes are left out of the masks of segmenters, and mean nothing to "
                "classifiers of the finding; leave classifiers out, or unseen"
            )
        return self

    @model_validator(mode="after")
    def _nnunet_augments_by_its_own_rules(self) -> Self:
        ours = {"augmented", "classical", "annealed", "searched", "selftrained"} & set(self.arms)
        named = sorted({NNUNET, NNUNET3D} & {*self.segmenters})
        if named and (ours or self.domain_randomisation is not None):
            raise ValueError(
                f"segmenter {' and '.join(named)} augments and mixes by its own rules, so that neither "
                "the arms augmented, classical, annealed, searched and selftrained nor "
                "domain_randomisation could change them; leave these out, or test it by itself"
            )
        return self

    @model_validator(mode="after")
    def _volumes_are_changed_as_a_whole(self) -> Self:
        whole = sorted({*self.segmenters} & {*VOLUME_SEGMENTERS})
        if whole and self.domain_randomisation is not None:
            raise ValueError(
                f"segmenters {' and '.join(whole)} learn volumes, which domain_randomisation does not "
                "change as a whole; leave it out, or test them by themselves"
            )
        return self

    @property
    def scores(self) -> frozenset[str]:
        """Names of the scores that these arms give."""
        if self.unseen:
            # A gain over seen and unseen classes at once would pass for one over known classes.
            parts, overlaps = ("seen", "unseen", "harmonic"), ("dice", "iou")
            return frozenset(f"utility_{part}_{name}" for part in parts for name in overlaps)
        learnt = {"synthetic", "both", "annealed", "searched", "pretrained"} & set(self.arms)
        kinds = ["gain"] if {"both", "annealed", "searched"} & set(self.arms) else []
        kinds += ["equivalent_images"] if learnt and len(self.real) > 1 else []
        networks = {"utility": self.segmenters, "utility_auroc": self.classifiers}
        return frozenset(f"{name}_{k}" for name, named in networks.items() if named for k in kinds)
