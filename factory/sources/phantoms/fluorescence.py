"""Cultured cells under the fluorescence microscope, their DNA stained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown, white
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    blend,
    contour,
    fractal_noise,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)

GRID = 6  # sites of nuclei per row and column; the outer ones lie partly off the picture
PITCH = 0.4


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Brightness of the stain: nuclei with nucleoli, and condensed chromosomes of dividing cells.

    Interphase nuclei are large, smooth and of middling brightness. Mitotic ones are small and
    bright, with a ragged edge: a plate, two parting plates, or a clump. Nuclei keep apart, as in
    a culture that is not yet confluent.
    """
    del finding  # "normal" and "mitosis" differ in what is shown
    canvas = posed_canvas(size, rng, shift=0.15, turn=3.0, grow=0.15, zoom=1.0, warp=0.02)
    image = _haze(canvas, rng)
    dividing, resting = _sites(rng)
    regions = {}
    if "nucleus" in shown:
        level = np.full_like(image, 1)
        for place in resting:
            one = _nucleus(canvas, rng, place)
            image = blend(image, _chromatin(canvas, rng), inside(one, 0.02))
            level = np.minimum(level, one)
        regions["nucleus"] = level < 0
    if "mitotic nucleus" in shown:
        level = np.full_like(image, 1)
        for place in dividing:
            level = np.minimum(level, _mitosis(canvas, rng, place))
        glow = rng.uniform(0.85, 1.0) + 0.06 * smooth_noise(rng, size, 30)
        image = blend(image, glow, inside(level, 0.025))
        regions["mitotic nucleus"] = level < 0
    return Scene(image, regions)


def _sites(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of dividing cells, all well inside the picture, and of the others."""
    grid = (np.indices((GRID, GRID)).reshape(2, -1).T - (GRID - 1) / 2) * PITCH
    places = grid + rng.uniform(-0.07, 0.07, grid.shape)
    inner = np.flatnonzero((np.abs(grid) < 0.7).all(axis=1))
    dividing = rng.choice(inner, int(rng.integers(3, 6)), replace=False)
    others = np.setdiff1d(np.arange(len(grid)), dividing)
    return places[dividing], places[others[rng.random(len(others)) < rng.uniform(0.55, 0.95)]]


def _nucleus(canvas: Canvas, rng: np.random.Generator, place: NDArray[np.float64]) -> Field:
    long = rng.uniform(0.11, 0.155)
    radii = (long, long * rng.uniform(0.68, 1.0))
    at = (float(place[0]), float(place[1]))
    return contour(canvas, at, radii, rng.uniform(0, np.pi), ripple(rng, 0.035, 3))


def _chromatin(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Texture of one nucleus, with a few dark nucleoli; cells differ in their content of DNA."""
    size = canvas.size
    nucleoli = np.clip(smooth_noise(rng, size, 18) - np.float32(1.0), 0, 1)
    tone = np.float32(rng.uniform(0.3, 0.62))
    return tone * (1 + np.float32(0.1) * smooth_noise(rng, size, 26) - np.float32(0.4) * nucleoli)


def _mitosis(canvas: Canvas, rng: np.random.Generator, place: NDArray[np.float64]) -> Field:
    """A plate seen from its edge, two that part, or a clump of condensed chromosomes."""
    angle = rng.uniform(0, np.pi)
    across = np.array([-np.sin(angle), np.cos(angle)])
    stage = int(rng.integers(3))
    if stage == 2:
        radii, offsets = (rng.uniform(0.075, 0.095), rng.uniform(0.07, 0.085)), [0.0]
    else:
        radii = (rng.uniform(0.1, 0.125), rng.uniform(0.036, 0.045))
        apart = rng.uniform(0.07, 0.1)
        offsets = [0.0] if stage == 0 else [-apart, apart]
    parts = []
    for offset in offsets:
        x, y = place + across * offset
        parts.append(contour(canvas, (float(x), float(y)), radii, angle, ripple(rng, 0.1, 8)))
    return np.minimum.reduce(parts)


def _haze(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Uneven background, and nuclei above or below the focus: glows that are never labelled."""
    size = canvas.size
    haze = np.float32(rng.uniform(0.04, 0.09)) * (1 + 0.3 * fractal_noise(rng, size, 2))
    for _ in range(4):
        x, y = rng.uniform(-1, 1, 2)
        away = np.hypot(canvas.x - np.float32(x), canvas.y - np.float32(y)) / np.float32(0.16)
        haze = haze + np.float32(rng.uniform(0.02, 0.08)) * np.exp(-(away**2))
    return haze


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Halo of light from outside the focal plane, uneven excitation, and photon noise."""
    size = len(image)
    halo = gaussian_filter(image, size / 28, truncate=2.5)
    film = gaussian_filter(image, rng.uniform(0.2, 0.5), truncate=3) + np.float32(0.12) * halo
    film *= 1 + np.float32(0.08) * smooth_noise(rng, size, 1)
    film *= np.float32(rng.uniform(0.8, 1.05))
    noise = np.float32(rng.uniform(0.02, 0.05)) * np.sqrt(np.clip(film, 0, None)) + np.float32(
        0.008
    )
    return film + noise * white(rng, film)


PHANTOM = Phantom(anatomy, acquire, field_mm=0.09)
