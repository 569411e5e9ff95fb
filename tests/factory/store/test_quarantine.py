"""A generator that raises at one prompt loses that pair alone, and the others keep every byte."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import InputError
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.store.checks import Reason, check
from factory.store.quarantine import pairs_or_blanks
from factory.vocabulary import Domain

DOMAIN = Domain(name="a", title="a", modality="m", anatomy="n", classes=("disc",))
PROMPTS = [Prompt.about(DOMAIN, ("disc",), replicate=i) for i in range(9)]
SEEDS = list(range(9))
SHAPE = (16, 16, 1)


def drawn(prompts, seeds):
    images = np.stack([np.random.default_rng(s).integers(0, 255, SHAPE, np.uint8) for s in seeds])
    masks = np.ones((len(seeds), 16, 16), np.uint8)
    return PairBatch.of(images, masks, pd.DataFrame([prompt.facets() for prompt in prompts]))


def failing_at(bad, error=RuntimeError):
    def generate(prompts, seeds):
        if bad & set(seeds):
            raise error("the sampler diverged")
        return drawn(prompts, seeds)

    return generate


@given(st.sets(st.integers(0, 8), max_size=8))
def test_only_the_prompts_at_fault_are_left_out(bad):
    pairs = pairs_or_blanks(failing_at(bad), PROMPTS, SEEDS, SHAPE)
    whole = drawn(PROMPTS, SEEDS)
    good = sorted(set(SEEDS) - bad)
    np.testing.assert_array_equal(pairs.images[good], whole.images[good])
    asked = whole.facets.assign(**{
        name: pairs.facets[name] for name in ("doubts", "finite") if name in pairs.facets
    })  # fmt: skip
    judged = PairBatch(pairs.images, pairs.masks, asked, pairs.spacing_mm, pairs.has_mask)
    reasons = check(judged, {"a": DOMAIN.label_map})
    assert [bool(reason) for reason in reasons] == [seed in bad for seed in SEEDS]
    assert set(reasons) <= {0, Reason.GENERATOR_FAILED}


def test_a_generator_that_fails_everywhere_is_itself_at_fault():
    with pytest.raises(RuntimeError, match="diverged"):
        pairs_or_blanks(failing_at(set(SEEDS)), PROMPTS, SEEDS, SHAPE)
    alone = pairs_or_blanks(failing_at({0}), PROMPTS[:1], [0], SHAPE)
    assert not alone.images.any()


def test_a_users_mistake_is_told_at_once():
    with pytest.raises(InputError, match="diverged"):
        pairs_or_blanks(failing_at({3}, InputError), PROMPTS, SEEDS, SHAPE)
