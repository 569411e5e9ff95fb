"""Changes that make synthetic pairs as varied as real ones, before a network learns from them.

What DiffuMask (arXiv 2303.11681) and DiffMask (arXiv 2503.07209) do to close the gap between the
two: intensity, blur, noise, occlusion, mild perspective and elastic deformation. Nothing is put
together from several images: a collage of thoraces is no radiograph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    Compose,
    Rand2DElasticd,
    RandAdjustContrastd,
    RandCoarseDropoutd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandomizableTransform,
    RandShiftIntensityd,
)
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from evaluation.labels import Labels
from evaluation.networks.settings import DomainRandomisationSection
from evaluation.pairs import Images, Masks

BOTH = ("image", "mask")
MODES = ("bilinear", "nearest")  # a mask's indices must not be mixed
TILT = 0.08  # how much nearer one side may be than the middle, as a share
SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class DomainRandomisation:
    """Changes pairs of one size at random; the same calls in the same order change them alike.

    Attributes:
        section: how far, and whether mirrored.
        classes: names of the K foreground classes.
        seed: of all random numbers.
        size: (H, W) of the images.
    """

    section: DomainRandomisationSection
    classes: Sequence[str]
    seed: int
    size: tuple[int, int]

    @cached_property
    def _random(self) -> np.random.RandomState:
        return np.random.RandomState(self.seed)

    @cached_property
    def _change(self) -> Compose:
        return _changes(self.section.strength, self.size).set_random_state(state=self._random)

    def pairs(self, images: Images, masks: Masks) -> tuple[Images, Masks]:
        """(B, H, W, C) images and (B, H, W) masks, each pair changed as one.

        A mirrored mask shows the left of what was right: indices of such classes change places.
        """
        changed, moved, mirrored = self._changed(images, masks)
        places = np.concatenate([[0], 1 + other_side(self.classes)]).astype(np.uint8)
        moved[mirrored] = places[moved[mirrored]]
        return changed, moved

    def labelled(
        self, images: Images, labels: Labels, known: Sequence[str]
    ) -> tuple[Images, Labels]:
        """(B, H, W, C) images, and (B,) indices among known labels: a side in a name changes too."""
        changed, _, mirrored = self._changed(images, np.zeros(images.shape[:3], np.uint8))
        return changed, np.where(mirrored, other_side(known)[labels], labels)

    def _changed(self, images: Images, masks: Masks) -> tuple[Images, Masks, NDArray[np.bool_]]:
        mirrored = self._random.random_sample(len(images)) < (0.5 if self.section.mirror else 0)
        parts = [
            self._one(image[:, ::-1] if flip else image, mask[:, ::-1] if flip else mask)
            for image, mask, flip in zip(images, masks, mirrored, strict=True)
        ]
        if not parts:
            return images, masks, mirrored
        return np.stack([p[0] for p in parts]), np.stack([p[1] for p in parts]), mirrored

    def _one(self, image: NDArray[Any], mask: NDArray[Any]) -> tuple[Images, Masks]:
        picture = torch.from_numpy(np.moveaxis(image, -1, 0).astype(np.float32) / 255)
        pair = {"image": picture, "mask": torch.from_numpy(mask.astype(np.float32))[None]}
        found = self._change(pair)
        bright = np.asarray(found["image"]).clip(0, 1) * 255
        labels = np.asarray(found["mask"])[0].round().astype(np.uint8)
        return np.moveaxis(bright.round().astype(np.uint8), 0, -1), labels


def other_side(names: Sequence[str]) -> NDArray[np.intp]:
    """(K,) for each name the index of the one that names the other side; its own where none does.

    "left lung" and "right lung" are such names, "left" standing anywhere as a word of its own.
    """
    rows = [name.casefold().split() for name in names]
    found = np.arange(len(names))
    for at, row in enumerate(rows):
        turned = [SIDES[1 - SIDES.index(word)] if word in SIDES else word for word in row]
        if turned in rows:
            found[at] = rows.index(turned)
    return found


def _changes(strength: float, size: tuple[int, int]) -> Compose:
    side = min(size)
    cell = max(4, side // 4)
    return Compose(
        [
            Rand2DElasticd(
                BOTH,
                spacing=(cell, cell),
                magnitude_range=(0.0, 0.02 * side * strength),
                prob=0.5,
                mode=MODES,
                padding_mode="border",
            ),
            RandPerspective(TILT * strength, prob=0.5),
            RandAdjustContrastd("image", prob=0.5, gamma=(0.7**strength, 1.5**strength)),
            RandShiftIntensityd("image", offsets=0.1 * strength, prob=0.5),
            RandGaussianSmoothd(
                "image", (0.25 * strength, strength), (0.25 * strength, strength), prob=0.3
            ),
            RandGaussianNoised("image", prob=0.5, std=0.05 * strength),
            # What is hidden stays in the mask: a network must not need every part of an organ.
            RandCoarseDropoutd(
                "image",
                holes=1,
                max_holes=3,
                spatial_size=max(1, side // 16),
                max_spatial_size=max(2, side // 6),
                prob=0.3,
            ),
        ]
    )


class RandPerspective(RandomizableTransform):
    """Image and mask seen from a little aside: lines stay straight, the middle stays in place.

    Args:
        tilt: most that the distance to a side differs from that to the middle, as a share.
        prob: chance of a pair to be tilted.
    """

    def __init__(self, tilt: float, prob: float) -> None:
        super().__init__(prob)
        self.tilt = tilt

    def __call__(self, pair: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The pair of {"image": (C, H, W), "mask": (1, H, W)}."""
        self.randomize(None)
        across, down = (self.R.uniform(-self.tilt, self.tilt) for _ in range(2))
        if not self._do_transform:
            return dict(pair)
        whole = torch.eye(2, 3)[None]
        grid = functional.affine_grid(whole, [1, 1, *pair["mask"].shape[1:]], False)
        grid = grid / (1 + across * grid[..., :1] + down * grid[..., 1:])
        return {
            name: functional.grid_sample(
                torch.as_tensor(pair[name])[None],
                grid,
                mode=mode,
                padding_mode="border",
                align_corners=False,
            )[0]
            for name, mode in zip(BOTH, MODES, strict=True)
        }
