"""Mask makers behind one interface: each step takes the mask of the one before and betters it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from numpy.typing import NDArray

from factory.attention_maps import quality_checks, regions
from factory.attention_maps.affinity_net import AffinityNet
from factory.attention_maps.crf import crf_refine, one_hot_probabilities
from factory.attention_maps.random_walk import Floats, Transition, confident_labels, random_walk
from factory.attention_maps.settings import RefinementSection, Step, StructureSection
from factory.attention_maps.threshold import decide
from factory.errors import InputError
from factory.vocabulary import unknown_name

Size = tuple[int, int]
Mask = NDArray[np.uint8]  # (H, W) class indices, 0 the background
LEAST_CHANGE = 0.02  # of a prediction, at the place that changes most; less is noise
# Kinds of reasons, each the name of a `factory.store.checks.Reason`, as stores have it.
Doubt = Literal["flat map", "class not found", "implausible mask", "rungs disagree"]


@dataclass(frozen=True)
class AttentionRecord:
    """What the network looked at while it made one image.

    Attributes:
        image: (H, W), (H, W, 1) or (H, W, 3) uint8.
        maps: (K, h, w), from `recorder.fuse`; one per class word.
        names: K names, those of `RefinementSection.structures` and of the label map.
        self_maps: (h, w) -> (hw, hw), one image's share of `AttentionRecorder.self_maps`; the finest
            is used, by the step `selfattention` only.
        contrasts: (K, h, w), one image's share of `prompt_contrast.contrasts`, for the step `contrast`;
            None where it was not asked for.
    """

    image: NDArray[np.uint8]
    maps: Floats
    names: tuple[str, ...]
    self_maps: Mapping[Size, Floats] = field(default_factory=dict)
    contrasts: Floats | None = None

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or len(self.maps) != len(self.names) or not self.names:
            raise ValueError(
                f"maps {self.maps.shape} for {list(self.names)}: give one map (h, w) per name, "
                "and at least one; no mask can be made of no map"
            )

    @property
    def size(self) -> Size:
        """(H, W) of the image."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True)
class MaskVerdict:
    """A mask, and why its pair must be rejected; no reason: every class asked for has pixels.

    Attributes:
        mask: the last step's.
        reason: everything against it, in words.
        doubts: the kinds of these reasons, each once.
    """

    mask: Mask
    reason: str | None
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What a step hands to the next: scores (K, H, W), and labels (H, W), 1 the first map's."""

    scores: Floats
    labels: NDArray[np.uint8]


