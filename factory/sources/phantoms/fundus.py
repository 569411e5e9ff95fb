"""Colour fundus photograph centred near the optic disc."""

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
)

CUP_TO_DISC = {"normal": (0.35, 0.52), "glaucoma": (0.66, 0.85)}  # ratio of diameters


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Retina, disc, cup, macula and the four vascular arcades.

    The cup lies in the disc and over it in the mask. Glaucoma shows a larger cup. Either eye
    may be shown; the macula is on the temporal side.
    """
    canvas = posed_canvas(size, rng, shift=0.05, turn=0.1, grow=0.08, warp=0.012)
    side = float(rng.choice([-1, 1]))
    centre = (-side * rng.uniform(0.05, 0.25), rng.normal(0, 0.04))
    disc, cup = _disc_and_cup(canvas, rng, centre, finding)
    image = _retina(canvas, rng, (centre[0] + side * 0.85, centre[1] + 0.08))
    regions = {}
    if "optic disc" in shown:
        regions["optic disc"] = disc < 0
        pale = np.array([0.98, rng.uniform(0.66, 0.78), rng.uniform(0.36, 0.5)], np.float32)
        image += (pale - image) * (rng.uniform(0.7, 0.9) * inside(disc, 0.05))[..., None]
    if "optic cup" in shown:
        regions["optic cup"] = cup < 0
        bright = np.array([1.0, rng.uniform(0.88, 0.95), rng.uniform(0.62, 0.78)], np.float32)
        image += (bright - image) * (rng.uniform(0.7, 0.9) * inside(cup, 0.06))[..., None]
    return Scene(_with_vessels(image, canvas, rng, centre, side).astype(np.float32), regions)


def _disc_and_cup(
    canvas: Canvas, rng: np.random.Generator, centre: tuple[float, float], finding: str
) -> tuple[Field, Field]:
    tall = rng.uniform(0.22, 0.31)
    wide = tall * rng.uniform(0.86, 0.98)
    waves = ripple(rng, 0.02, 3)
    disc = contour(canvas, centre, (wide, tall), rng.normal(0, 0.15), waves)
    ratio = rng.uniform(*CUP_TO_DISC[finding])
    slack = 0.4 * (1 - ratio) * wide
    off = (centre[0] + rng.uniform(-slack, slack), centre[1] + rng.uniform(-slack, slack))
    radii = (wide * ratio * rng.uniform(0.95, 1.05), tall * ratio)
    cup = contour(canvas, off, radii, rng.normal(0, 0.2), ripple(rng, 0.03, 3))
    return disc, np.maximum(cup, disc + np.float32(0.01))


def _retina(
    canvas: Canvas, rng: np.random.Generator, macula: tuple[float, float]
) -> NDArray[np.float32]:
    """Orange background with choroidal mottling and the dark macula."""
    size = canvas.size
    tone = np.array(
        [rng.uniform(0.6, 0.85), rng.uniform(0.26, 0.4), rng.uniform(0.08, 0.18)], np.float32
    )
    far = np.hypot(canvas.x - np.float32(macula[0]), canvas.y - np.float32(macula[1]))
    shade = 1 - np.float32(rng.uniform(0.3, 0.5)) * np.exp(-((far / np.float32(0.22)) ** 2))
    shade += np.float32(0.06) * fractal_noise(rng, size, 3) + np.float32(0.035) * fractal_noise(
        rng, size, 20, 2
    )
    return tone * shade[..., None]


def _with_vessels(
    image: NDArray[np.float32],
    canvas: Canvas,
    rng: np.random.Generator,
    centre: tuple[float, float],
    side: float,
) -> NDArray[np.float32]:
    """Arteries and wider, darker veins; both cross disc and cup."""
    up, towards = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1]) * side
    for width, dark in ((0.034, rng.uniform(0.5, 0.65)), (0.022, rng.uniform(0.3, 0.45))):
        headings = np.arctan2(up, towards * rng.uniform(0.2, 0.8, 4))
        trees = grow_trees(
            rng,
            np.asarray(centre) + rng.normal(0, 0.02, (4, 2)),
            headings,
            length=0.5,
            width=width,
            generations=4,
            curl=0.12,
            # The arcades arch away from the vertical: around the macula, or to the nasal side.
            bend=-0.7 * up * towards,
        )
        cover = gaussian_filter(draw_branches(canvas, trees), canvas.size / 300, truncate=2)
        blood = image * np.array([1 - dark * 0.4, 1 - dark, 1 - dark * 0.8], np.float32)
        image = image + (blood - image) * (np.float32(0.9) * cover)[..., None]
    return image


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Round field stop, uneven flash, slight defocus and sensor noise."""
    size = len(image)
    flat = flat_canvas(size)
    far = np.hypot(flat.x, flat.y)
    flash = np.hypot(
        flat.x - np.float32(rng.normal(0, 0.2)), flat.y - np.float32(rng.normal(0, 0.2))
    )
    stop = np.float32(rng.uniform(0.94, 1.05))
    light = (1.05 - np.float32(rng.uniform(0.15, 0.35)) * flash**2) * inside(far - stop, 4 / size)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(0.014)
    return image * light[..., None] + noise


PHANTOM = Phantom(anatomy, acquire, field_mm=8.0)
