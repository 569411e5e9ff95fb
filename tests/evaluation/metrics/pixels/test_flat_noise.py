from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from evaluation.fidelity.flat_noise import flat_noise
from evaluation.metrics.pixels.flat_noise import FLAT_NOISE


@pytest.mark.parametrize("domain", ["phantom-chest-xray", "phantom-brain-mri"])
def test_real_images_are_as_noisy_as_real_ones_and_more_or_less_noise_is_seen(
    domain, phantoms, measured
):
    made, train, held_out = phantoms(domain)
    clean = measured(FLAT_NOISE, made, train, held_out)
    assert clean["flat_noise"].value == pytest.approx(1, abs=0.25)
    assert clean["flat_noise_real"].value == pytest.approx(1, abs=0.25)
    noise = np.random.default_rng(0).normal(0, 12, made.images.shape)
    noisy = replace(made, images=(made.images + noise).round().clip(0, 255).astype(np.uint8))
    found = measured(FLAT_NOISE, noisy, train, held_out)
    assert found["flat_noise"].low > 1.5 * clean["flat_noise"].value
    # At 0 half of the noise is cut off; elsewhere variances add up.
    assert flat_noise(noisy.images).mean() < 1.1 * np.hypot(flat_noise(made.images).mean(), 12)
    smooth = gaussian_filter(made.images.astype(float), (0, 1, 1, 0)).round().astype(np.uint8)
    found = measured(FLAT_NOISE, replace(made, images=smooth), train, held_out)
    assert found["flat_noise"].high < clean["flat_noise"].value
