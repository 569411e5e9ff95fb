"""Recipe sections of the generators with weights: they train, check and build them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from factory.attention_maps.settings import DiffMaskTrainSection, ReadSection, RefinementSection
from factory.errors import InputError
from factory.generators.spec import GeneratorSpec, Passes
from factory.images import ImageSection
from factory.models.presets import DETAIL_STEPS
from factory.settings import (
    AutoencoderTraining,
    CoarseTraining,
    PairTrainSection,
    SampleSection,
    TrainSection,
)

if TYPE_CHECKING:
    from factory.generators.diffmask import DiffMask
    from factory.generators.medisyn import MediSyn
    from factory.generators.medsegfactory import MedSegFactory
    from factory.generators.two_step import Masked
    from factory.models.autoencoders.base import Autoencoder
    from factory.models.checkpoints import Components
    from factory.models.denoiser import Denoiser
    from factory.pairs import PairBatch
    from factory.prompts.prompt import Prompt
    from factory.training.data import TrainingData
    from factory.training.steps import Progress
    from factory.vocabulary import Domain

# Of 64 px models; a larger factor makes an estimate of time too high.
USUAL = AutoencoderTraining(factor=4)

Section = TypeVar("Section", bound=TrainSection)


class TrainedSpec(GeneratorSpec):
    """Recipe section of a generator with weights.

    Attributes:
        preset: size of the denoiser.
        start: `from` in a recipe: a checkpoint, to fine-tune from or, without `train`, to use.
        train: how to train; None uses `from` as it is.
        sample: how to draw.
    """

    untrained: ClassVar[Mapping[str, bool | Mapping[str, Any]]] = {
        "sample": True,
        "start": True,
        "train": {"processes": True},  # the same training, by more hands
    }

    preset: str
    start: Path | None = Field(default=None, alias="from")
    train: TrainSection | None = None
    sample: SampleSection = SampleSection()

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """What makes the pairs once it is trained."""
        return () if self.start is None else (self.start,)

    @property
    def trains(self) -> bool:
        """Whether the recipe has a training."""
        return self.train is not None

    @property
    def training_steps(self) -> int:
        """Steps of denoiser and autoencoder."""
        if (section := self.train) is None:
            return 0
        return section.steps + _coding_steps(section.autoencoder)

    @property
    def training_passes(self) -> Passes:
        """Passes of denoiser and autoencoder; a step of the latter has images and masks."""
        if (section := self.train) is None:
            return Passes()
        return Passes(section.steps * section.batch, _coding_passes(section.autoencoder))

    def training_identity(self) -> dict[str, object]:
        """All that decides what a training learns, but the data; the weights it starts from too."""
        from factory.models.checkpoints import checkpoint_digest

        start = None if self.start is None else checkpoint_digest(self.start)
        return {**super().training_identity(), "from": start}

    @property
    def variants(self) -> int:
        """Of each training pair, that a training encodes and keeps."""
        return 0 if self.train is None else self.train.augment.copies

    def with_checkpoint(self, checkpoint: Path) -> Self:
        """The same generator with its training done: what workers are sent."""
        return self.model_copy(update={"start": checkpoint, "train": None})

    def check_start(self) -> None:
        """Whether a training can start from `from` and from the text encoder that `train` names."""
        from factory.models.text import TextEncoder
        from factory.training.autoencoders.stage import check_kind

        if self.start is not None:
            parts = self._load(self.start)
            if self.train is not None:
                check_kind(parts.autoencoder, self.train.autoencoder)
        if self.train is not None and self.train.text.start is not None:
            TextEncoder.load(self.train.text.start)

    @abstractmethod
    def _load(self, checkpoint: Path) -> Components[Any]:
        """Reads a checkpoint; raises InputError if it cannot be a start."""

    @property
    def autoencoder(self) -> AutoencoderTraining | CoarseTraining:
        """The autoencoder that the training makes; without one, a usual one."""
        return USUAL if self.train is None else self.train.autoencoder

    @property
    def latent_factor(self) -> int:
        """Pixels per cell that the denoiser reads, as the training says."""
        return 8 if self.autoencoder.kind == "coarse" else self.autoencoder.factor

    def untrained_autoencoder(self, image: ImageSection) -> Autoencoder:
        """An autoencoder of its kind that has learnt nothing, for images alone."""
        import torch

        from factory.training.autoencoders.stage import untrained

        noise = torch.randint(256, (4, 3, image.size, image.size), dtype=torch.uint8)
        return untrained(noise, noise[:0], self.autoencoder, seed=0)

    def passes(self, prompts: Sequence[Prompt]) -> Passes:
        """Passes that one drawn pair takes."""
        # Guidance other than 1 needs a second pass without the prompt.
        return Passes(self.sample.steps * (1 if self.sample.guidance == 1 else 2), 1)

    def trained(self) -> Path:
        """The checkpoint of a generator that is ready to draw.

        Raises:
            InputError: if it has none yet.
        """
        if self.start is None or self.train is not None:
            raise InputError(
                f"generator {self.kind} has no trained weights: give `train`, or `from` a "
                "checkpoint folder"
            )
        return self.start


class MedSegFactorySpec(TrainedSpec):
    """Recipe section of the dual-stream generator (arXiv 2504.06897).

    Attributes:
        coupling: how the streams meet: the public joint cross-attention, ours, or the control.
    """

    paints: ClassVar[bool] = True

    kind: Literal["medsegfactory"] = "medsegfactory"
    preset: Literal["tiny", "small", "wide", "medsegfactory"] = "small"
    coupling: Literal["official", "joint", "concat"] = "joint"
    train: PairTrainSection | None = None

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.training.medsegfactory import train_medsegfactory

        section = _given(self.train)
        return train_medsegfactory(data, section, self.preset, self.coupling, self.start, folder)

    def _load(self, checkpoint: Path) -> Components[Any]:
        from factory.models.checkpoints import load_components

        return load_components(checkpoint, self.coupling)

    def untrained_denoiser(self) -> Denoiser:
        """A denoiser of this size and coupling, without weights."""
        from factory.models.dual_stream import DualStreamUNet
        from factory.models.presets import PRESETS

        return DualStreamUNet(PRESETS[self.preset], self.coupling)

    def check_prompts(
        self, prompts: Sequence[Prompt], train: PairBatch, domains: Mapping[str, Domain]
    ) -> None:
        """Whether prompts are read to their ends; cut texts and lost structures of training are told."""
        from factory.training.autoencoders.small_structures import tell_small_structures
        from factory.training.prompt_lengths import (
            check_prompt_lengths,
            encoder_to_be,
            tell_long_rows,
        )

        section = self.train or PairTrainSection()
        text = encoder_to_be(self.start or section.text.start, domains, section.seed)
        if self.train is not None:
            tell_long_rows(text, train, domains)
            if isinstance(self.autoencoder, CoarseTraining) and self.start is None:
                tell_small_structures(train, domains, self.autoencoder)
        check_prompt_lengths(text, prompts)

    def build(self, image: ImageSection) -> MedSegFactory:
        """The generator of its checkpoint; InputError if there is none, or it does not fit."""
        from factory.generators.medsegfactory import MedSegFactory

        return MedSegFactory.load(self.trained(), image, self.sample)


class TextToImageSpec(TrainedSpec):
    """What recipe sections of generators on a text-to-image model have in common.

    Attributes:
        preset: size of the denoiser; sd15 is that of Stable Diffusion 1.5.
    """

    preset: Literal["tiny", "small", "wide", "sd15"] = "small"

    def _load(self, checkpoint: Path) -> Components[Any]:
        from factory.models.checkpoints import load_text_to_image_components

        return load_text_to_image_components(checkpoint)

    def untrained_denoiser(self) -> Denoiser:
        """A denoiser of this size, without weights."""
        from factory.models.presets import TEXT_TO_IMAGE
        from factory.models.text_to_image import TextToImageUNet

        return TextToImageUNet(TEXT_TO_IMAGE[self.preset])

    @property
    def own_texts(self) -> tuple[str, ...]:
        """Free texts that a training adds to those of the source."""
        return ()

    def known_words(self, train: PairBatch, domains: Mapping[str, Domain]) -> frozenset[str] | None:
        """Words that its text encoder knows or will have learnt; None: it knows its language."""
        from factory.training.text_to_image import known_words

        section = self.train or TrainSection()
        pretrained = self.start or section.text.start
        return known_words(pretrained, train, domains, section.seed, self.own_texts)

    def check_prompts(
        self, prompts: Sequence[Prompt], train: PairBatch, domains: Mapping[str, Domain]
    ) -> None:
        """Whether the text encoder knows, or will have learnt, all words of the prompts' own texts."""
        from factory.generators.medisyn import free_texts
        from factory.prompts.captions.caption import check_words

        if texts := free_texts(prompts):
            check_words(texts, self.known_words(train, domains))


