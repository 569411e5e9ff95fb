"""The tasks that downstream networks are trained for; another one is a file and a line here."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evaluation.pairs import Pairs
from evaluation.settings import UtilitySection
from evaluation.utility.arms import Arm
from evaluation.utility.classification import ClassificationTask
from evaluation.utility.downstream_task import AnyTask
from evaluation.utility.result import Cases, Utility
from evaluation.utility.segmentation import SegmentationTask
from evaluation.utility.volumes.segmentation import VolumeSegmentationTask

TASKS: tuple[AnyTask, ...] = (
    SegmentationTask(),
    VolumeSegmentationTask(),
    ClassificationTask(),
)


def every_arm(
    section: UtilitySection,
    train: Pairs,
    synthetic: Pairs,
    fold: int | None = None,
    tasks: Sequence[AnyTask] = TASKS,
) -> list[Arm]:
    """Every arm of a run, task after task.

    Args:
        section: of the recipe.
        train: real pairs that arms may learn from.
        synthetic: the accepted pairs of the version.
        fold: that the arms are tested on.
        tasks: that networks are trained for.

    Raises:
        InputError: if a domain is unknown, has fewer real images than the recipe asks, or nothing
            that a task could learn.
    """
    return [arm for task in tasks for arm in task.arms(section, train, synthetic, fold)]


def utility_of(cases: Cases, tasks: Sequence[AnyTask] = TASKS) -> Utility:
    """Every table of every task.

    Args:
        cases: name of a task -> the cases of all its arms, concatenated.
        tasks: that networks were trained for.
    """
    # Networks of slices and of volumes are one task, segmentation: their tables are worked out once.
    named = {task.name: task for task in reversed(tasks)}
    found = {name: cases.get(name, pd.DataFrame()) for name in named}
    return Utility({name: task.utility(found[name]) for name, task in reversed(named.items())})
