"""Generate: a recipe and its trained generator -> judged pairs on the run's branch."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from prefect import flow

from factory.store.runs import declare, missing
from factory.store.snapshot import Snapshot
from flows.context import Job, opened, recipe_name
from flows.planning.recipe import Recipe
from tasks.generation import make_pairs
from tasks.pair_gating import PairGating, record_rejections, screen
from tasks.publishing import commit_verdicts
from tasks.services.dask_cluster import open_cluster
from tasks.services.progress import stage


@flow(name="generate", flow_run_name=recipe_name)
def generate(recipe: Recipe | Path, home: Path | None = None) -> str:
    """Makes the pairs a recipe still lacks, and accepts or rejects them one by one.

    Returns:
        The snapshot with the verdicts (A), which scores, gates and tags name.
    """
    with opened(recipe, home) as job:
        made_pairs(job)
        snapshot = verdicts(job)
        job.record.tags({"medpair.run": job.run.id, "medpair.snapshot": snapshot})
        job.record.dataset(job.store, snapshot, "generation")
        return snapshot


def verdicts(job: Job) -> str:
    """Accepts or rejects every pair of the run, by what workers saw and by the pair gates.

    Returns:
        The snapshot with the verdicts (A); the same one while neither pairs nor gates change.
    """
    store, branch = job.store, job.run.branch
    gating = PairGating(job.lake, job.reference, job.recipe.evaluate, job.record)
    found = screen(store, branch, job.recipe.pair_gates, gating)
    snapshot = commit_verdicts(store, branch, found.reasons)
    record_rejections(job.lake, store.snapshot(snapshot), found.sentences)
    return snapshot


def made_pairs(job: Job) -> Snapshot:
    """The snapshot that ends the generation (G); starts no worker where nothing is missing."""
    store = job.store.create()
    declared = declare(store, job.run)
    if not missing(declared):
        return declared
    build = partial(job.generator_spec.build, job.recipe.image)
    with ExitStack() as stack:
        with stage("starting workers (Dask)"):
            address, workers = job.settings.dask_address, job.settings.workers
            client = stack.enter_context(open_cluster(address, workers))
        return make_pairs(store, job.run, build, client)