class MediSynSpec(TextToImageSpec):
    """Recipe section of the text-to-image generator (arXiv 2405.09806): images without masks."""

    makes_masks: ClassVar[bool] = False

    kind: Literal["medisyn"] = "medisyn"

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.training.text_to_image import train_text_to_image

        return train_text_to_image(data, _given(self.train), self.preset, self.start, folder)

    def build(self, image: ImageSection) -> MediSyn:
        """The generator of its checkpoint; InputError if there is none, or it does not fit."""
        from factory.generators.medisyn import MediSyn

        return MediSyn.load(self.trained(), image, self.sample)


class DiffMaskSpec(TextToImageSpec):
    """Recipe section of the generator that reads masks from cross-attention (arXiv 2503.07209).

    Attributes:
        masks: how attention becomes masks.
        read: what of the attention.
    """

    # Steps are switched off, and priors stated anew, without another training.
    untrained: ClassVar[Mapping[str, bool | Mapping[str, Any]]] = {
        **TextToImageSpec.untrained,
        "read": True,
        "masks": {
            **dict.fromkeys(
                ("steps", "structures", "agreement", "min_contrast", "min_component", "level"), True
            ),
            "affinity": {"beta": True, "walk": True},
        },
    }

    kind: Literal["diffmask"] = "diffmask"
    train: DiffMaskTrainSection | None = None
    masks: RefinementSection = RefinementSection()
    read: ReadSection = ReadSection()

    def learn(self, data: TrainingData, folder: Path) -> Iterator[Progress]:
        """Trains into `folder`, yielding every step; a rerun goes on where the last one stopped."""
        from factory.generators.diffmask_training import train_diffmask

        section = _given(self.train)
        drawn = self.sample, self.masks, self.read
        return train_diffmask(data, section, self.preset, self.start, *drawn, folder)

    @property
    def own_texts(self) -> tuple[str, ...]:
        """What captions say of the views."""
        return tuple(view.text for view in self.train.views) if self.train is not None else ()

    def check_prompts(
        self, prompts: Sequence[Prompt], train: PairBatch, domains: Mapping[str, Domain]
    ) -> None:
        """Whether its words are known, and every class named where free text is the whole caption."""
        from factory.attention_maps.class_words import check_named

        check_named(prompts, self.masks.structures)
        super().check_prompts(prompts, train, domains)

    def passes(self, prompts: Sequence[Prompt]) -> Passes:
        """Passes that one drawn pair takes, with those of its finished image noised anew."""
        drawn, classes = super().passes(prompts), fmean(len(prompt.classes) for prompt in prompts)
        contrast = (1 + classes) * len(self.read.contrast_levels) * ("contrast" in self.masks.steps)
        again = contrast + len(self.read.place_levels) * ("selfattention" in self.masks.steps)
        return Passes(drawn.denoiser + again, 2 if again else 1)

    def build(self, image: ImageSection) -> DiffMask:
        """The generator of its checkpoint; InputError if there is none, or it does not fit."""
        from factory.generators.diffmask import DiffMask

        return DiffMask.load(self.trained(), image, self.sample, self.masks, self.read)


