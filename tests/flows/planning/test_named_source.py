"""Real pairs that a recipe names are read and judged as the recipe does."""

import pytest

from factory.errors import InputError
from flows.planning.named_source import NamedSource

RECIPE = """
format: 1
name: mine
source: {kind: phantom}
image: {size: 64, channels: 3}
generator: {kind: phantom}
grid: {facets: {finding: [all]}}
evaluate: {judge_steps: 7}
utility: {steps: 11}
"""


@pytest.fixture
def recipe(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(RECIPE)
    return str(file)


@pytest.mark.parametrize(
    ("given", "shape"),
    [((), (64, 3)), ((32,), (32, 3)), ((None, 1), (64, 1)), ((32, 1), (32, 1))],
    ids=["none", "size", "channels", "both"],
)
def test_a_recipe_says_what_is_not_given(recipe, given, shape):
    real = NamedSource.of(recipe, *given)
    assert (real.image.size, real.image.channels) == shape
    assert (real.source.kind, real.evaluate.judge_steps, real.steps) == ("phantom", 7, 11)


def test_without_a_recipe_there_are_plain_defaults():
    real = NamedSource.of("phantom")
    assert (real.image.size, real.image.channels, real.steps) == (128, 1, 300)


def test_a_size_that_cannot_be_is_one_line(recipe):
    with pytest.raises(InputError, match=r"^--size 33: ") as told:
        NamedSource.of(recipe, 33)
    assert "\n" not in str(told.value)
