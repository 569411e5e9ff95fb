"""B-mode breast ultrasound with or without one lesion."""

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


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Echogenicity in decibels / 60: skin, fat lobules, gland, muscle, and the lesion.

    The probe is at the top. Benign: a smooth oval wider than tall, with enhancement behind it.
    Malignant: an irregular, spiculated mass, often taller than wide, with an echogenic halo and
    a shadow. Fat lobules are as dark as a lesion, so darkness alone does not tell.
    """
    canvas = posed_canvas(size, rng, shift=0.05, turn=0.03, grow=0.1, warp=0.03)
    image = _layers(canvas, rng)
    regions = {}
    if "lesion" in shown:
        malignant = finding == "malignant"
        level = _lesion(canvas, rng, malignant=malignant)
        image = _show_lesion(image, level, canvas, rng, malignant=malignant)
        regions["lesion"] = level < 0
    depth = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    return Scene(image - np.float32(rng.uniform(0.05, 0.25)) * depth, regions)


def _layers(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Skin, subcutaneous fat with lobules, striated gland, pectoral muscle, chest wall."""
    size = canvas.size
    bend = [np.float32(0.05) * smooth_noise(rng, size, 3) for _ in range(3)]
    stripes = smooth_noise(rng, size, 5, rows=22)
    image = 0.62 + 0.09 * stripes + 0.08 * fractal_noise(rng, size, 5)
    lobules = smooth_noise(rng, size, 5, rows=7) - np.float32(rng.uniform(0.7, 1.1))
    image = blend(image, 0.36, inside(-lobules * np.float32(0.1), 0.05))
    fat = canvas.y - np.float32(rng.uniform(-0.7, -0.45)) + bend[0]
    image = blend(image, 0.42 + 0.05 * stripes, inside(fat, 0.06))
    muscle = np.float32(rng.uniform(0.5, 0.75)) - canvas.y + bend[1]
    fibres = smooth_noise(rng, size, 4, rows=40)
    image = blend(image, 0.4 + 0.12 * fibres, inside(muscle, 0.05))
    fascia = np.abs(muscle) - np.float32(0.012)
    image = blend(image, 0.85, inside(fascia, 0.03) * np.float32(0.8))
    skin = canvas.y - np.float32(-0.88) + bend[2] * np.float32(0.3)
    return blend(image, 0.82, inside(skin, 0.03))


def _lesion(canvas: Canvas, rng: np.random.Generator, *, malignant: bool) -> Field:
    centre = (rng.uniform(-0.4, 0.4), rng.uniform(-0.25, 0.2))
    wide = rng.uniform(0.16, 0.38)
    if not malignant:
        radii = (wide, wide * rng.uniform(0.5, 0.72))
        return contour(canvas, centre, radii, rng.normal(0, 0.12), ripple(rng, 0.05, 3))
    radii = (wide, wide * rng.uniform(0.75, 1.15))
    waves = ripple(rng, 0.14, 9)
    return contour(canvas, centre, radii, rng.normal(0, 0.3), waves)


def _show_lesion(
    image: Field, level: Field, canvas: Canvas, rng: np.random.Generator, *, malignant: bool
) -> Field:
    size = canvas.size
    inner = rng.uniform(0.14, 0.26) + 0.14 * rng.beta(1, 2) + 0.05 * fractal_noise(rng, size, 8)
    if malignant:
        halo = inside(np.abs(level - np.float32(0.04)) - np.float32(0.03), 0.06)
        image = blend(image, 0.75, np.float32(0.5) * halo)
        spicules = 0.05 * smooth_noise(rng, size, 18)
        image = blend(
            image, inner, inside(level + spicules.astype(np.float32) * np.float32(0.4), 0.06)
        )
    else:
        image = blend(
            image, 0.72, inside(np.abs(level) - np.float32(0.008), 0.02) * np.float32(0.5)
        )
        image = blend(image, inner, inside(level + np.float32(0.01), 0.025))
    # What the beam has crossed above each point changes the echo from behind the lesion.
    path = np.cumsum(inside(level, 0.05), axis=0) * np.float32(2 / size)
    behind = np.clip(path / np.float32(0.25), 0, 1) * (1 - inside(level, 0.05))
    behind = gaussian_filter(behind, (0, size / 64), truncate=2)
    strength = -rng.uniform(0.15, 0.38) if malignant else rng.uniform(0.06, 0.18)
    return image + np.float32(strength) * behind


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Fully developed speckle (Rayleigh amplitude) under a depth-dependent point spread."""
    size = len(image)
    across, along = size * rng.uniform(0.007, 0.011), size * rng.uniform(0.003, 0.005)
    field = [gaussian_filter(white(rng, image), (along, across), truncate=2.5) for _ in range(2)]
    power = field[0] ** 2 + field[1] ** 2
    # Mean power 1, so that the speckle is independent of the point spread's size.
    decibels = 10 * np.log10(power / power.mean() + np.float32(0.02))
    shown = image + decibels / np.float32(rng.uniform(55, 75))
    return shown * np.float32(rng.uniform(0.85, 1.05)) + np.float32(rng.uniform(-0.05, 0.03))


PHANTOM = Phantom(anatomy, acquire, field_mm=40.0)
