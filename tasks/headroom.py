"""The learning curve of real data: what more pairs could add, before any generator."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.headroom import Headroom, headroom, rungs
from evaluation.sections import UtilitySection
from tasks.bench import Bench
from tasks.reference import Reference
from tasks.tracking import Record


@task(task_run_name="headroom", cache_policy=NO_CACHE, persist_result=False)
def real_curve(
    section: UtilitySection, reference: Reference, folder: Path, record: Record
) -> list[Headroom]:
    """Trains every rung that was not trained before, and reads the curve of each domain."""
    bench = Bench(section, reference, reference.train, "", folder, record)
    arms = rungs(reference.train, section.segmenters[0], section.seeds)
    return headroom(pd.concat([bench.try_arm(arm) for arm in arms], ignore_index=True))
