"""FDG-PET of head and trunk: a coronal maximum-intensity projection in inverted grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown, white
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    Point,
    contour,
    fractal_noise,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)

ORGANS = ("brain", "heart", "bladder")


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Uptake of glucose, dark where it is high, as nuclear physicians read it.

    Brain and bladder are always avid, the heart more or less; liver, kidneys, spleen and bowel
    show some. Metastases are small avid spots in the trunk, clear of what is avid anyway. The
    projection adds nothing up: each ray keeps the highest uptake that it meets.
    """
    del finding  # "normal" and "metastases" differ in what is shown
    canvas = posed_canvas(size, rng, shift=0.04, turn=0.03, grow=0.05, warp=0.012)
    trunk, body = _body(canvas, rng)
    uptake = np.float32(rng.uniform(0.12, 0.2)) * inside(body, 0.06)
    uptake = uptake * (1 + np.float32(0.12) * fractal_noise(rng, size, 6))
    uptake = np.maximum(uptake, _viscera(canvas, rng))
    levels = _avid(canvas, rng)
    regions = {}
    for name in ORGANS:
        if name in shown:
            strength = rng.uniform(0.6, 0.95) if name == "heart" else rng.uniform(0.85, 1.1)
            texture = 1 + np.float32(0.06) * smooth_noise(rng, size, 16)
            hot = np.float32(strength) * texture * inside(levels[name], 0.04)
            uptake = np.maximum(uptake, hot)
            regions[name] = levels[name] < 0
    if "metastasis" in shown:
        level = _metastases(canvas, rng, trunk, levels)
        uptake = np.maximum(uptake, np.float32(rng.uniform(0.8, 1.1)) * inside(level, 0.035))
        regions["metastasis"] = level < 0
    return Scene((1 - uptake).astype(np.float32), regions)


def _body(canvas: Canvas, rng: np.random.Generator) -> tuple[Field, Field]:
    """Levels of the trunk and of the whole outline with head, neck and thighs."""
    wide = rng.uniform(0.38, 0.46)
    trunk = contour(canvas, (0, 0.12), (wide, 0.62), 0, ripple(rng, 0.02, 4))
    shoulders = contour(canvas, (0, -0.36), (wide * 1.12, 0.16))
    head = contour(canvas, (0, -0.76), (0.15, 0.2))
    neck = np.maximum(np.abs(canvas.x) - np.float32(0.1), np.abs(canvas.y + 0.52) - np.float32(0.1))
    radii = (wide * 0.46, 0.45)
    thighs = [contour(canvas, (side * wide * 0.5, 0.85), radii) for side in (-1, 1)]
    return np.minimum(trunk, shoulders), np.minimum.reduce([trunk, shoulders, head, neck, *thighs])


def _viscera(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Moderate uptake that is never labelled: liver, spleen, kidneys, marrow of the spine, bowel."""
    size = canvas.size
    spine = np.maximum(
        np.abs(canvas.x) - np.float32(0.035), np.abs(canvas.y - 0.05) - np.float32(0.55)
    )
    uptake = np.float32(rng.uniform(0.2, 0.32)) * inside(spine, 0.04)
    liver = contour(canvas, (-0.2, 0.02), (0.17, 0.11), 0.35, ripple(rng, 0.06))
    spleen = contour(canvas, (0.26, 0.06), (0.06, 0.09), 0.3, ripple(rng, 0.06))
    for level, low, high in ((liver, 0.3, 0.42), (spleen, 0.26, 0.36)):
        uptake = np.maximum(uptake, np.float32(rng.uniform(low, high)) * inside(level, 0.04))
    for side in (-1, 1):
        kidney = contour(canvas, (side * 0.19, 0.22), (0.045, 0.08), side * -0.2, ripple(rng, 0.06))
        uptake = np.maximum(uptake, np.float32(rng.uniform(0.35, 0.6)) * inside(kidney, 0.05))
    belly = contour(canvas, (0, 0.38), (0.3, 0.2))
    loops = np.float32(0.1) * (np.abs(smooth_noise(rng, size, 10)) - np.float32(0.25))
    bowel = inside(loops, 0.05) * inside(belly, 0.1)
    return np.maximum(uptake, np.float32(rng.uniform(0.22, 0.45)) * bowel)


def _avid(canvas: Canvas, rng: np.random.Generator) -> dict[str, Field]:
    """Levels of what takes up most glucose in everyone; the heart is a ring open to its base."""
    brain = contour(canvas, (0, -0.79), (0.12, rng.uniform(0.12, 0.14)), 0, ripple(rng, 0.03, 3))
    at = (rng.uniform(0.1, 0.14), rng.uniform(-0.2, -0.14))
    outer = contour(canvas, at, (rng.uniform(0.1, 0.12), 0.09), 0.5, ripple(rng, 0.05, 3))
    heart = np.maximum(outer, np.float32(-0.055) - outer)
    radius = rng.uniform(0.08, 0.105)
    bladder = contour(
        canvas, (rng.normal(0, 0.01), 0.66), (radius, radius * 0.85), 0, ripple(rng, 0.05)
    )
    return {"brain": brain, "heart": heart, "bladder": bladder}


def _metastases(
    canvas: Canvas, rng: np.random.Generator, trunk: Field, avid: dict[str, Field]
) -> Field:
    """Four to nine spots within the trunk; those that would touch a labelled organ are cut."""
    spots = [
        contour(canvas, place, (radius, radius * 0.9), 0, ripple(rng, 0.12))
        for place, radius in _spots(rng)
    ]
    clear = np.float32(0.05) - np.minimum.reduce(list(avid.values()))
    return np.maximum.reduce([np.minimum.reduce(spots), clear, trunk + np.float32(0.03)])


def _spots(rng: np.random.Generator) -> list[tuple[Point, float]]:
    count = int(rng.integers(4, 10))
    # Liver, lungs, nodes of the mediastinum and pelvis: where spread is common.
    homes = np.array([(-0.2, 0.02), (-0.24, -0.25), (0.25, -0.32), (-0.02, -0.2), (0.13, 0.48)])
    order = np.concatenate([rng.permutation(len(homes)), rng.integers(0, len(homes), 5)])[:count]
    places = homes[order] + rng.uniform(-0.08, 0.08, (count, 2))
    return [((float(x), float(y)), rng.uniform(0.035, 0.065)) for x, y in places]


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The scanner's coarse resolution, counting noise that grows with uptake, display window."""
    size = len(image)
    uptake = gaussian_filter(1 - image, size / 130, truncate=3)
    grain = gaussian_filter(white(rng, image), max(0.4, size / 160), truncate=3)
    grain /= grain.std()
    level = np.float32(rng.uniform(0.03, 0.07))
    uptake = uptake + level * np.sqrt(np.clip(uptake, 0.02, None)) * grain
    return 1 - uptake * np.float32(rng.uniform(0.9, 1.1))


PHANTOM = Phantom(anatomy, acquire, field_mm=900.0)
