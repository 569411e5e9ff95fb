"""Radial power spectra of images, and the sharpness read from them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from evaluation.pairs import Images
from evaluation.statistics.bootstrap import Estimate, Units, percentile, resampled_means

NYQUIST = 0.5  # cycles per pixel
UPPER_HALF = (NYQUIST / 2, NYQUIST)
CHUNK = 64  # images transformed at a time

# Rec. 601 luma: what a grey reader sees of a colour image.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(images: Images) -> NDArray[np.float32]:
    """(N, H, W) float32 brightness in [0, 255] of grey or RGB images (N, H, W, 1 or 3)."""
    if images.shape[-1] == 1:
        return images[..., 0].astype(np.float32)
    return images.astype(np.float32) @ LUMA


def band_power(images: NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean power of Hann-windowed, mean-removed images in rings of radial frequency.

    Args:
        images: (N, H, W), any unit u.
        edges: (B + 1,) increasing radial frequencies in cycles per pixel; ring b holds
            edges[b] < frequency <= edges[b + 1], so the corners beyond Nyquist are left out.

    Returns:
        (N, B) mean of |FFT|² over the ring, divided by the summed squared window, in u²: white
        noise of variance v has power v in every ring. Exactly 0 for a constant image.

    Raises:
        ValueError: if a ring holds no frequency of this image size.
    """
    rings, sizes = _rings(*images.shape[1:], tuple(edges))
    window = _window(*images.shape[1:])
    centred = (images - images.mean((1, 2), keepdims=True)) * window
    power = np.abs(fft.rfft2(centred, axes=(1, 2))) ** 2
    flat = power.reshape(len(images), -1).astype(np.float64)
    return (flat @ rings) / sizes / float((window.astype(np.float64) ** 2).sum())


def upper_power(images: Images) -> NDArray[np.float64]:
    """(N,) mean power in the upper half of the radial spectrum, 0.25 to 0.5 cycles per pixel."""
    edges = np.array(UPPER_HALF)
    starts = range(0, len(images), CHUNK)
    parts = [band_power(luminance(images[at : at + CHUNK]), edges)[:, 0] for at in starts]
    return np.concatenate(parts) if parts else np.zeros(0)


def sharpness(
    synthetic: NDArray[np.float64], real: NDArray[np.float64], units: Units | None, *, seed: int
) -> Estimate:
    """Mean upper power of synthetic images over that of real ones; 1 is as sharp as real.

    Below 1 the images are blurred, above it noisy or ringing.

    Args:
        synthetic: (N,) `upper_power` of the synthetic images.
        real: (M,) `upper_power` of real held-out images.
        units: (M,) patient of each real image.
        seed: of the bootstrap, which resamples synthetic images and real patients.

    Returns:
        A ratio, 0 or more, with n = N; NaN where either set is empty or the real ones have no
        power (all constant).
    """
    if not len(synthetic) or not len(real) or not real.mean() > 0:
        return Estimate(float("nan"), float("nan"), float("nan"), len(synthetic))
    value = synthetic.mean() / real.mean()
    if len(synthetic) < 2 or len(real if units is None else np.unique(units)) < 2:
        return Estimate(float(value), float("nan"), float("nan"), len(synthetic))
    above = resampled_means(synthetic, seed=seed)[:, 0]
    below = resampled_means(real, units, seed=seed + 1)[:, 0]
    return percentile(above[below > 0] / below[below > 0], value, len(synthetic))


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> NDArray[np.float32]:
    return np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)


@lru_cache(maxsize=8)
def _rings(
    height: int, width: int, edges: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(frequencies, B) membership over the half plane that rfft2 keeps, and each ring's size."""
    columns = fft.rfftfreq(width)
    radius = np.hypot(fft.fftfreq(height)[:, None], columns[None])
    # The dropped half plane mirrors the kept one: all columns but the first and Nyquist count twice.
    twice = np.where((columns > 0) & (columns < NYQUIST), 2.0, 1.0)
    weights = np.broadcast_to(twice, radius.shape).reshape(-1, 1)
    ring = np.digitize(radius.reshape(-1), edges, right=True) - 1
    rings = (ring[:, None] == np.arange(len(edges) - 1)) * weights
    if not rings.sum(0).all():
        raise ValueError(f"images of {height} x {width} px have no frequency in some of {edges}")
    return rings, rings.sum(0)
