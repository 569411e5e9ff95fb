from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import InputError
from factory.sources.duplicates import difference_hash, near_duplicates
from factory.sources.splits import assign, first_units, leaks

PATIENTS = st.lists(st.sampled_from([f"p{i}" for i in range(12)]), min_size=1, max_size=40)


def test_twenty_patients_are_split_14_3_3() -> None:
    units = [f"p{i}" for i in range(20)]
    assert Counter(assign(units, [""] * 20, seed=0)) == {"train": 14, "val": 3, "test": 3}


@pytest.mark.parametrize(("count", "held"), [(1, 0), (2, 0), (3, 1), (4, 1)])
def test_few_patients_are_all_trained_on_unless_each_split_can_have_one(
    count: int, held: int
) -> None:
    units = [f"p{i}" for i in range(count)]
    found = Counter(assign(units, [""] * count, seed=0))
    assert (found["train"], found["val"], found["test"]) == (count - 2 * held, held, held)


@given(PATIENTS, st.integers(0, 5))
def test_no_patient_is_split_and_order_does_not_matter(units: list[str], seed: int) -> None:
    found = dict(zip(units, assign(units, [""] * len(units), seed), strict=True))
    turned = units[::-1]
    assert [found[unit] for unit in turned] == assign(turned, [""] * len(units), seed)


def test_another_seed_chooses_others() -> None:
    units = [f"p{i}" for i in range(30)]
    assert assign(units, [""] * 30, 0) != assign(units, [""] * 30, 1)


def test_given_splits_are_kept_and_cover_the_patient() -> None:
    units = ["a", "a", "b", "c", "d", "e"]
    found = assign(units, ["", "test", "val", "", "", ""], seed=0)
    assert found[:3] == ["test", "test", "val"]
    assert sorted(found[3:]) == ["test", "train", "val"]


def test_near_duplicates_stay_together_even_over_three_patients() -> None:
    units = [f"p{i}" for i in range(10)]
    for seed in range(20):
        found = assign(units, [""] * 10, seed, alike=[(0, 1), (5, 1)])
        assert found[0] == found[1] == found[5]


def test_a_patient_in_two_splits_is_named() -> None:
    (line,) = leaks(["a", "a", "b"], ["train", "test", "test"])
    assert "patient 'a' is in train and test" in line


def test_patients_in_the_same_two_splits_are_one_line() -> None:
    units = [f"p{number}" for number in range(40)]
    (line,) = leaks([*units, *units], ["test"] * 40 + ["train"] * 40)
    assert line.startswith("patient 'p0', 'p1', 'p2' and 37 more, each, is in train and test: ")


@given(st.integers(1, 10), st.integers(0, 9))
def test_a_smaller_limit_is_part_of_a_larger_one(count: int, seed: int) -> None:
    units = [f"p{i}" for i in range(12)]
    small, large = first_units(units, count, seed), first_units(units, count + 2, seed)
    assert len(small) == count
    assert small < large


def test_a_limit_above_the_patients_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="asks for 3 of 2"):
        first_units(["a", "b", "a"], 3, seed=0)


def test_a_copy_that_was_resized_and_brightened_is_found_and_another_image_is_not() -> None:
    rows, columns = np.mgrid[0:96, 0:128] / 20.0
    image = np.sin(rows * columns) + np.cos(columns * 2)
    other = np.sin(rows * 3) + np.cos(columns * rows)
    hashes = np.stack([difference_hash(a) for a in (image, other, 5 + 3 * image[::2, ::2])])
    assert near_duplicates(hashes).tolist() == [[0, 2]]


def test_a_hash_of_colour_is_that_of_its_grey() -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 40))
    assert (difference_hash(image) == difference_hash(np.stack([image] * 3, -1))).all()


def test_no_images_have_no_duplicates() -> None:
    assert near_duplicates(np.empty((0, 8), np.uint64)).shape == (0, 2)
