"""A run fills real Icechunk repositories: declared, made, resumed, grown, judged, rebased."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from factory.errors import InputError
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.store import runs, snapshot
from factory.store.checks import Reason
from factory.store.repository import MAIN, Store, arrays
from factory.store.runs import Run, declare, judge, make, merge, missing, rebase
from factory.store.shards import Layout, Status
from factory.vocabulary import Domain

CHEST = Domain(
    name="chest",
    title="chest X-ray",
    modality="X-ray",
    anatomy="chest",
    specialty="radiology",
    classes=("lung", "heart"),
    findings={"normal": ("lung",), "large heart": ("lung", "heart")},
)
ROOT = Path(__file__).resolve().parents[3]
LAYOUT = Layout(height=32, width=32, channels=1, chunk=4, shard=8)


class Stripes:
    """Draws noise from the seed and one row of pixels per asked class; counts what it drew."""

    digest = "stripes"

    def __init__(self):
        self.drawn = []

    def generate(self, prompts, seeds):
        self.drawn += [prompt.digest for prompt in prompts]
        images = [np.random.default_rng(seed).integers(0, 255, (32, 32, 1)) for seed in seeds]
        masks = np.zeros((len(prompts), 32, 32), np.uint8)
        for mask, prompt in zip(masks, prompts, strict=True):
            for name in prompt.classes:
                mask[CHEST.index(name)] = CHEST.index(name)
        facets = pd.DataFrame([prompt.facets() for prompt in prompts])
        return PairBatch.of(np.array(images, np.uint8), masks, facets)


def run(name="a", replicates=6, generator="stripes", layout=LAYOUT, **section):
    section = GridSection(replicates=replicates, seed=7, **section)
    grid = PromptGrid(section, {"chest": CHEST})
    label_maps = {"chest": CHEST.label_map}
    return Run(name, grid, layout, generator, label_maps, {"grid": section.model_dump()}, {})


def fill(store, plan, generator, shards=None):
    """Makes the missing shards of a run in one window."""
    todo = missing(declare(store, plan))[:shards]
    session = store.writable(plan.branch)
    forks = [make(generator.generate, session.fork(), shard) for shard in todo]
    if forks:
        merge(session, forks)
        store.commit(session, "pairs", {"kind": "pairs"})
    return store.snapshot(plan.branch)


def publish(store, plan):
    judged = judge(store, plan.branch)
    store.move(MAIN, judged.id, judged.attributes["base"])
    return judged


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path), "set").create()


def test_every_row_is_declared_before_a_worker_starts(store):
    snapshot = declare(store, run(replicates=10))
    assert len(snapshot) == 10
    assert snapshot.counts() == dict.fromkeys(snapshot.counts(), 0) | {"empty": 10}
    assert snapshot.group["image"].shape == (10, 32, 32, 1)
    assert [shard.stop for shard in missing(snapshot)] == [8, 10]


def test_pairs_come_back_as_the_generator_made_them(store):
    plan, generator = run(replicates=10), Stripes()
    fill(store, plan, generator)
    pairs = judge(store, plan.branch).read()
    again = Stripes().generate(list(plan.grid), [prompt.seed for prompt in plan.grid])
    np.testing.assert_array_equal(pairs.images, again.images)
    np.testing.assert_array_equal(pairs.masks, again.masks)
    assert pairs.facets["prompt"].tolist() == [prompt.digest for prompt in plan.grid]
    assert pairs.facets["seed"].tolist() == [str(prompt.seed) for prompt in plan.grid]
    assert pairs.facets["labels"].tolist() == ["lung;heart"] * 10
    assert pairs.facets["row"].tolist() == list(range(10))
    assert np.isnan(pairs.spacing_mm).all()


def test_attributes_tell_a_stranger_what_the_data_are(store):
    attributes = declare(store, run()).attributes
    assert attributes["format"] == 1
    assert attributes["label_maps"] == {"chest": {"background": 0, "lung": 1, "heart": 2}}
    assert attributes["sections"]["grid"]["replicates"] == 6
    assert attributes["status_words"]["2"] == "accepted"
    assert attributes["reason_words"]["8"] == "asked class absent"
    assert attributes["code_version"]


def test_resuming_makes_only_the_missing_shards(store):
    plan, generator = run(replicates=20), Stripes()
    fill(store, plan, generator, shards=1)
    assert len(generator.drawn) == 8
    fill(store, plan, generator)
    assert len(generator.drawn) == 20
    assert len(set(generator.drawn)) == 20
    assert missing(fill(store, plan, generator)) == []
    assert len(generator.drawn) == 20


def test_growing_a_grid_changes_no_existing_pair_and_no_row(store):
    small, generator = run("a", replicates=6), Stripes()
    fill(store, small, generator)
    before = publish(store, small).read()
    grown = run("b", replicates=9)
    fill(store, grown, generator)
    after = judge(store, grown.branch)
    assert len(after) == 9
    # Rows 6 and 7 lie in the shard, and in the chunk, that the first run had filled in part.
    np.testing.assert_array_equal(after.read().images[:6], before.images)
    assert len(generator.drawn) == 9
    assert after.attributes["base"] == store.head(MAIN)


def test_the_prompt_table_grows_across_its_chunks(store, monkeypatch):
    monkeypatch.setattr(snapshot, "TEXT_CHUNK", 4)
    for name, replicates in (("a", 3), ("b", 4), ("c", 11), ("d", 11)):
        plan = run(name, replicates)
        declared = declare(store, plan)
        assert [declared.table[row] for row in range(replicates)] == list(plan.grid)
        store.move(MAIN, declared.id, store.head(MAIN))


def test_a_smaller_grid_keeps_the_pairs_but_not_in_its_version(store):
    wide, generator = run("a", facets={"finding": ["normal", "large heart"]}), Stripes()
    fill(store, wide, generator)
    publish(store, wide)
    narrow = run("b", facets={"finding": ["normal"]})
    fill(store, narrow, generator)
    judged = publish(store, narrow)
    assert len(generator.drawn) == 12
    assert judged.counts()["outside"] == 6
    assert set(judged.read().facets["finding"]) == {"normal"}
    fill(store, run("c", facets={"finding": ["large heart"]}), generator)
    assert len(generator.drawn) == 12
    assert len(judge(store, "run-c").read()) == 6


@pytest.mark.parametrize(
    "other",
    [
        run("b", generator="another"),
        run("b", layout=Layout(32, 32, 1, chunk=8, shard=8)),
    ],
    ids=["generator", "layout"],
)
def test_a_run_that_does_not_fit_starts_from_the_first_snapshot(store, other):
    fill(store, run("a"), Stripes())
    publish(store, run("a"))
    snapshot = declare(store, other)
    assert snapshot.counts()["empty"] == 6
    assert snapshot.attributes["base"] == store.head(MAIN)


def test_shards_of_another_size_resume_on_the_pairs_of_main(store):
    fill(store, run("a", replicates=20), Stripes())
    publish(store, run("a", replicates=20))
    other = run("b", replicates=24, layout=Layout(32, 32, 1, chunk=4, shard=16))
    assert [shard.start for shard in missing(declare(store, other))] == [16]


def test_a_declaration_cut_short_is_made_anew(store):
    store.point("run-a", store.head(MAIN))  # what a crash before the commit leaves
    assert len(declare(store, run("a"))) == 6


def test_a_changed_label_map_is_refused_under_the_same_run(store):
    declare(store, run("a"))
    changed = run("a")
    changed.label_maps["chest"]["heart"] = 3
    with pytest.raises(InputError, match=r"another label map of \['chest'\]"):
        declare(store, changed)


def test_verdicts_are_committed_once_and_name_the_generation(store):
    plan = run(replicates=8)
    made = fill(store, plan, Stripes())
    judged = judge(store, plan.branch)
    assert judged.id != made.id
    assert judged.pairs_id == made.id == made.pairs_id
    assert judge(store, plan.branch).id == judged.id
    reasons = np.zeros(8, np.uint32)
    reasons[3] = Reason.NEAR_COPY
    again = judge(store, plan.branch, reasons)
    assert again.pairs_id == made.id
    assert again.rows(Status.REJECTED).tolist() == [3]
    assert again.read().facets["row"].tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_what_the_worker_found_wrong_rejects_a_pair(store):
    class Forgetful(Stripes):
        def generate(self, prompts, seeds):
            pairs = super().generate(prompts, seeds)
            pairs.masks[0][pairs.masks[0] == 2] = 0
            return pairs

    fill(store, run(), Forgetful())
    judged = judge(store, "run-a")
    assert judged.rows(Status.REJECTED).tolist() == [0]
    assert judged.reason[0] == Reason.ASKED_CLASS_ABSENT


def test_a_run_with_missing_pairs_cannot_be_judged(store):
    fill(store, run(replicates=20), Stripes(), shards=1)
    with pytest.raises(ValueError, match="still lacks 12 pairs"):
        judge(store, "run-a")


def test_a_generator_that_gives_another_size_is_named(store):
    class Large(Stripes):
        def generate(self, prompts, seeds):
            pairs = super().generate(prompts, seeds)
            return PairBatch.of(
                pairs.images.repeat(2, 1).repeat(2, 2),
                pairs.masks.repeat(2, 1).repeat(2, 2),
                pairs.facets,
            )

    with pytest.raises(ValueError, match=r"wants 6 images of \(32, 32, 1\).*\(6, 64, 64, 1\)"):
        fill(store, run(), Large())


def test_rebase_keeps_the_pairs_under_their_new_rows(store):
    generator = Stripes()
    first, second = (
        run(name, facets={"finding": [f]}) for name, f in (("a", "normal"), ("b", "large heart"))
    )
    for plan in (first, second):  # both begin while nothing is published
        fill(store, plan, generator)
    old = judge(store, second.branch)
    publish(store, first)
    rebased = rebase(store, second)
    assert rebased.attributes["base"] == store.head(MAIN)
    assert rebased.counts() == dict.fromkeys(rebased.counts(), 0) | {"made": 6, "outside": 6}
    assert missing(rebased) == []
    assert rebased.rows(Status.MADE).tolist() == [6, 7, 8, 9, 10, 11]
    again = judge(store, second.branch)
    np.testing.assert_array_equal(again.read().images, old.read().images)
    assert again.read().facets["prompt"].tolist() == old.read().facets["prompt"].tolist()
    assert len(generator.drawn) == 12
    assert "rebase-b" not in store.branches()


def test_a_rebase_cut_short_leaves_the_old_branch_and_can_be_repeated(store, monkeypatch):
    fill(store, run("b"), Stripes())
    fill(store, run("a"), Stripes())
    publish(store, run("a"))
    head = store.head("run-b")
    copy = runs._copy_pairs

    def die(old, group):
        copy(old, group)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_copy_pairs", die)
    with pytest.raises(KeyboardInterrupt):
        rebase(store, run("b"))
    assert store.head("run-b") == head
    monkeypatch.undo()
    assert rebase(store, run("b")).counts()["made"] == 6


def test_writing_through_forks_touches_no_other_shard(store):
    plan = run(replicates=16)
    declare(store, plan)
    session = store.writable(plan.branch)
    shards = missing(store.snapshot(plan.branch))
    made = [make(Stripes().generate, session.fork(), shard) for shard in shards]
    assert not arrays(session)["status"][:].any()
    merge(session, made[1:])
    assert arrays(session)["shard_done"][:].tolist() == [False, True]
    assert arrays(session)["status"][:].tolist() == [Status.EMPTY] * 8 + [Status.MADE] * 8
    merge(session, made[:1])
    assert arrays(session)["shard_done"][:].all()


KILLED_WHILE_DECLARING = """
import os, signal, sys
from factory.store import runs
from factory.store.repository import Store
from tests.factory.store.test_runs import run

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(runs, sys.argv[2], killed)
runs.declare(Store(sys.argv[1], "chests"), run())
"""


@pytest.mark.parametrize("moment", ["_lay_out", "lay_out", "arrays"])
def test_a_run_that_is_killed_while_it_is_declared_is_declared_again(tmp_path, moment):
    store = Store(str(tmp_path), "chests").create()
    command = [sys.executable, "-c", KILLED_WHILE_DECLARING, str(tmp_path), moment]
    assert subprocess.run(command, check=False, cwd=ROOT).returncode == -9
    assert store.head(run().branch) is None
    assert len(declare(Store(store.root, "chests"), run())) == 6
    assert f"declare-{run().id}" not in Store(store.root, "chests").branches()


KILLED_BEFORE_THE_END = """
import os, signal, sys
from factory.store import runs
from factory.store.repository import Store
from tests.factory.store.test_runs import run

Store.drop = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store = Store(sys.argv[1], "chests")
runs.declare(store, run()) if sys.argv[2] == "declare" else runs.rebase(store, run())
"""


@pytest.mark.parametrize("kind", ["declare", "rebase"])
def test_the_next_run_clears_what_one_left_that_was_killed_at_the_end(tmp_path, kind):
    store = Store(str(tmp_path), "chests").create()
    if kind == "rebase":
        declare(store, run())
    command = [sys.executable, "-c", KILLED_BEFORE_THE_END, str(tmp_path), kind]
    assert subprocess.run(command, check=False, cwd=ROOT).returncode == -9
    assert f"{kind}-{run().id}" in Store(store.root, "chests").branches()
    assert len(declare(Store(store.root, "chests"), run())) == 6
    assert set(Store(store.root, "chests").branches()) == {MAIN, run().branch}


def test_a_branch_without_its_rows_counts_as_undeclared(tmp_path):
    store = Store(str(tmp_path), "chests").create()
    store.point(run().branch, store.first())  # as earlier releases left it
    assert len(declare(store, run())) == 6
