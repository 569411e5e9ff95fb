from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from evaluation.metrics.pixels.bands import BAND_POWER, BANDS


def test_bands_of_real_images_are_as_real_and_blur_lowers_the_finest_most(phantoms, measured):
    made, train, held_out = phantoms("phantom-breast-us")
    real = measured(BAND_POWER, made, train, held_out)
    for band in BANDS:
        for name in (f"band_power_{band}", f"band_power_{band}_real"):
            assert real[name].value == pytest.approx(1, abs=0.4)
            assert real[name].low <= real[name].value <= real[name].high
    blurred = gaussian_filter(made.images.astype(float), (0, 1.5, 1.5, 0)).round()
    found = measured(BAND_POWER, replace(made, images=blurred.astype(np.uint8)), train, held_out)
    ratios = [
        found[f"band_power_{band}"].value / real[f"band_power_{band}"].value for band in BANDS
    ]
    # A Gaussian of s px leaves exp(-(2πsf)²) of the power at a frequency f.
    assert ratios == sorted(ratios, reverse=True)
    assert np.exp(-((2 * np.pi * 1.5 / 8) ** 2)) > ratios[2] > np.exp(-((2 * np.pi * 1.5 / 4) ** 2))


def test_only_the_band_of_a_wave_rises(phantoms, measured):
    made, train, held_out = phantoms("phantom-chest-xray")
    wave = 15 * np.sin(2 * np.pi * np.arange(made.images.shape[2]) / 12)
    images = (made.images + wave[None, None, :, None]).round().clip(0, 255).astype(np.uint8)
    real = measured(BAND_POWER, made, train, held_out)
    found = measured(BAND_POWER, replace(made, images=images), train, held_out)
    low, mid, high = (
        found[f"band_power_{band}"].value / real[f"band_power_{band}"].value for band in BANDS
    )
    assert mid > 1.3
    assert mid - 1 > 3 * max(abs(low - 1), abs(high - 1))