class MaskedSpec(GeneratorSpec):
    """Recipe section of pairs in two steps: one checkpoint draws the image, one finds its mask.

    With the checkpoint, sampling and grid of a version without masks, its images come out again,
    pixel by pixel, now with masks.

    Attributes:
        images: what draws them.
        masks: what makes the mask of a given image: the direction image to mask of a dual-stream
            model, or attention that is read while the noised image is looked at.
    """

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

    def check_prompts(
        self, prompts: Sequence[Prompt], train: PairBatch, domains: Mapping[str, Domain]
    ) -> None:
        """Whether the model of the images knows all words of the prompts."""
        self.images.check_prompts(prompts, train, domains)

    def build(self, image: ImageSection) -> Masked:
        """Both models; InputError if one is missing or does not fit, or they share no domain."""
        from factory.generators.two_step import Masked

        return Masked(self.images.build(image), self.masks.build(image))


def _coding_steps(section: AutoencoderTraining | CoarseTraining) -> int:
    """Steps of an autoencoder; each decoder of coarse pictures takes as many as its section says."""
    return section.steps * (section.doublings if section.kind == "coarse" else 1)


def _coding_passes(section: AutoencoderTraining | CoarseTraining) -> float:
    """Pictures coded and decoded in a training; decoding coarse ones takes many passes, a step one."""
    pictures = section.steps * section.batch
    return pictures / DETAIL_STEPS if section.kind == "coarse" else 2 * pictures


def _given(section: Section | None) -> Section:
    """The training that a recipe asks for; ValueError where it asks for none."""
    if section is None:
        raise ValueError("this generator has no train section; build it from its checkpoint")
    return section
