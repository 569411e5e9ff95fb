import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.agreement.plausibility import TRAITS, Anatomy, Range, plausible


def square(row, column, side=8, size=32, index=1):
    mask = np.zeros((size, size), np.uint8)
    mask[row : row + side, column : column + side] = index
    return mask


REAL = np.stack([square(10, 10), square(12, 12), square(11, 9, side=9)])


def test_traits_by_hand():
    # 8 x 8 of 32 x 32 pixels is 1/16; centre row 10 + 4 of 32.
    found = Anatomy.of(square(10, 20)[None], 1).traits[0, 0]
    assert found.tolist() == pytest.approx([1 / 16, 14 / 32, 24 / 32, 1])


def test_pieces_are_counted_without_specks():
    mask = square(2, 2) | square(20, 20)
    mask[30, 2] = 1  # 1 of 1024 pixels: below the thousandth that makes a piece? no: 0.00098
    assert Anatomy.of(mask[None], 1).traits[0, 0, 3] == 2


@pytest.mark.parametrize(
    ("mask", "trait"),
    [
        (square(11, 11), None),
        (square(11, 11, side=14), "area"),
        (square(22, 11), "row"),
        (square(11, 22), "column"),
        (square(8, 8, side=6) | square(15, 15, side=6), "pieces"),
        (np.zeros((32, 32), np.uint8), None),
    ],
)
def test_a_breach_is_of_the_trait_that_leaves_the_range(mask, trait):
    breaches = Range.of(Anatomy.of(REAL, 1)).breaches(Anatomy.of(mask[None], 1))
    broken = [name for name, breach in zip(TRAITS, breaches[0, 0], strict=False) if breach]
    assert broken[:1] == ([trait] if trait else [])
    assert plausible(mask[None], REAL, 1).tolist() == [trait is None]


def test_classes_that_never_touch_must_not():
    apart = square(4, 4) | square(4, 20, index=2)
    side_by_side = square(4, 4) | square(4, 12, index=2)
    near = square(4, 4) | square(4, 14, index=2)
    real = np.stack([apart, near])
    assert plausible(apart[None], real, 2).all()
    broken = Range.of(Anatomy.of(real, 2)).breaches(Anatomy.of(side_by_side[None], 2))
    assert broken[0, :, 4].all()


def test_a_class_that_no_real_mask_shows_is_implausible():
    assert not plausible(square(10, 10, index=2)[None], REAL, 2).any()


def test_nothing_real_is_refused():
    with pytest.raises(ValueError, match="no real mask"):
        plausible(REAL, REAL[:0], 1)


@given(st.integers(0, 2), st.integers(0, 1000))
def test_real_masks_are_plausible_among_themselves_in_any_order(row, seed):
    order = np.random.default_rng(seed).permutation(3)
    assert plausible(REAL[row][None], REAL[order], 1).all()
