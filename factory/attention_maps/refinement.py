"""Mask makers behind one interface: each rung takes the mask of the one before and betters it."""

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
from factory.attention_maps.random_walk import Floats, Transition, random_walk, seeds
from factory.attention_maps.settings import RefinementSection, Rung, StructureSection
from factory.attention_maps.threshold import decide
from factory.errors import InputError
from factory.vocabulary import unknown_name

Size = tuple[int, int]
Mask = NDArray[np.uint8]  # (H, W) class indices, 0 the background
LEAST_CHANGE = 0.02  # of a prediction, at the place that changes most; less is noise
# Kinds of reasons, each the name of a `factory.store.checks.Reason`.
Doubt = Literal["flat map", "class not found", "implausible mask", "rungs disagree"]


@dataclass(frozen=True)
class AttentionRecord:
    """What the network looked at while it made one image.

    Attributes:
        image: (H, W), (H, W, 1) or (H, W, 3) uint8.
        maps: (K, h, w), from `tap.fuse`; one per class word.
        names: K names, those of `RefinementSection.structures` and of the label map.
        self_maps: (h, w) -> (hw, hw), one image's share of `AttentionTap.self_maps`; the finest
            is used, by the rung `selfattention` only.
        contrasts: (K, h, w), one image's share of `contrast.contrasts`, for the rung `contrast`;
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
class Verdict:
    """A mask, and why its pair must be rejected; no reason: every class asked for has pixels.

    Attributes:
        mask: the last rung's.
        reason: everything against it, in words.
        doubts: the kinds of these reasons, each once.
    """

    mask: Mask
    reason: str | None
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What a rung hands to the next: scores (K, H, W), and labels (H, W), 1 the first map's."""

    scores: Floats
    labels: NDArray[np.uint8]


