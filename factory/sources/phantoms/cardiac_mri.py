"""Short-axis cine MRI of the heart: both ventricles and the left ventricle's wall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from factory.sources.canvas.scene import Phantom, Scene, Shown
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

# Finding -> range of the cavity's radius and of the wall's thickness at the end of diastole.
SHAPE = {
    "normal": ((0.17, 0.23), (0.075, 0.1)),
    "hypertrophic cardiomyopathy": ((0.12, 0.17), (0.14, 0.19)),
    "dilated cardiomyopathy": ((0.27, 0.33), (0.05, 0.07)),
}


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Bright blood, dark muscle, grey viscera, dark lung.

    Lengths are fractions of half the field of view. The left ventricle lies over the myocardium
    and that over the right ventricle, which becomes the crescent. A wall without a cavity is
    shown obliterated, as at the end of systole.
    """
    canvas = posed_canvas(size, rng, shift=0.12, turn=0.25, grow=0.1, zoom=1.25, warp=0.012)
    cavity, wall, right = _ventricles(canvas, rng, finding)
    image = _chest(canvas, rng)
    blood = rng.uniform(0.68, 0.82)
    muscle = rng.uniform(0.26, 0.36)
    regions = {}
    if "right ventricle" in shown:
        regions["right ventricle"] = right < 0
        rim = inside(right - np.float32(0.025), 0.02)
        image = blend(blend(image, muscle, rim), _flow(blood, canvas, rng), inside(right, 0.025))
    if "myocardium" in shown:
        regions["myocardium"] = wall < 0
        image = blend(image, muscle + 0.025 * smooth_noise(rng, size, 20), inside(wall, 0.02))
    if "left ventricle" in shown:
        regions["left ventricle"] = cavity < 0
        pool = blend(_flow(blood, canvas, rng), muscle + 0.05, _papillary(canvas, rng, cavity))
        image = blend(image, pool, inside(cavity, 0.025))
    return Scene(image, regions)


def _ventricles(
    canvas: Canvas, rng: np.random.Generator, finding: str
) -> tuple[Field, Field, Field]:
    """Levels of the left cavity, of all that the epicardium holds, and of the right ventricle."""
    radius, thick = (rng.uniform(*limits) for limits in SHAPE[finding])
    oval, tilt = rng.uniform(0.94, 1.06), rng.uniform(0, np.pi)
    centre = (0.12 + rng.normal(0, 0.02), rng.normal(0, 0.02))
    waves = ripple(rng, 0.03, 3)
    cavity = contour(
        canvas, centre, (radius * oval, radius / oval), tilt, waves + ripple(rng, 0.03, 3)
    )
    outer = radius + thick
    off = (centre[0] + rng.normal(0, 0.1) * thick, centre[1] + rng.normal(0, 0.1) * thick)
    wall = contour(canvas, off, (outer * oval, outer / oval), tilt, waves)
    reach = outer * rng.uniform(0.95, 1.2)
    place = (
        centre[0] - reach * rng.uniform(0.72, 0.85),
        centre[1] + outer * rng.uniform(-0.1, 0.3),
    )
    right = contour(
        canvas, place, (reach * 0.86, reach * rng.uniform(0.95, 1.2)), 0.15, ripple(rng, 0.07)
    )
    return cavity, wall, np.maximum(right, np.float32(0.02) - wall)


def _flow(blood: float, canvas: Canvas, rng: np.random.Generator) -> Field:
    return np.float32(blood) + np.float32(0.05) * smooth_noise(rng, canvas.size, 7)


def _papillary(canvas: Canvas, rng: np.random.Generator, cavity: Field) -> Field:
    """Papillary muscles: dark, within the cavity, counted as cavity by the usual convention."""
    depth = -float(cavity.min())
    row, column = np.unravel_index(int(cavity.argmin()), cavity.shape)
    x, y = float(canvas.x[row, column]), float(canvas.y[row, column])
    cover = np.zeros_like(cavity)
    for angle in (rng.uniform(0.4, 1.2), rng.uniform(-1.8, -0.9)):
        away = depth * rng.uniform(0.55, 0.75)
        at = (x + away * float(np.cos(angle)), y + away * float(np.sin(angle)))
        size = depth * rng.uniform(0.14, 0.24)
        cover += inside(contour(canvas, at, (size, size * 0.8), angle), 0.03)
    return np.clip(cover, 0, 1) * np.float32(rng.uniform(0.5, 0.9))


def _chest(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Body wall with bright fat, dark lungs, liver, spine, aorta and mottled viscera."""
    size = canvas.size
    body = contour(
        canvas, (0, 0.05), (rng.uniform(1.05, 1.3), rng.uniform(0.82, 0.95)), 0, ripple(rng, 0.02)
    )
    image = blend(
        np.full_like(body, 0.03), 0.62 + 0.08 * smooth_noise(rng, size, 9), inside(body, 0.03)
    )
    muscle = 0.28 + 0.07 * fractal_noise(rng, size, 8)
    image = blend(image, muscle, inside(body + np.float32(rng.uniform(0.1, 0.18)), 0.04))
    for x, wide in ((0.72, 0.34), (-0.62, 0.26)):
        lung = contour(canvas, (x, -0.05), (wide, rng.uniform(0.4, 0.55)), 0, ripple(rng, 0.12))
        image = blend(image, 0.07 + 0.03 * fractal_noise(rng, size, 12), inside(lung, 0.05))
    liver = contour(canvas, (-0.55, rng.uniform(0.45, 0.6)), (0.5, 0.28), 0.4, ripple(rng, 0.06))
    image = blend(image, 0.36 + 0.05 * fractal_noise(rng, size, 16), inside(liver, 0.04))
    fat = contour(canvas, (0.05, 0.03), (0.52, 0.46), 0.2, ripple(rng, 0.1))
    image = blend(image, 0.5 + 0.12 * fractal_noise(rng, size, 6), 0.8 * inside(fat, 0.12))
    spine = contour(canvas, (-0.12, 0.72), (0.17, 0.14), 0, ripple(rng, 0.05))
    image = blend(image, 0.4 + 0.06 * fractal_noise(rng, size, 16), inside(spine, 0.04))
    aorta = contour(canvas, (0.15, rng.uniform(0.58, 0.66)), (0.075, 0.075))
    return blend(image, rng.uniform(0.65, 0.8), inside(aorta, 0.03))


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Coil sensitivity, a truncated k-space with complex noise, and the magnitude."""
    size = len(image)
    coil = np.exp(np.float32(0.16) * smooth_noise(rng, size, 2))
    space = fft.fft2(image * coil)
    keep = np.abs(fft.fftfreq(size)) <= rng.uniform(0.3, 0.42)
    noise = rng.standard_normal((2, size, size), dtype=np.float32) * np.float32(size)
    space += np.float32(rng.uniform(0.025, 0.06)) * (noise[0] + 1j * noise[1])
    return np.abs(fft.ifft2(space * np.outer(keep, keep))).astype(np.float32)


PHANTOM = Phantom(anatomy, acquire, field_mm=260.0)