class Refinement:
    """Makes masks from attention, step by step.

    Args:
        section: which steps, and how.
        label_map: class name -> mask index.
        net: trained, for the step `affinity`; `confident_labels` gives what to train it on.
    """

    def __init__(
        self,
        section: RefinementSection,
        label_map: Mapping[str, int],
        net: AffinityNet | None = None,
    ) -> None:
        self.section = section
        self.label_map = label_map
        self.net = net

    def __call__(self, record: AttentionRecord) -> MaskVerdict:
        """The last step's mask, with every reason against it.

        A flat map, or a class without a pixel, is a reason even without the step `gate`.

        Raises:
            InputError: if a name is not in the label map, or what a step needs was not given.
        """
        masks = self.refine(record)
        last = list(masks)[-1]
        against = list(self._reasons(record, masks, masks[last]))
        reason = "; ".join(words for _, words in against)
        return MaskVerdict(masks[last], reason or None, tuple(dict.fromkeys(d for d, _ in against)))

    def refine(self, record: AttentionRecord) -> dict[Step, Mask]:
        """The mask after each step but the gate, which changes none, in the order taken."""
        return {step: self._mask(record, draft.labels) for step, draft in self._drafts(record)}

    def confident_labels(self, record: AttentionRecord) -> NDArray[np.uint8]:
        """(H, W): what an `AffinityNet` may learn from one image.

        1 + the map's number where the steps before `affinity` are certain of it, 0 where they are
        certain that there is none, 255 elsewhere.
        """
        below = [draft for step, draft in self._drafts(record) if step != "affinity"]
        scores, margin = below[-1].scores, self.section.affinity.margin
        strict, generous = (
            self._sharpened(record, decide(scores, level)) for level in (margin, -margin)
        )
        return confident_labels(self._in_pieces(record, scores, strict), generous)

    def _drafts(self, record: AttentionRecord) -> Iterator[tuple[Step, Draft]]:
        draft = Draft(self._scores(record), np.zeros(record.size, np.uint8))
        for step in self.section.steps:
            if step != "gate":
                refined = REFINERS[step](self, record, draft)
                labels = self._in_pieces(record, refined.scores, refined.labels)
                draft = Draft(refined.scores, labels)
                yield step, draft

    def _scores(self, record: AttentionRecord) -> Floats:
        """Maps at the image's size in [0, 1]; those that say nothing are 0."""
        flat = np.array(
            [_flatness(values, self.section.min_contrast) is not None for values in record.maps]
        )
        kept = np.where(flat[:, None, None], np.float32(0), record.maps)
        return normalised(resized(kept, record.size))

    def _sharpened(self, record: AttentionRecord, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels with the borders of the image, where the CRF is among the steps."""
        if "crf" not in self.section.steps:
            return labels
        crf, count = self.section.crf, len(record.names) + 1
        likely = one_hot_probabilities(labels, count, crf.confidence)
        return crf_refine(likely, record.image, crf).argmax(axis=0).astype(np.uint8)

    def _in_pieces(
        self, record: AttentionRecord, scores: Floats, labels: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Labels without the pieces beyond as many as a structure is known to have."""
        kept = np.zeros_like(labels)
        for number, (name, values) in enumerate(zip(record.names, scores, strict=True), start=1):
            prior = self._structure(name)
            most = prior.pieces and prior.pieces * (2 if prior.sides else 1)
            kept[regions.heaviest(labels == number, values, most)] = number
        return kept

    def walked(
        self, record: AttentionRecord, draft: Draft, transition: Transition, size: Size, length: int
    ) -> Draft:
        """The draft after its labels walked on a grid of `size`, decided and sharpened anew.

        Labels walk, not scores: the noise of a map that shows nothing would fill the image, since
        every map is made as high as any other.
        """
        shares = np.stack([draft.labels == i + 1 for i in range(len(record.names))])
        walked = random_walk(resized(shares.astype(np.float32), size), transition, length)
        scores = normalised(resized(walked, record.size))
        return Draft(scores, self._sharpened(record, decide(scores, self.section.level)))

    def _structure(self, name: str) -> StructureSection:
        return self.section.structures.get(name, StructureSection())

    def _classes(self, record: AttentionRecord) -> dict[str, str]:
        """Class name -> name of the map it comes from; the halves of a pair share one."""
        classes = {
            part: name for name in record.names for part in self._structure(name).sides or (name,)
        }
        for name in classes:
            if name not in self.label_map:
                raise unknown_name("class", name, self.label_map, "the label map")
        return classes

    def _mask(self, record: AttentionRecord, labels: NDArray[np.uint8]) -> Mask:
        self._classes(record)
        mask = np.zeros(record.size, np.uint8)
        for number, name in enumerate(record.names, start=1):
            prior = self._structure(name)
            region = regions.without_specks(labels == number, self.section.min_component)
            if prior.solid:
                region = regions.without_holes(region, labels == 0)
            halves = regions.sides(region) if prior.sides else (region,)
            for part, half in zip(prior.sides or (name,), halves, strict=True):
                mask[half] = self.label_map[part]
        return mask

    def _reasons(
        self, record: AttentionRecord, masks: Mapping[Step, Mask], mask: Mask
    ) -> Iterator[tuple[Doubt, str]]:
        maps_of = self._classes(record)
        indices = {name: self.label_map[name] for name in maps_of}
        for name, values in zip(record.names, record.maps, strict=True):
            if flatness := _flatness(values, self.section.min_contrast):
                yield "flat map", f"the map of {name} {flatness}"
        yield from (("class not found", words) for words in quality_checks.absences(mask, indices))
        if "gate" in self.section.steps:
            priors = {name: self._structure(origin) for name, origin in maps_of.items()}
            for words in quality_checks.prior_violations(mask, indices, priors):
                yield "implausible mask", words
            # Attention is in the step contrast already, and alone it finds no small structure.
            votes = {r: m for r, m in masks.items() if r != "attention" or "contrast" not in masks}
            for words in quality_checks.disagreements(votes, indices, self.section.agreement):
                yield "rungs disagree", words


def _attention(refinement: Refinement, record: AttentionRecord, draft: Draft) -> Draft:
    return Draft(draft.scores, decide(draft.scores, refinement.section.level))


def _contrast(refinement: Refinement, record: AttentionRecord, draft: Draft) -> Draft:
    """Scores of what is looked at and would be lost: the geometric mean of attention and contrast.

    A word that changes nothing has no place, whatever the network looks at.
    """
    if record.contrasts is None:
        raise InputError(
            "the step contrast needs to know what changes where a word is left out, and that "
            "was not measured; take the step out of `steps` otherwise"
        )
    responds = record.contrasts.max(axis=(1, 2), keepdims=True) >= LEAST_CHANGE
    lost = normalised(resized(record.contrasts * responds, record.size))
    scores = normalised(np.sqrt(draft.scores * lost))
    return Draft(scores, decide(scores, refinement.section.level))


def _crf(refinement: Refinement, record: AttentionRecord, draft: Draft) -> Draft:
    return Draft(draft.scores, refinement._sharpened(record, draft.labels))


def _selfattention(refinement: Refinement, record: AttentionRecord, draft: Draft) -> Draft:
    """Scores spread to what the image's places attend to: a power of the self-attention matrix.

    Source: the idea is that of Dataset Diffusion (Nguyen et al. 2023, NeurIPS).
    """
    if not record.self_maps:
        raise InputError(
            "the step selfattention needs self-attention maps and the recorder kept none: latents of "
            "32 x 32 cells or coarser levels are kept; take the step out of `steps` otherwise"
        )
    size = max(record.self_maps)
    return refinement.walked(
        record, draft, record.self_maps[size], size, refinement.section.self_walk
    )


def _affinity(refinement: Refinement, record: AttentionRecord, draft: Draft) -> Draft:
    if refinement.net is None:
        raise InputError(
            "the step affinity needs a trained AffinityNet: train one on the labels of a few "
            "hundred images, or take the step out of `steps`"
        )
    section, (height, width) = refinement.net.section, record.size
    size = (height // section.stride, width // section.stride)
    return refinement.walked(
        record, draft, refinement.net.transition(record.image), size, section.walk
    )


REFINERS: Mapping[Step, Callable[[Refinement, AttentionRecord, Draft], Draft]] = MappingProxyType(
    {
        "attention": _attention,
        "contrast": _contrast,
        "crf": _crf,
        "selfattention": _selfattention,
        "affinity": _affinity,
    }
)


def resized(maps: Floats, size: Size) -> Floats:
    """Maps (K, h, w) on a grid of `size`: averaged where it is coarser, bicubic where finer."""
    coarser = size[0] < maps.shape[1]
    mode = {"mode": "area"} if coarser else {"mode": "bicubic", "align_corners": False}
    stacked = torch.from_numpy(np.ascontiguousarray(maps, np.float32))[None]
    return np.asarray(F.interpolate(stacked, size, **mode)[0].numpy())


def normalised(maps: Floats) -> Floats:
    """Each map (K, h, w) from its least to its largest value on [0, 1]; a constant one 0."""
    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    return np.where(span > 0, (maps - low) / np.where(span > 0, span, 1), 0).astype(np.float32)


def _flatness(values: Floats, min_contrast: float) -> str | None:
    """Why a map (h, w) says nothing; None if it does."""
    if not np.isfinite(values).all():
        return "is not finite"
    low, high = float(values.min()), float(values.max())
    if high <= 0 or (high - low) / high <= min_contrast:
        return "is flat: the network looks everywhere alike"
    return None
