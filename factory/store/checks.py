"""Is this pair acceptable? If not, why not: reasons as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from factory.pairs import PairBatch

Reasons = NDArray[np.uint32]  # (N,) bits of Reason, 0 = acceptable

FLAT = 8  # grey levels; a lossy decoder gives even an empty image a few
SPECK = 0.001  # share of the image; what a decoder mistakes at a border is smaller


class Reason(IntFlag):
    """Why a pair is rejected; the bits are part of the store's format: append, never reorder."""

    CONSTANT_IMAGE = 1
    MASK_MISSING = 2
    UNKNOWN_CLASS_INDEX = 4
    ASKED_CLASS_ABSENT = 8
    UNASKED_CLASS_PRESENT = 16
    NOT_FINITE = 32
    NEAR_COPY = 64  # of a training image; set by the recipe's pair gates, never by `check`
    PAIR_GATE = 128  # any other gate on single pairs; likewise
    FLAT_MAP = 256  # this and the next three: what a maker of masks says against its own
    CLASS_NOT_FOUND = 512
    IMPLAUSIBLE_MASK = 1024
    RUNGS_DISAGREE = 2048
    GENERATOR_FAILED = 4096  # it raised at this prompt, and there is no pair
    LEFT_OUT_BY_HAND = 8192  # somebody looked at it and did not keep it; never set by `check`
    VOLUME_REJECTED = 16384  # another slice of its volume is rejected; set with the verdicts


# What no worker sees in a pair.
GATED = Reason.NEAR_COPY | Reason.PAIR_GATE | Reason.VOLUME_REJECTED


def names(reasons: int) -> list[str]:
    """The reasons in words: `names(9) == ["constant image", "asked class absent"]`."""
    found = {name: bit for name, bit in Reason.__members__.items() if bit & reasons}
    return [name.lower().replace("_", " ") for name in found]


def check(
    pairs: PairBatch, label_maps: Mapping[str, Mapping[str, int]], *, masked: bool = True
) -> Reasons:
    """Every reason against each pair.

    A class was asked for when the facet `labels` ("left lung;heart") names it. It is absent when
    no pixel shows it; a class nobody asked for is present above 0.1 % of the image. An image is
    constant when its values span fewer than 8 grey levels. A generator that met NaN or infinity
    says so in a facet `finite`: an image of bytes cannot show it. One that does not believe its own
    mask leaves it absent and says why in a facet `doubts`: names of reasons, joined by ";".

    Args:
        pairs: N pairs with the facets `domain` and `labels`.
        label_maps: class name -> index for each domain, background included.
        masked: whether the generator makes masks; images of one that does not lack none.

    Returns:
        (N,) bits of `Reason`.
    """
    area = class_areas(pairs.masks)
    asked, known = _asked(pairs, label_maps), _known(pairs, label_maps)
    shown = area > 0
    findings = {
        Reason.CONSTANT_IMAGE: _span(pairs.images) < FLAT,
        Reason.MASK_MISSING: ~pairs.has_mask & masked,
        Reason.UNKNOWN_CLASS_INDEX: (shown & ~known).any(axis=1),
        Reason.ASKED_CLASS_ABSENT: (asked & ~shown).any(axis=1) & pairs.has_mask,
        Reason.UNASKED_CLASS_PRESENT: ((area > SPECK) & known & ~asked)[:, 1:].any(axis=1),
        Reason.NOT_FINITE: ~_finite(pairs),
    }
    bits = [np.where(found, np.uint32(reason), np.uint32(0)) for reason, found in findings.items()]
    doubts = _doubts(pairs)
    # Of a pair that was not made there is nothing else to say.
    found = np.bitwise_or.reduce([*bits, doubts])
    return np.where(doubts & Reason.GENERATOR_FAILED, np.uint32(Reason.GENERATOR_FAILED), found)


def whole_volumes(reasons: Reasons, volumes: Sequence[str]) -> Reasons:
    """The same reasons, and one against every sound slice of a volume that has a rejected one.

    Args:
        reasons: (N,) bits of `Reason`.
        volumes: (N,) name of the volume that each pair is a slice of; "" for none.
    """
    names = np.asarray(volumes, dtype=object)
    spoilt = set(names[(reasons != 0) & (names != "")])
    beside = np.array([name in spoilt for name in names], bool) & (reasons == 0)
    return np.where(beside, np.uint32(Reason.VOLUME_REJECTED), reasons)


def class_areas(masks: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 256) share of the image that each class index covers; rows sum to one."""
    # One image after the other: what is counted then stays in the processor's cache.
    pixels = [np.bincount(mask.reshape(-1), minlength=256) for mask in masks]
    return np.array(pixels).reshape(-1, 256) / max(1, masks[:1].size)


def _span(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    flat = images.reshape(len(images), -1)
    return flat.max(axis=1) - flat.min(axis=1)


def _asked(pairs: PairBatch, label_maps: Mapping[str, Mapping[str, int]]) -> NDArray[np.bool_]:
    asked = np.zeros((len(pairs), 256), bool)
    for row, (domain, labels) in enumerate(
        zip(pairs.facets["domain"], pairs.facets["labels"], strict=True)
    ):
        asked[row, [label_maps[domain][name] for name in labels.split(";") if name]] = True
    return asked


def _known(pairs: PairBatch, label_maps: Mapping[str, Mapping[str, int]]) -> NDArray[np.bool_]:
    known = np.zeros((len(pairs), 256), bool)
    for row, domain in enumerate(pairs.facets["domain"]):
        known[row, list(label_maps[domain].values())] = True
    return known


def _finite(pairs: PairBatch) -> NDArray[np.bool_]:
    if "finite" not in pairs.facets:
        return np.ones(len(pairs), bool)
    return pairs.facets["finite"].to_numpy(bool)


def _doubts(pairs: PairBatch) -> Reasons:
    if "doubts" not in pairs.facets:
        return np.zeros(len(pairs), np.uint32)
    bits = {names(int(reason))[0]: int(reason) for reason in Reason}
    doubts = (str(row).split(";") for row in pairs.facets["doubts"])
    return np.array([sum(bits[name] for name in row if name) for row in doubts], np.uint32)
