"""Echocardiogram in the apical four-chamber view, within the probe's sector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from factory.sources.canvas.scene import Phantom, Scene, Shown
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    blend,
    contour,
    flat_canvas,
    fractal_noise,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)

PROBE = (0.0, -1.02)  # where the beams start, canvas units
OUTSIDE = -9.0  # so far below black that no speckle shows outside the sector
# Finding -> range of the cavity's half width, of its half length and of the wall's thickness.
SHAPE = {
    "normal": ((0.17, 0.22), (0.5, 0.58), (0.1, 0.13)),
    "dilated cardiomyopathy": ((0.29, 0.35), (0.52, 0.58), (0.065, 0.085)),
}


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Echogenicity of the four chambers seen from the apex; the left heart is on the right.

    The ventricle lies over the myocardium, which is open towards the atrium at the mitral
    valve. In dilated cardiomyopathy the cavity is wide and round and its wall thin. The right
    heart looks alike and is never labelled.
    """
    canvas = posed_canvas(size, rng, shift=0.05, turn=0.1, grow=0.06, warp=0.015)
    sector = _sector(size, rng)
    cavity, wall, atrium = _left_heart(canvas, rng, finding)
    image = _surroundings(canvas, rng)
    levels = {"myocardium": wall, "left ventricle": cavity, "left atrium": atrium}
    tones = {
        "myocardium": 0.5 + 0.06 * fractal_noise(rng, size, 14),
        "left ventricle": _blood(canvas, rng),
        "left atrium": _blood(canvas, rng),
    }
    regions = {}
    for name, level in levels.items():
        if name in shown:
            image = blend(image, tones[name], inside(level, 0.03))
            regions[name] = (level < 0) & (sector < 0)
    if "left ventricle" in shown and "left atrium" in shown:
        image = blend(image, 0.8, _valve(canvas, rng, cavity, atrium))
    return Scene(blend(image, OUTSIDE, 1 - inside(sector, 0.01)), regions)


def _sector(size: int, rng: np.random.Generator) -> Field:
    """Level of the fan that the probe sees; it belongs to the screen and not to the heart."""
    flat = flat_canvas(size)
    x, y = flat.x - np.float32(PROBE[0]), flat.y - np.float32(PROBE[1])
    far = np.hypot(x, y)
    edge = np.abs(np.arctan2(x, y)) - np.float32(rng.uniform(0.68, 0.8))
    return np.maximum.reduce([edge * far, far - np.float32(1.98), np.float32(0.06) - far])


def _left_heart(canvas: Canvas, rng: np.random.Generator, finding: str) -> tuple[Field, ...]:
    """Levels of the ventricle's cavity, of all within its epicardium, and of the atrium."""
    wide, long, thick = (rng.uniform(*limits) for limits in SHAPE[finding])
    x, apex = 0.13 - 0.25 * (wide - 0.2), rng.uniform(-0.64, -0.54)
    centre, lean = (x, apex + long), rng.normal(-0.04, 0.04)
    mitral = canvas.y - np.float32(apex + 1.5 * long)
    waves = ripple(rng, 0.03, 3)
    cavity = contour(canvas, centre, (wide, long), lean, waves + ripple(rng, 0.025, 3))
    wall = contour(canvas, centre, (wide + thick, long + thick), lean, waves)
    radii = (rng.uniform(0.2, 0.25), rng.uniform(0.2, 0.26))
    place = (x + 0.02, apex + 1.5 * long + radii[1] * 0.86)
    atrium = contour(canvas, place, radii, 0, ripple(rng, 0.05))
    roof = np.float32(0.015) - mitral
    return np.maximum(cavity, mitral), np.maximum(wall, mitral), np.maximum(atrium, roof)


def _surroundings(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Tissue around the heart, bright pericardium, and the right heart with its own wall."""
    size = canvas.size
    image = 0.24 + 0.08 * fractal_noise(rng, size, 6)
    sac = contour(canvas, (0.0, 0.12), (rng.uniform(0.56, 0.66), 0.9), 0, ripple(rng, 0.03, 3))
    image = blend(image, 0.38 + 0.07 * fractal_noise(rng, size, 12), inside(sac, 0.04))
    image = blend(image, 0.72, inside(np.abs(sac) - np.float32(0.015), 0.04) * np.float32(0.8))
    x = rng.uniform(-0.36, -0.3)
    ventricle = contour(canvas, (x, -0.02), (0.13, 0.36), 0.12, ripple(rng, 0.06))
    atrium = contour(canvas, (x + 0.02, 0.58), (0.19, 0.19), 0, ripple(rng, 0.06))
    chambers = np.minimum(ventricle, atrium)
    image = blend(image, 0.1, inside(chambers, 0.04))
    ring = np.abs(canvas.y - np.float32(0.37)) - np.float32(0.015)
    return blend(image, 0.62, inside(np.maximum(ring, ventricle - np.float32(0.03)), 0.03))


def _blood(canvas: Canvas, rng: np.random.Generator) -> Field:
    return np.float32(rng.uniform(0.04, 0.12)) + np.float32(0.03) * smooth_noise(
        rng, canvas.size, 5
    )


def _valve(canvas: Canvas, rng: np.random.Generator, cavity: Field, atrium: Field) -> Field:
    """Two thin leaflets at the opening between the chambers, ajar by some angle."""
    between = np.maximum(cavity, atrium)
    row, column = divmod(int(between.argmin()), canvas.size)
    dx = canvas.x - canvas.x[row, column]
    dy = canvas.y - canvas.y[row, column]
    tent = dy - np.float32(rng.uniform(-0.3, 0.5)) * (np.abs(dx) - np.float32(0.08))
    strip = np.maximum(np.abs(tent) - np.float32(0.012), np.abs(dx) - np.float32(0.17))
    return inside(strip, 0.02)


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Speckle along the beams, wider with depth; uneven gain, attenuation and dropout."""
    flat = flat_canvas(len(image))
    x, y = flat.x - np.float32(PROBE[0]), flat.y - np.float32(PROBE[1])
    depth, angle = np.hypot(x, y), np.arctan2(x, y)
    beams = smooth_noise(rng, 64, 9)[0]
    gain = np.interp(angle, np.linspace(-0.85, 0.85, 64), beams).astype(np.float32)
    speckle = _speckle(rng, depth, angle) / np.float32(rng.uniform(50, 70))
    film = image + speckle * (np.float32(0.5) + np.clip(image, 0, 1))
    film += np.float32(0.04) * gain - np.float32(rng.uniform(0.02, 0.09)) * depth
    return film * np.float32(rng.uniform(0.9, 1.15))


def _speckle(rng: np.random.Generator, depth: Field, angle: Field) -> Field:
    """Decibels of fully developed speckle whose cells are even in depth and angle."""
    size = len(depth)
    rows, beams = size, max(size // 2, 32)
    field = [
        gaussian_filter(rng.standard_normal((rows, beams), dtype=np.float32), (0.6, 0.9))
        for _ in range(2)
    ]
    power = field[0] ** 2 + field[1] ** 2
    decibels = 10 * np.log10(power / power.mean() + np.float32(0.03))
    at = np.stack([depth / 2.1 * (rows - 1), (angle + 0.85) / 1.7 * (beams - 1)])
    return map_coordinates(decibels, at, order=1, mode="nearest").astype(np.float32)


PHANTOM = Phantom(anatomy, acquire, field_mm=160.0)
