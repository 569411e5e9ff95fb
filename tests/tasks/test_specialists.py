"""Who takes part in a comparison, with how many steps each, and what cannot be compared."""

import pytest

from factory.errors import InputError
from factory.sources.phantom import PhantomSource
from factory.sources.union import UnionSource
from flows.planning.recipe import load_recipe
from tasks.specialists.contenders import (
    GENERALIST,
    GENERALIST_SHORT,
    SPECIALISTS,
    contenders,
    single_domain,
)

ONE, OTHER = "phantom-breast-us", "phantom-colonoscopy"


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("medisyn")


def test_specialists_share_the_steps_of_images_and_none_of_the_text(recipe):
    domains = recipe.source.build().domains
    found = contenders(recipe.source, recipe.generator, domains)
    train = {each.arm: each.spec.train for each in found}
    whole = recipe.generator.train
    assert [each.arm for each in found].count(SPECIALISTS) == len(domains) == 11
    assert train[GENERALIST] == whole
    assert train[SPECIALISTS] == train[GENERALIST_SHORT]
    assert train[GENERALIST_SHORT].steps == 273  # 3000 / 11, rounded up
    assert train[GENERALIST_SHORT].autoencoder.steps == 55  # 600 / 11
    assert train[GENERALIST_SHORT].text == whole.text
    assert [each.domains for each in found[:-2]] == [(name,) for name in domains]
    assert all(set(each.source.build().domains) == set(each.domains) for each in found)


def test_a_part_of_a_union_teaches_its_specialist():
    parts = {
        "a": PhantomSource(domains=(ONE,), train=2, val=1),
        "b": PhantomSource(domains=(ONE,), train=2, val=1, seed=1),
        "c": PhantomSource(domains=(OTHER,), train=2, val=1),
    }
    union = UnionSource(parts=parts)
    assert single_domain(union, OTHER) == parts["c"]
    assert set(single_domain(union, ONE).parts) == {"a", "b"}
    mixed = {"a": PhantomSource(domains=(ONE, OTHER)), "c": parts["c"]}
    with pytest.raises(InputError, match="no specialist can be trained"):
        single_domain(UnionSource(parts=mixed), ONE)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"generator": {"kind": "phantom"}}, "medisyn with a train section"),
        ({"source": {"domains": [ONE]}}, "two domains or more"),
        ({"source": {"limit": 9}}, "leave limit out"),
        ({"generator": {"from": "somewhere"}}, "the same start"),
    ],
    ids=["generator", "domains", "limit", "start"],
)
def test_what_cannot_be_compared_is_said(change, expected, recipe):
    content = recipe.model_dump(mode="json", by_alias=True)
    for section, keys in change.items():
        content[section] = keys if keys.get("kind") else content[section] | keys
    asked = type(recipe).model_validate(content)
    with pytest.raises(InputError, match=expected):
        contenders(asked.source, asked.generator, asked.source.build().domains)
