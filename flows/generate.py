"""Generate: a recipe and its trained generator -> judged pairs on the run's branch."""

from __future__ import annotations

from contextlib import ExitStack

from factory.store.runs import declare, missing
from factory.store.snapshot import Snapshot
from flows.context import RunContext
from flows.stages import stage_flow
from tasks.generation import make_pairs
from tasks.pair_gating import PairGating, record_rejections, screen
from tasks.publishing import commit_verdicts
from tasks.services.dask_cluster import open_cluster
from tasks.services.progress import stage


@stage_flow("generate")
def generate_stage(context: RunContext) -> str:
    """Makes the pairs a recipe still lacks, and accepts or rejects them one by one.

    Returns:
        The snapshot with the verdicts (A), which scores, gates and tags name.
    """
    made_pairs(context)
    snapshot = with_verdicts(context)
    context.record.tags({"medpair.run": context.run.id, "medpair.snapshot": snapshot})
    context.record.dataset(context.store, snapshot, "generation")
    return snapshot


def with_verdicts(context: RunContext) -> str:
    """Accepts or rejects every pair of the run, by what workers saw and by the pair gates.

    Returns:
        The snapshot with the verdicts (A); the same one while neither pairs nor gates change.
    """
    store, branch, lake = context.store, context.run.branch, context.lake
    gating = PairGating(lake, context.reference, context.recipe.evaluate, context.record)
    found = screen(store, branch, context.recipe.pair_gates, gating)
    snapshot = commit_verdicts(store, branch, found.reasons)
    record_rejections(lake, store.snapshot(snapshot), found.sentences)
    return snapshot


def made_pairs(context: RunContext) -> Snapshot:
    """The snapshot that ends the generation (G); starts no worker where nothing is missing."""
    store, run = context.store.create(), context.run
    declared = declare(store, run)
    if not missing(declared):
        return declared
    with ExitStack() as stack:
        with stage("starting workers (Dask)"):
            address, workers = context.settings.dask_address, context.settings.workers
            client = stack.enter_context(open_cluster(address, workers))
        return make_pairs(store, run, context.build_generator, client)
