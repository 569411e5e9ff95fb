"""Masks of the training split, chosen by what a prompt asks for and warped for it.

Only masks of training pairs are ever read. They travel packed, without their images, to where pairs
are made; each warp follows from its prompt and seed alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.pairs import Masks, PairBatch, volumes_of
from factory.prompts.masks.section import MasksSection
from factory.prompts.masks.warps import (
    VERSION,
    Mask,
    Ranges,
    classes_shown,
    plausible_warp,
    ranges_of,
)
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain


@dataclass(frozen=True)
class TrainingMask:
    """The mask of a training pair.

    Attributes:
        name: of the pair.
        domain, finding: of the pair; "" for no finding.
        classes: that it shows, in the order of the domain.
        digest: 16 hex digits of all that a warp follows from beside the limits and the seed: its
            pixels, the ranges of its domain and the kind of warp.
        shape: (H, W); (K, H, W) of a volume.
        packed: its compressed pixels.
        shown: of a volume: the classes that each slice shows, from the lowest up.
        spacing_mm: of a volume: between slices, rows and columns; NaN where unknown.
        orientation: of a volume: see `factory.orientation`; "" where unknown.
    """

    name: str
    domain: str
    finding: str
    classes: tuple[str, ...]
    digest: str
    shape: tuple[int, ...]
    packed: bytes
    shown: tuple[tuple[str, ...], ...] = ()
    spacing_mm: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    orientation: str = ""

    @property
    def pixels(self) -> Mask:
        """(H, W) class indices, or (K, H, W)."""
        return np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(self.shape)


@dataclass(frozen=True)
class MaskLibrary:
    """The masks of a training split and how they are warped.

    Attributes:
        masks: in the order of the source; those of some pairs where only these are used.
        ranges: domain -> what all its training masks span.
        section: limits of the warps.
    """

    masks: tuple[TrainingMask, ...]
    ranges: Mapping[str, Ranges]
    section: MasksSection

    @staticmethod
    def of(train: PairBatch, domains: Mapping[str, Domain], section: MasksSection) -> MaskLibrary:
        """Those of real training pairs; pairs without a mask are passed over.

        Args:
            train: N pairs with the facets name, domain and finding.
            domains: of these, by name.
            section: limits of the warps.
        """
        masked = train[train.has_mask]
        names = masked.facets["domain"].astype(str)
        ranges = {name: ranges_of(masked.masks[names == name]) for name in sorted(set(names))}
        table = masked.facets[["name", "domain", "finding"]].fillna("").astype(str)
        rows = table.itertuples(index=False, name=None)
        masks = (
            _packed(mask, name, finding, domains[domain], ranges[domain])
            for mask, (name, domain, finding) in zip(masked.masks, rows, strict=True)
        )
        return MaskLibrary(tuple(masks), ranges, section)

    @staticmethod
    def of_volumes(
        train: PairBatch, domains: Mapping[str, Domain], section: MasksSection
    ) -> MaskLibrary:
        """Those of whole training volumes; see `factory.sources.volumes.checks` for what these are.

        Args:
            train: N slices with the facets volume, slice_mm, orientation, domain and finding.
            domains: of these, by name.
            section: limits of the warps.
        """
        masked = train[train.has_mask]
        rows = list(volumes_of(masked.facets).items())
        of = {name: str(masked.facets["domain"].iloc[at[0]]) for name, at in rows}
        ranges = {
            domain: ranges_of(masked.masks[at] for name, at in rows if of[name] == domain)
            for domain in sorted(set(of.values()))
        }
        masks = (
            _packed_volume(masked[at], name, domains[of[name]], ranges[of[name]])
            for name, at in rows
        )
        return MaskLibrary(tuple(masks), ranges, section)

    def only(self, masks: Iterable[TrainingMask]) -> MaskLibrary:
        """The library with these of its masks alone: what has to travel."""
        return replace(self, masks=tuple(masks))

    def fitting(
        self, domain: str, finding: str, classes: Sequence[str] | None, root: int
    ) -> tuple[TrainingMask, ...]:
        """The masks of a domain that show what is asked for, shuffled by a seed.

        Args:
            domain: of the pairs.
            finding: that they have; "" for any.
            classes: that they show, and no other, in the order of the domain; None for any.
            root: seed of the order.

        Raises:
            InputError: if there is none.
        """
        found = [
            mask
            for mask in self.masks
            if mask.domain == domain
            and finding in ("", mask.finding)
            and (classes is None or mask.classes == tuple(classes))
        ]
        if not found:
            raise _none_fits(domain, finding, classes)
        return tuple(sorted(found, key=lambda mask: _shuffled(mask, root)))

    def warped(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Masks:
        """(N, H, W) the mask of each prompt, warped by its seed; of a slice by that of its volume.

        Raises:
            ValueError: if a prompt names no mask, or one that is not here.
        """
        volumes: dict[str, Mask] = {}  # each is warped once for all of its slices
        found = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            if (place := prompt.place) is None:
                found.append(self._warped(prompt, seed))
                continue
            if place.volume not in volumes:
                volumes[place.volume] = self._warped(prompt, place.seed)
            found.append(volumes[place.volume][place.slice])
        return np.stack(found)

    def spacing_mm(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(N, 2) of rows and columns, as in the volume that a slice's mask is of; NaN for others."""
        return np.array([self.mask_of(prompt).spacing_mm[1:] for prompt in prompts], np.float32)

    def _warped(self, prompt: Prompt, seed: int) -> Mask:
        mask = self.mask_of(prompt).pixels
        return plausible_warp(mask, seed, self.section, self.ranges[prompt.domain])

    def mask_of(self, prompt: Prompt) -> TrainingMask:
        """The training mask, or mask volume, that a prompt names.

        Raises:
            InputError: if it names none, or one that is not here: real pairs may have changed.
        """
        origin = prompt.mask_origin or ("", "")
        if (prompt.domain, *origin) not in self._named:
            raise InputError(
                f"mask {origin[0]!r} of {prompt.domain} (digest {origin[1]}), which a prompt asks for, is "
                "no mask of the training pairs as they are now: put the real pairs of then back"
            )
        return self._named[prompt.domain, *origin]

    @cached_property
    def _named(self) -> Mapping[tuple[str, str, str], TrainingMask]:
        return {(mask.domain, mask.name, mask.digest): mask for mask in self.masks}


