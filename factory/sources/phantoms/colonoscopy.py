"""Colonoscopy frame in colour, with or without a polyp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    contour,
    draw_branches,
    flat_canvas,
    fractal_noise,
    grow_trees,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """A lit relief: the tube's folds and the polyp's dome, seen by a lamp beside the lens.

    The polyp differs from the wall in relief, texture and a little in colour; folds and
    highlights look alike on both.
    """
    del finding  # "polyp" and "normal" differ in what is shown
    canvas = posed_canvas(size, rng, shift=0.1, turn=3.0, grow=0.1, warp=0.03)
    hole = rng.uniform(-0.9, 0.9, 2)
    away = np.hypot(canvas.x - np.float32(hole[0]), canvas.y - np.float32(hole[1]))
    relief = _folds(canvas, rng, away) + np.float32(0.012) * fractal_noise(rng, size, 10)
    blush = np.float32(0.07) * fractal_noise(rng, size, 3)
    regions = {}
    if "polyp" in shown:
        level, radius = _polyp(canvas, rng)
        dome = np.clip(1 - (1 + level / np.float32(radius)) ** 2, 0, 1) ** np.float32(0.8)
        relief = (
            relief * (1 - 0.8 * inside(level, 0.05))
            + np.float32(radius * rng.uniform(0.5, 0.9)) * dome
        )
        relief += np.float32(0.01) * inside(level, 0.05) * smooth_noise(rng, size, 24)
        blush = blush + np.float32(rng.uniform(-0.02, 0.16)) * inside(level, 0.06)
        # It stands out into the light even where the lumen behind it is dark.
        away = np.maximum(away, np.float32(0.6) * inside(level, 0.06))
        regions["polyp"] = level < 0
    return Scene(_lit(canvas, rng, relief, blush, away), regions)


def _folds(canvas: Canvas, rng: np.random.Generator, away: Field) -> Field:
    """Haustral folds: sharp crests around the lumen, closer together in the distance."""
    depth = np.log(away + np.float32(0.12)) * np.float32(rng.uniform(3.5, 6))
    bend = np.float32(0.9) * smooth_noise(rng, canvas.size, 3)
    wave = np.sin(depth + bend + np.float32(rng.uniform(0, 6)))
    crest = np.exp(-((wave / np.float32(rng.uniform(0.3, 0.6))) ** 2))
    return np.float32(rng.uniform(0.03, 0.07)) * crest * np.clip(away * 2, 0, 1)


def _polyp(canvas: Canvas, rng: np.random.Generator) -> tuple[Field, float]:
    radius = rng.uniform(0.16, 0.38)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.4)
    centre = (far * float(np.cos(angle)), far * float(np.sin(angle)))
    oval = rng.uniform(1.0, 1.35)
    level = contour(
        canvas, centre, (radius * oval, radius), rng.uniform(0, np.pi), ripple(rng, 0.07)
    )
    return level, radius


def _lit(
    canvas: Canvas, rng: np.random.Generator, relief: Field, blush: Field, away: Field
) -> NDArray[np.float32]:
    """Lambert shading and specular highlights, coloured, darkening into the lumen."""
    size = canvas.size
    slope_y, slope_x = (np.gradient(relief, np.float32(2 / size), axis=axis) for axis in (0, 1))
    steep = np.sqrt(1 + slope_x**2 + slope_y**2)
    lamp = rng.normal(0, 0.25, 2).astype(np.float32)
    facing = np.clip((1 - lamp[0] * slope_x - lamp[1] * slope_y) / steep, 0, None)
    light = np.float32(0.4) + np.float32(0.6) * facing
    tube = np.clip(away / np.float32(rng.uniform(0.5, 0.9)), 0, 1) ** np.float32(0.8)
    shade = light * (0.12 + 0.88 * tube) * np.float32(rng.uniform(0.85, 1.05))
    red = np.float32(0.88) + np.float32(0.2) * blush
    green = np.float32(rng.uniform(0.42, 0.56)) - np.float32(0.5) * blush
    blue = np.float32(rng.uniform(0.32, 0.44)) - np.float32(0.4) * blush
    veins = np.float32(rng.uniform(0.05, 0.14)) * _veins(canvas, rng)
    colour = np.stack([red - veins * 0.4, green - veins, blue - veins * 0.7], axis=-1)
    shine = _highlights(canvas, rng, slope_x, slope_y, lamp)
    return (colour * shade[..., None] + shine[..., None] * np.float32(0.9)).astype(np.float32)


def _veins(canvas: Canvas, rng: np.random.Generator) -> Field:
    trees = grow_trees(
        rng,
        rng.uniform(-0.9, 0.9, (3, 2)),
        rng.uniform(0, 2 * np.pi, 3),
        length=0.35,
        width=0.02,
        generations=4,
    )
    return gaussian_filter(draw_branches(canvas, trees), canvas.size / 200, truncate=2)


def _highlights(
    canvas: Canvas,
    rng: np.random.Generator,
    slope_x: Field,
    slope_y: Field,
    lamp: NDArray[np.float32],
) -> Field:
    """Wet spots that mirror the lamp: small, saturated, where the surface faces it."""
    facing = np.exp(-((slope_x + lamp[0]) ** 2 + (slope_y + lamp[1]) ** 2) * np.float32(12))
    wet = smooth_noise(rng, canvas.size, 16) + np.float32(0.8) * smooth_noise(rng, canvas.size, 30)
    return np.clip((wet * facing - np.float32(1.75)) * 3, 0, 1)


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Vignette, the scope's cut corners, white balance, and sensor noise."""
    size = len(image)
    flat = flat_canvas(size)
    far = flat.x**2 + flat.y**2
    frame = np.maximum(np.abs(flat.x) + np.abs(flat.y) - np.float32(rng.uniform(1.5, 1.7)), 0)
    dim = (1 - np.float32(rng.uniform(0.15, 0.35)) * far) * (frame < 1e-6)
    balance = rng.uniform(0.93, 1.07, 3).astype(np.float32)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(0.012)
    return np.clip(image * balance, 0, 1) * dim[..., None] + noise


PHANTOM = Phantom(anatomy, acquire, field_mm=40.0)
