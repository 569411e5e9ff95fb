"""What the benchmark of a checkpoint of six sets compares; its trainings take half an hour."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.open_128.domains import MOST_REAL, open_recipe, some
from benchmarks.open_128.starts import recipe_of
from benchmarks.worth.protocol import WITHHELD
from factory.pairs import PairBatch
from factory.vocabulary import load_vocabulary


def test_the_two_trainings_of_forty_images_differ_in_start_and_length_alone(tmp_path):
    nothing, begun = (
        recipe_of(tmp_path, start, tmp_path / "open").model_dump(mode="json", by_alias=True)
        for start in ("nothing", "open_128_half")
    )
    sections = nothing.pop("generator"), begun.pop("generator")
    assert nothing == begun
    assert [each.pop("from") for each in sections] == [None, str(tmp_path / "open")]
    trainings = [each.pop("train") for each in sections]
    assert sections[0] == sections[1]
    for key in ("steps", "learning_rate", "autoencoder"):
        assert trainings[0].pop(key) != trainings[1].pop(key)
    assert trainings[0] == trainings[1]


def test_each_set_of_the_checkpoint_is_looked_for_in_its_folder():
    parts = open_recipe(Path("/data")).source.parts
    assert {str(part.path) for part in parts.values()} == {
        f"/data/{name}"
        for name in (
            "cxr_montgomery",
            "us_busi",
            "us_hc18",
            "nuclei_dsb2018",
            "mri_chaos_t2",
            "mri_hippocampus",
        )
    }


def test_what_an_adapted_generator_must_not_have_seen_is_left_out():
    recipe = open_recipe(Path("/data"), "name=open-four", without=WITHHELD)
    assert recipe.name == "open-four"
    assert set(recipe.source.parts) == {"chest", "breast", "abdomen", "hippocampus"}


def test_of_many_slices_some_are_judged_from_the_first_to_the_last():
    domain = load_vocabulary().domains["chest-xray-lungs"]
    count = 3 * MOST_REAL
    images = np.arange(count, dtype=np.uint16).view(np.uint8).reshape(count, 1, 2, 1)
    facets = pd.DataFrame({"domain": [domain.name] * count})
    pairs = PairBatch.of(images, np.zeros((count, 1, 2), np.uint8), facets)
    taken = some(pairs, domain).images.reshape(-1).view(np.uint16)
    assert len(taken) == MOST_REAL
    assert (taken[0], taken[-1]) == (0, count - 1)
