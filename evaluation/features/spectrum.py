"""Radial power spectra of images, and the sharpness read from them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from evaluation.pairs import Images
from evaluation.statistics.bootstrap import Estimate, Units
from evaluation.statistics.ratio import mean_ratio

NYQUIST = 0.5  # cycles per pixel
UPPER_HALF = (NYQUIST / 2, NYQUIST)
OCTAVES = np.array([1, 2, 4, 8]) / 32  # edges of the three octaves below the upper half
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
    hann = window(*images.shape[1:])
    centred = (images - images.mean((1, 2), keepdims=True)) * hann
    power = np.abs(fft.rfft2(centred, axes=(1, 2))) ** 2
    flat = power.reshape(len(images), -1).astype(np.float64)
    return (flat @ rings) / sizes / float((hann.astype(np.float64) ** 2).sum())


def upper_power(images: Images) -> NDArray[np.float64]:
    """(N,) mean power in the upper half of the radial spectrum, 0.25 to 0.5 cycles per pixel."""
    return np.ascontiguousarray(_in_chunks(images, np.array(UPPER_HALF))[:, 0])


def octave_power(images: Images) -> NDArray[np.float64]:
    """(N, 3) mean power in three octaves of the radial spectrum, 1/32 to 1/4 cycles per pixel.

    With `upper_power`, the octave above them, they tell of details of 2 to 32 px.
    """
    return _in_chunks(images, OCTAVES)


def sharpness(
    synthetic: NDArray[np.float64],
    real: NDArray[np.float64],
    units: Units | None = None,
    real_units: Units | None = None,
    *,
    seed: int,
) -> Estimate:
    """Mean upper power of synthetic images over that of real ones; 1 is as sharp as real.

    Below 1 the images are blurred, above it noisy or ringing.

    Args:
        synthetic: (N,) `upper_power` of the synthetic images.
        real: (M,) `upper_power` of real held-out images.
        units: (N,) unit of each synthetic image, as its volume; None: each is its own.
        real_units: (M,) patient of each real image.
        seed: of the bootstrap, which resamples the units of both.

    Returns:
        A ratio, 0 or more, with n = N; NaN where either set is empty or the real ones have no
        power (all constant).
    """
    return mean_ratio(synthetic, real, units, real_units, seed=seed)


def _in_chunks(images: Images, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    starts = range(0, len(images), CHUNK)
    parts = [band_power(luminance(images[at : at + CHUNK]), edges) for at in starts]
    return np.concatenate(parts) if parts else np.zeros((0, len(edges) - 1))


@lru_cache(maxsize=8)
def window(height: int, width: int) -> NDArray[np.float32]:
    """(H, W) Hann window: an image fades out towards its borders, which leave no edges."""
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