class Refinement:
    """Makes masks from attention, rung by rung.

    Args:
        section: which rungs, and how.
        label_map: class name -> mask index.
        net: trained, for the rung `affinity`; `seeds` gives what to train it on.
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

    def __call__(self, sight: AttentionRecord) -> Verdict:
        """The last rung's mask, with every reason against it.

        A flat map, or a class without a pixel, is a reason even without the rung `gate`.

        Raises:
            InputError: if a name is not in the label map, or what a rung needs was not given.
        """
        masks = self.climb(sight)
        last = list(masks)[-1]
        against = list(self._reasons(sight, masks, masks[last]))
        reason = "; ".join(words for _, words in against)
        return Verdict(masks[last], reason or None, tuple(dict.fromkeys(d for d, _ in against)))

    def climb(self, sight: AttentionRecord) -> dict[Rung, Mask]:
        """The mask after each rung but the gate, which changes none, in the order climbed."""
        return {rung: self._mask(sight, draft.labels) for rung, draft in self._drafts(sight)}

    def seeds(self, sight: AttentionRecord) -> NDArray[np.uint8]:
        """(H, W): what an `AffinityNet` may learn from one image.

        1 + the map's number where the rungs before `affinity` are certain of it, 0 where they are
        certain that there is none, 255 elsewhere.
        """
        below = [draft for rung, draft in self._drafts(sight) if rung != "affinity"]
        scores, margin = below[-1].scores, self.section.affinity.margin
        strict, generous = (
            self._sharpened(sight, decide(scores, level)) for level in (margin, -margin)
        )
        return seeds(self._in_pieces(sight, scores, strict), generous)

    def _drafts(self, sight: AttentionRecord) -> Iterator[tuple[Rung, Draft]]:
        draft = Draft(self._scores(sight), np.zeros(sight.size, np.uint8))
        for rung in self.section.rungs:
            if rung != "gate":
                climbed = STEPS[rung](self, sight, draft)
                labels = self._in_pieces(sight, climbed.scores, climbed.labels)
                draft = Draft(climbed.scores, labels)
                yield rung, draft

    def _scores(self, sight: AttentionRecord) -> Floats:
        """Maps at the image's size in [0, 1]; those that say nothing are 0."""
        silent = np.array(
            [_silence(values, self.section.min_contrast) is not None for values in sight.maps]
        )
        spoken = np.where(silent[:, None, None], np.float32(0), sight.maps)
        return normalised(resized(spoken, sight.size))

    def _sharpened(self, sight: AttentionRecord, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels with the borders of the image, where the CRF is among the rungs."""
        if "crf" not in self.section.rungs:
            return labels
        crf, count = self.section.crf, len(sight.names) + 1
        likely = one_hot_probabilities(labels, count, crf.confidence)
        return crf_refine(likely, sight.image, crf).argmax(axis=0).astype(np.uint8)

    def _in_pieces(
        self, sight: AttentionRecord, scores: Floats, labels: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Labels without the pieces beyond as many as a structure is known to have."""
        kept = np.zeros_like(labels)
        for number, (name, values) in enumerate(zip(sight.names, scores, strict=True), start=1):
            prior = self._structure(name)
            most = prior.pieces and prior.pieces * (2 if prior.sides else 1)
            kept[regions.heaviest(labels == number, values, most)] = number
        return kept

    def walked(
        self, sight: AttentionRecord, draft: Draft, step: Transition, size: Size, steps: int
    ) -> Draft:
        """The draft after its labels walked on a grid of `size`, decided and sharpened anew.

        Labels walk, not scores: the noise of a map that shows nothing would fill the image, since
        every map is made as high as any other.
        """
        shares = np.stack([draft.labels == i + 1 for i in range(len(sight.names))])
        walked = random_walk(resized(shares.astype(np.float32), size), step, steps)
        scores = normalised(resized(walked, sight.size))
        return Draft(scores, self._sharpened(sight, decide(scores, self.section.level)))

    def _structure(self, name: str) -> StructureSection:
        return self.section.structures.get(name, StructureSection())

    def _classes(self, sight: AttentionRecord) -> dict[str, str]:
        """Class name -> name of the map it comes from; the halves of a pair share one."""
        classes = {
            part: name for name in sight.names for part in self._structure(name).sides or (name,)
        }
        for name in classes:
            if name not in self.label_map:
                raise unknown_name("class", name, self.label_map, "the label map")
        return classes

    def _mask(self, sight: AttentionRecord, labels: NDArray[np.uint8]) -> Mask:
        self._classes(sight)
        mask = np.zeros(sight.size, np.uint8)
        for number, name in enumerate(sight.names, start=1):
            prior = self._structure(name)
            region = regions.without_specks(labels == number, self.section.min_component)
            if prior.solid:
                region = regions.without_holes(region, labels == 0)
            halves = regions.sides(region) if prior.sides else (region,)
            for part, half in zip(prior.sides or (name,), halves, strict=True):
                mask[half] = self.label_map[part]
        return mask

    def _reasons(
        self, sight: AttentionRecord, masks: Mapping[Rung, Mask], mask: Mask
    ) -> Iterator[tuple[Doubt, str]]:
        maps_of = self._classes(sight)
        indices = {name: self.label_map[name] for name in maps_of}
        for name, values in zip(sight.names, sight.maps, strict=True):
            if silence := _silence(values, self.section.min_contrast):
                yield "flat map", f"the map of {name} {silence}"
        yield from (("class not found", words) for words in quality_checks.absences(mask, indices))
        if "gate" in self.section.rungs:
            priors = {name: self._structure(origin) for name, origin in maps_of.items()}
            for words in quality_checks.prior_violations(mask, indices, priors):
                yield "implausible mask", words
            # Attention is in the rung contrast already, and alone it finds no small structure.
            votes = {r: m for r, m in masks.items() if r != "attention" or "contrast" not in masks}
            for words in quality_checks.disagreements(votes, indices, self.section.agreement):
                yield "rungs disagree", words


def _attention(refinement: Refinement, sight: AttentionRecord, draft: Draft) -> Draft:
    return Draft(draft.scores, decide(draft.scores, refinement.section.level))


def _contrast(refinement: Refinement, sight: AttentionRecord, draft: Draft) -> Draft:
    """Scores of what is looked at and would be lost: the geometric mean of attention and contrast.

    A word that changes nothing has no place, whatever the network looks at.
    """
    if sight.contrasts is None:
        raise InputError(
            "the rung contrast needs to know what changes where a word is unsaid, and nobody "
            "looked; take the rung out of `rungs` otherwise"
        )
    heard = sight.contrasts.max(axis=(1, 2), keepdims=True) >= LEAST_CHANGE
    lost = normalised(resized(sight.contrasts * heard, sight.size))
    scores = normalised(np.sqrt(draft.scores * lost))
    return Draft(scores, decide(scores, refinement.section.level))


def _crf(refinement: Refinement, sight: AttentionRecord, draft: Draft) -> Draft:
    return Draft(draft.scores, refinement._sharpened(sight, draft.labels))


def _selfattention(refinement: Refinement, sight: AttentionRecord, draft: Draft) -> Draft:
    """Scores spread to what the image's places attend to: a power of the self-attention matrix.

    Source: the idea is that of Dataset Diffusion (Nguyen et al. 2023, NeurIPS).
    """
    if not sight.self_maps:
        raise InputError(
            "the rung selfattention needs self-attention maps and the tap kept none: latents of "
            "32 x 32 cells or coarser levels are kept; take the rung out of `rungs` otherwise"
        )
    size = max(sight.self_maps)
    return refinement.walked(
        sight, draft, sight.self_maps[size], size, refinement.section.self_walk
    )


def _affinity(refinement: Refinement, sight: AttentionRecord, draft: Draft) -> Draft:
    if refinement.net is None:
        raise InputError(
            "the rung affinity needs a trained AffinityNet: train one on the seeds of a few "
            "hundred images, or take the rung out of `rungs`"
        )
    section, (height, width) = refinement.net.section, sight.size
    size = (height // section.stride, width // section.stride)
    return refinement.walked(
        sight, draft, refinement.net.transition(sight.image), size, section.walk
    )


STEPS: Mapping[Rung, Callable[[Refinement, AttentionRecord, Draft], Draft]] = MappingProxyType(
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


def _silence(values: Floats, flat: float) -> str | None:
    """Why a map (h, w) says nothing; None if it does."""
    if not np.isfinite(values).all():
        return "is not finite"
    low, high = float(values.min()), float(values.max())
    if high <= 0 or (high - low) / high <= flat:
        return "is flat: the network looks everywhere alike"
    return None
