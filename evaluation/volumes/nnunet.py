"""nnU-Net v2 in three dimensions (`3d_fullres`) as a segmenter of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from evaluation.networks.nnunet import Nnunet
from evaluation.networks.nnunet_files import describe, new_data_set
from evaluation.networks.registry import NNUNET3D
from evaluation.pairs import Masks, Pairs, with_masks
from evaluation.volumes.segmenter import validated_volumes
from evaluation.volumes.stacks import Stack, stacks_of

ENDING = ".nii.gz"


@dataclass(frozen=True, eq=False)
class VolumeNnunet(Nnunet):
    """nnU-Net's full resolution in three dimensions, trained by `train_nnunet` on whole volumes."""

    name: ClassVar[str] = NNUNET3D
    configuration: ClassVar[str] = "3d_fullres"

    def write(self, parts: Sequence[Pairs], folder: Path) -> None:
        """Writes every volume that has masks as a case; errors as of `nnunet_files.write_raw`."""
        stacks = [stacks_of(with_masks(part)) for part in parts]
        shown = any(stack.masks.any() for part in stacks for stack in part)
        place = new_data_set(folder, [*map(len, stacks)], shown)
        for at, part in enumerate(stacks):
            for number, stack in enumerate(part):
                _write(stack, f"part{at}_{number:06d}", place)
        describe(place, self.channels, self.classes, sum(map(len, stacks)), ENDING)

    def validated(self, pairs: Pairs) -> float:
        """Mean Dice of the volumes."""
        return validated_volumes(self, pairs)

    def segment(self, stack: Stack) -> Masks:
        """(K, H, W) uint8 class indices for a volume; nnU-Net goes by its spacing, too."""
        (masks,) = self.inferred(stack.images[None], _spacing(stack))
        return masks.astype(np.uint8)


def _spacing(stack: Stack) -> list[float]:
    """Between slices, rows and columns in mm; 1 where unknown."""
    return [float(side) for side in np.where(np.isnan(stack.spacing_mm), 1.0, stack.spacing_mm)]


def _write(stack: Stack, case: str, place: Path) -> None:
    from SimpleITK import GetImageFromArray, WriteImage  # nnU-Net's own reader

    files = {
        f"imagesTr/{case}_{c:04d}": stack.images[..., c] for c in range(stack.images.shape[-1])
    }
    for name, voxels in (files | {f"labelsTr/{case}": stack.masks}).items():
        image = GetImageFromArray(voxels)
        image.SetSpacing(_spacing(stack)[::-1])
        WriteImage(image, str(place / f"{name}{ENDING}"))