def _none_fits(domain: str, finding: str, classes: Sequence[str] | None) -> InputError:
    about = f"{domain} with finding {finding!r}" if finding else domain
    shows = "has a mask" if classes is None else f"shows just {', '.join(classes) or 'no class'}"
    return InputError(
        f"grid.masks finds no mask: no training pair of {about} {shows}; exclude this combination "
        "from the grid, leave facets.classes out to take masks as they are, or leave masks out"
    )


def _packed(mask: Mask, name: str, finding: str, domain: Domain, ranges: Ranges) -> TrainingMask:
    spans = [[index, values.tolist()] for index, values in ranges.items()]
    known = json.dumps([VERSION, mask.shape, spans]).encode()
    return TrainingMask(
        name,
        domain.name,
        finding,
        tuple(domain.classes[index - 1] for index in np.unique(mask[mask > 0])),
        hashlib.sha256(known + mask.tobytes()).hexdigest()[:16],
        mask.shape,
        zlib.compress(mask.tobytes()),
    )


def _packed_volume(slices: PairBatch, name: str, domain: Domain, ranges: Ranges) -> TrainingMask:
    facets = slices.facets.iloc[0]
    packed = _packed(slices.masks, name, str(facets["finding"] or ""), domain, ranges)
    row, column = slices.spacing_mm[0].tolist()
    shown = (
        tuple(domain.classes[index - 1] for index in sorted(each))
        for each in classes_shown(slices.masks)
    )
    spacing = (float(facets["slice_mm"]), row, column)
    orientation = str(facets["orientation"] or "")
    return replace(packed, shown=tuple(shown), spacing_mm=spacing, orientation=orientation)


def _shuffled(mask: TrainingMask, root: int) -> bytes:
    return hashlib.sha256(json.dumps([root, mask.name, mask.digest]).encode()).digest()
