"""Segmentation of whole volumes: the arms of 3D networks, beside those of 2D ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.errors import InputError
from evaluation.networks.registry import NNUNET3D, VOLUME_SEGMENTERS
from evaluation.pairs import Block, Pairs, take, units_of
from evaluation.settings import UtilitySection
from evaluation.utility.downstream_task import Rows
from evaluation.utility.segmentation import SegmentationTask
from evaluation.utility.segmenter_test import measure, table_of
from evaluation.volumes.stacks import in_volumes, stacks_of

if TYPE_CHECKING:
    from evaluation.networks.segmenter import Segmenter
    from evaluation.networks.training_loop import Step
    from evaluation.volumes.consistency import VolumeJudge


class VolumeSegmentationTask(SegmentationTask):
    """Masks of whole volumes, a case each: numbers of real images are numbers of volumes.

    Its tables are those of segmenters: a network of volumes is one more of them.
    """

    kinds = frozenset({*VOLUME_SEGMENTERS, NNUNET3D})

    def rows(self, pairs: Pairs, domain: str, targets: Sequence[str]) -> Rows:
        """Slices of volumes whose mask is not absent."""
        return super().rows(pairs, domain, targets) & in_volumes(pairs)

    def needed(self, targets: Sequence[str]) -> str:
        return "with a mask that are slices of volumes"

    def available(self, train: Pairs, domain: str) -> int:
        """Number of real volumes.

        Raises:
            InputError: if there is none.
        """
        found = len(stacks_of(self.learnable(train, domain, ())))
        if not found:
            raise InputError(
                f"domain {domain!r} has no real volumes with masks, so nothing in three dimensions "
                f"can be learnt: leave {', '.join(sorted(self.kinds))} out of utility.segmenters"
            )
        return found

    def check_synthetic(self, synthetic: Pairs, train: Pairs, domain: str) -> None:
        """Whether synthetic pairs of a domain are slices of volumes; raises InputError if not."""
        if not self.rows(synthetic, domain, ()).any():
            raise InputError(
                f"the synthetic pairs of domain {domain!r} are of no volumes, so nothing in three "
                "dimensions can be learnt from them: make volumes (grid.unit: volume), or leave "
                f"{', '.join(sorted(self.kinds))} out of utility.segmenters"
            )

    def subset(self, real: Pairs, images: int, seed: int) -> NDArray[np.intp]:
        """Rows of so many volumes, taken patient after patient in an order drawn by the seed."""
        stacks, units = stacks_of(real), units_of(real)
        turn = np.random.default_rng(seed).permutation(units.max(initial=-1) + 1)
        order = np.argsort(turn[[stack.unit for stack in stacks]], kind="stable")[:images]
        return np.concatenate([np.zeros(0, np.intp), *(stacks[at].rows for at in order)])

    def new(
        self, kind: str, channels: int, targets: Sequence[str], *, seed: int, work: Path | None
    ) -> tuple[Segmenter, Callable[..., Iterator[Step]]]:
        # Recipes and reports are read through this module and must not wait for torch.
        if kind == NNUNET3D:
            from evaluation.networks.nnunet import train_nnunet
            from evaluation.volumes.nnunet import VolumeNnunet
            from evaluation.volumes.segmenter import BATCH

            own = VolumeNnunet.new(channels, targets)
            return own, partial(train_nnunet, own, work=work, batch=BATCH)
        from evaluation.volumes.segmenter import new_volume_segmenter, train_volume_segmenter

        segmenter = new_volume_segmenter(kind, channels, targets, seed=seed)
        return segmenter, partial(train_volume_segmenter, segmenter)

    def load(self, kind: str, folder: Path) -> Segmenter:
        from evaluation.volumes.nnunet import VolumeNnunet
        from evaluation.volumes.segmenter import load_volume_segmenter

        return VolumeNnunet.load(folder) if kind == NNUNET3D else load_volume_segmenter(folder)

    def measured(
        self,
        network: Segmenter,
        block: Block,
        place: Mapping[str, NDArray[np.intp]],
        section: UtilitySection,
    ) -> pd.DataFrame:
        """As of any segmenter, a case for each volume: named by its first slice, distances in 3D."""
        classes, tables = network.classes, []
        for stack in stacks_of(block):
            answer, spacing = _volume_judge(network).segment(stack), stack.spacing_mm[None]
            found = measure(
                answer[None], stack.masks[None], len(classes), spacing, section.tolerance_mm
            )
            where = {name: numbers[stack.rows[:1]] for name, numbers in place.items()}
            tables.append(table_of(found, classes, where))
        cases = pd.concat(tables, ignore_index=True)
        return cases.assign(unseen=cases["class"].isin(section.unseen))

    def labelled_by(self, network: Segmenter, pairs: Pairs) -> Block:
        whole = take(pairs, np.arange(len(pairs)))
        masks = whole.masks.copy()
        for stack in stacks_of(whole):
            masks[stack.rows] = _volume_judge(network).segment(stack)
        return replace(whole, masks=masks)


def _volume_judge(network: Segmenter) -> VolumeJudge:
    """A network of this task; all of its kinds are of volumes."""
    return cast("VolumeJudge", network)
