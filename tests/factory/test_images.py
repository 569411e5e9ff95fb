import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from factory.images import (
    ImageSection,
    apply_window,
    fit_image,
    fit_mask,
    fit_scale,
    robust_window,
)

SECTION = ImageSection(size=32)


@pytest.mark.parametrize("size", [31, 24, 36], ids=str)
def test_a_size_the_models_cannot_take_is_refused(size: int) -> None:
    with pytest.raises(ValidationError):
        ImageSection(size=size)


def test_a_wide_image_is_padded_above_and_below_not_stretched() -> None:
    image = np.full((16, 64), 200, np.uint8)
    fitted = fit_image(image, SECTION)
    assert fitted.shape == (32, 32, 1)
    # 64 -> 32 halves it: 8 rows of picture, 12 rows of padding on each side.
    assert (fitted[12:20] == 200).all()
    assert not fitted[:12].any()
    assert not fitted[20:].any()
    assert fit_scale(16, 64, SECTION) == 0.5


def test_grey_and_colour_are_converted_both_ways() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    assert fit_image(red, SECTION)[0, 0, 0] == 76  # 0.299 * 255
    grey = np.full((32, 32, 1), 9, np.uint8)
    assert (fit_image(grey, ImageSection(size=32, channels=3)) == 9).all()


def test_image_and_mask_stay_aligned() -> None:
    mask = np.zeros((100, 60), np.uint8)
    mask[20:70, 10:40] = 1
    image = fit_image(mask * 255, SECTION)[..., 0] > 127
    assert (image == fit_mask(mask, SECTION).astype(bool)).mean() > 0.99


@given(st.integers(16, 90), st.integers(16, 90), st.integers(0, 2**31))
def test_fitting_a_mask_invents_no_class(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).choice([0, 3, 7], (height, width)).astype(np.uint8)
    fitted = fit_mask(mask, SECTION)
    assert fitted.shape == (32, 32)
    assert set(np.unique(fitted)) <= {0, 3, 7}


def test_shrinking_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (128, 64))
    assert abs(int(fit_image(stripes, SECTION).mean()) - 127) <= 1
    assert np.ptp(fit_image(stripes, SECTION)[4:-4, 4:-4]) <= 10


def test_the_window_ignores_outliers_and_maps_linearly() -> None:
    volume = np.arange(1001, dtype=np.float32)
    volume[-1] = 1e9
    low, high = robust_window(volume)
    assert (low, high) == pytest.approx((5, 995))
    assert apply_window(np.array([0.0, 5.0, 500.0, 995.0, 5000.0]), (low, high)).tolist() == [
        0,
        0,
        128,  # 495 / 990 * 255 = 127.5, and numpy rounds halves to even
        255,
        255,
    ]


def test_degenerate_volumes_have_a_window() -> None:
    assert robust_window(np.full((3, 3), 7.0)) == (7.0, 8.0)
    assert robust_window(np.full((3, 3), np.nan)) == (0.0, 1.0)
    sparse = np.zeros(10_000)
    sparse[0] = 4
    assert robust_window(sparse) == (0.0, 4.0)
    assert apply_window(np.array([np.nan, np.inf, -np.inf]), (0.0, 1.0)).tolist() == [0, 255, 0]


@pytest.mark.parametrize("value", [0.0, -7.0, 1e17, -1e30])
def test_a_constant_volume_of_any_size_has_a_window(value: float) -> None:
    low, high = robust_window(np.full((4, 4), value))
    assert low < high
    assert not apply_window(np.full((4, 4), value), (low, high)).any()


def test_a_deep_image_must_be_windowed_first() -> None:
    with pytest.raises(ValueError, match="apply_window"):
        fit_image(np.zeros((32, 32), np.int16), SECTION)  # type: ignore[arg-type]
