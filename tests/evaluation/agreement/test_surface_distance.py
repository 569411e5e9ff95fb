import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluation.agreement.surface_distance import compared, contour_distances, surfaces

MM = np.array([1.0, 1.0])


def hausdorff95(a, b, spacing_mm):
    return compared(a, b, spacing_mm, 1.0)[0]


def surface_dice(a, b, spacing_mm, tolerance_mm):
    return compared(a, b, spacing_mm, tolerance_mm)[1]


def square(top: int, left: int, side: int, size: int = 24) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def blob(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    top, left, side = rng.integers(1, 10), rng.integers(1, 10), rng.integers(3, 10)
    return square(top, left, side) | square(top + 2, left + 3, side)


def test_a_shifted_pixel_by_hand() -> None:
    a, b = square(3, 3, 1), square(3, 7, 1)
    assert hausdorff95(a, b, np.array([1.0, 0.5])) == 2.0  # four pixels of half a millimetre
    assert surface_dice(a, b, MM, 3.9) == 0.0
    assert surface_dice(a, b, MM, 4.0) == 1.0


def test_a_square_around_a_square_by_hand() -> None:
    outer, inner = square(4, 4, 7), square(5, 5, 5)
    from_inner, from_outer = contour_distances(inner, outer, MM)
    assert (from_inner == 1).all()
    assert len(from_outer) == 24
    assert sorted(set(from_outer.round(6))) == [1.0, pytest.approx(2**0.5, abs=1e-6)]
    # All 16 inner pixels and the 20 outer ones that are no corner lie within 1 mm.
    assert surface_dice(outer, inner, MM, 1.0) == pytest.approx(36 / 40)


def test_a_missed_structure_costs_the_diagonal() -> None:
    none, some = np.zeros((30, 40), bool), square(2, 2, 4, 40)[:30]
    for a, b in ((none, some), (some, none)):
        assert hausdorff95(a, b, MM) == 50.0
        assert surface_dice(a, b, MM, 2.0) == 0.0
    assert hausdorff95(none, none, MM) == 0.0
    assert surface_dice(none, none, MM, 2.0) == 1.0


@given(st.integers(0, 99), st.integers(0, 99))
def test_both_are_symmetric_and_bounded_and_zero_on_equals(one: int, other: int) -> None:
    a, b = blob(one), blob(other)
    assert hausdorff95(a, b, MM) == hausdorff95(b, a, MM)
    assert surface_dice(a, b, MM, 1.5) == pytest.approx(surface_dice(b, a, MM, 1.5))
    assert 0 <= surface_dice(a, b, MM, 1.5) <= 1
    assert hausdorff95(a, a, MM) == 0
    assert surface_dice(a, a, MM, 0.0) == 1


# MONAI calls a function of its own with an argument that it has deprecated.
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("seed", range(6))
def test_they_equal_monai_where_both_masks_show_something(seed: int) -> None:
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    a, b, spacing = blob(seed), blob(seed + 50), np.array([0.7, 1.3])
    x, y = (torch.from_numpy(mask)[None, None].float() for mask in (a, b))
    theirs = compute_hausdorff_distance(
        x, y, include_background=True, percentile=95, spacing=list(spacing)
    )
    assert hausdorff95(a, b, spacing) == pytest.approx(float(theirs), rel=1e-6)
    dice = compute_surface_dice(
        x, y, class_thresholds=[1.5], include_background=True, spacing=list(spacing)
    )
    assert surface_dice(a, b, spacing, 1.5) == pytest.approx(float(dice), abs=1e-6)


def test_tables_by_class_and_unknown_spacing() -> None:
    truth = np.stack([square(3, 3, 5), square(3, 3, 5)]).astype(np.uint8)
    ours = truth.copy()
    ours[0, 12:15, 12:15] = 2
    spacing = np.array([[1.0, 1.0], [np.nan, np.nan]])
    found = surfaces(ours, truth, 2, spacing, 1.0)
    np.testing.assert_array_equal(found.shown, [[True, False], [True, False]])
    np.testing.assert_allclose(found.nsd[0], [1.0, 0.0])
    assert found.hd95[0, 0] == 0
    assert found.hd95[0, 1] == pytest.approx(24 * 2**0.5)
    assert np.isnan(found.hd95[1]).all()
    assert np.isnan(found.nsd[1]).all()


def ball(seed, shape=(12, 24, 24)):
    rng = np.random.default_rng(seed)
    middle = np.array(shape) / 2 + rng.uniform(-2, 2, 3)
    at = np.moveaxis(np.indices(shape), 0, -1)
    radii = np.array([3.0, 7.0, 8.0]) + rng.uniform(-1, 1, 3)
    return (((at - middle) / radii) ** 2).sum(-1) < 1


@pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning")
@pytest.mark.parametrize("seed", range(3))
def test_volumes_are_compared_as_monai_does(seed):
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    a, b, spacing = ball(seed), ball(seed + 50), [5.0, 0.7, 1.3]
    x, y = (torch.from_numpy(mask)[None, None].float() for mask in (a, b))
    theirs = compute_hausdorff_distance(
        x, y, include_background=True, percentile=95, spacing=spacing
    )
    assert hausdorff95(a, b, np.array(spacing)) == pytest.approx(float(theirs), rel=1e-5)
    dice = compute_surface_dice(
        x, y, class_thresholds=[2.0], include_background=True, spacing=spacing
    )
    assert surface_dice(a, b, np.array(spacing), 2.0) == pytest.approx(float(dice), abs=1e-5)


def test_a_missed_volume_counts_its_diagonal():
    a = np.zeros((2, 3, 6), bool)
    b = a.copy()
    b[0, 0, 0] = True
    assert hausdorff95(a, b, np.array([1.0, 1.0, 1.0])) == pytest.approx(7)  # of 2 x 3 x 6
