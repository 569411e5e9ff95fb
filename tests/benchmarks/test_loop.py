"""Both rules of the benchmark start from the same recipe, with the same pairs and trainings."""

import pytest

from benchmarks.loop import QUICK, sets
from flows.context import open_context
from flows.improving.asked import askable
from tasks.services.settings import load_settings


@pytest.fixture
def phantoms(tmp_path):
    (found,) = sets(None, QUICK, load_settings(tmp_path / "home"))
    return found


def test_the_rules_differ_in_name_and_rule_alone(phantoms):
    ours, uniform = (phantoms.started(rule, 0) for rule in ("thompson", "uniform"))
    improve = uniform.improve.model_copy(update={"rule": "thompson"})
    assert uniform.model_copy(update={"name": ours.name, "improve": improve}) == ours
    assert ours.improve.patience is None


def test_another_seed_draws_other_pairs_and_other_choices(phantoms):
    first, second = (phantoms.started("thompson", seed) for seed in (0, 1))
    assert (first.grid.seed, second.grid.seed) == (0, 1)
    assert (first.improve.seed, second.improve.seed) == (0, 1)
    assert first.name != second.name


def test_two_of_three_findings_are_rare_among_real_images_and_can_be_asked_for(phantoms):
    recipe = phantoms.started("thompson", 0)
    with open_context(recipe, phantoms.settings) as context:
        facets = [each.facets["finding"] for each in askable(recipe, context.grid)]
        counts = context.reference.train.facets["finding"].value_counts()
    assert set(facets) == set(counts.index)
    assert counts["normal"] == 6 * counts["pneumonia"] == 6 * counts["cardiomegaly"]
