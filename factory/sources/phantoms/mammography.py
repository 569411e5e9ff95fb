"""Mammogram in the oblique view: one breast at the film's edge, with or without a mass."""

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
    draw_branches,
    fractal_noise,
    grow_trees,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)

CHEST = -1.15  # where the breast is widest, behind the film's edge; canvas units


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Fat, gland, ducts and pectoral muscle of the left or right breast on black film.

    Density varies from fatty to dense, so that brightness alone does not tell a mass. A mass is
    a dense body, smooth or spiculated. Without the class "breast" only the mass is there.
    """
    del finding  # "normal" and "mass" differ in what is shown
    canvas = posed_canvas(size, rng, shift=0.05, turn=0.05, grow=0.08, warp=0.02)
    side = np.float32(rng.choice([-1, 1]))
    # Chest wall at u = -1, nipple towards +1, whichever breast it is.
    view = Canvas(canvas.x * side, canvas.y, canvas.pose @ np.diag([float(side), 1.0, 1.0]))
    nipple = (rng.uniform(0.25, 0.7), rng.uniform(0.1, 0.3))
    breast = _outline(view, rng, nipple)
    image = np.zeros_like(breast)
    muscle = _pectoral(view, rng)
    regions = {}
    if "breast" in shown:
        tissue = _tissue(view, rng, breast, muscle, nipple)
        image = blend(image, tissue, inside(breast, 0.03))
        regions["breast"] = np.maximum(breast, -muscle) < 0
    if "mass" in shown:
        level, body = _mass(view, rng, breast, nipple)
        image = blend(image, rng.uniform(0.72, 0.92), body)
        regions["mass"] = level < 0
    return Scene(image, regions)


def _outline(view: Canvas, rng: np.random.Generator, nipple: tuple[float, float]) -> Field:
    """Breast from the chest wall to the nipple, which stands out a little."""
    centre = (CHEST, nipple[1])
    radii = (nipple[0] - centre[0], rng.uniform(0.76, 0.92))
    skin = contour(view, centre, radii, 0, ripple(rng, 0.012, 3))
    armpit = contour(view, (-1.2, -0.75), (rng.uniform(0.5, 0.75), 0.8), 0.3)
    bud = contour(view, nipple, (0.05, 0.06))
    return np.minimum.reduce([skin, armpit, bud])


def _tissue(
    view: Canvas,
    rng: np.random.Generator,
    breast: Field,
    muscle: Field,
    nipple: tuple[float, float],
) -> Field:
    """Fat that thins towards the skin, a cone of gland behind the nipple, ducts, muscle, skin."""
    size = view.size
    thick = np.clip(-breast / np.float32(0.35), 0, 1) ** np.float32(0.5)
    image = (np.float32(0.16) + np.float32(0.16) * thick) * (1 + 0.1 * fractal_noise(rng, size, 4))
    dense = rng.uniform(0.2, 1.0)
    cone = contour(view, (nipple[0] - 0.62, nipple[1] - 0.08), (0.56, 0.48), 0, ripple(rng, 0.12))
    clumps = fractal_noise(rng, size, 5, 4) + np.float32(2.6 * dense - 1.3)
    gland = inside(cone, 0.4) * np.clip(clumps * np.float32(0.5) + np.float32(0.4), 0, 1)
    image = blend(image, 0.66 + 0.06 * fractal_noise(rng, size, 14), np.float32(0.8) * gland)
    strands = gaussian_filter(_ducts(view, rng, nipple), size / 200, truncate=2)
    image = image + np.float32(rng.uniform(0.12, 0.22)) * strands
    image = blend(image, _muscle_tone(size, rng), inside(muscle, 0.05))
    rim = np.abs(breast + np.float32(0.012)) - np.float32(0.008)
    return blend(image, 0.42, inside(rim, 0.02))


def _ducts(view: Canvas, rng: np.random.Generator, nipple: tuple[float, float]) -> Field:
    trees = grow_trees(
        rng,
        np.array([nipple] * 5) - np.array([0.06, 0.0]),
        np.pi + np.linspace(-0.7, 0.7, 5) + rng.normal(0, 0.08, 5),
        length=0.36,
        width=0.013,
        generations=4,
        curl=0.2,
    )
    return draw_branches(view, trees)


def _pectoral(view: Canvas, rng: np.random.Generator) -> Field:
    """The muscle's wedge, from the upper corner at the chest wall downwards."""
    reach, slope = rng.uniform(-0.62, -0.42), rng.uniform(0.3, 0.45)
    return view.x - np.float32(reach) + np.float32(slope) * (view.y + np.float32(0.9))


def _muscle_tone(size: int, rng: np.random.Generator) -> Field:
    fibres = smooth_noise(rng, size, 20, rows=5)
    return np.float32(rng.uniform(0.6, 0.72)) + np.float32(0.03) * fibres


def _mass(
    view: Canvas, rng: np.random.Generator, breast: Field, nipple: tuple[float, float]
) -> tuple[Field, Field]:
    """Level and coverage of a mass within the breast, away from skin and muscle."""
    share, angle = rng.uniform(0.52, 0.74), rng.uniform(-0.6, 0.5)
    reach = share * (nipple[0] - CHEST)
    centre = (
        CHEST + reach * float(np.cos(angle)),
        nipple[1] + 0.84 * share * float(np.sin(angle)),
    )
    radius = rng.uniform(0.11, 0.2)
    spiculated = rng.random() < 0.5
    waves = ripple(rng, 0.13, 9) if spiculated else ripple(rng, 0.06, 3)
    radii = (radius, radius * rng.uniform(0.75, 1.1))
    level = contour(view, centre, radii, rng.uniform(0, np.pi), waves)
    level = np.maximum(level, breast + np.float32(0.03))
    body = inside(level, 0.04) * np.float32(rng.uniform(0.8, 0.95))
    if spiculated:
        headings = np.linspace(0, 2 * np.pi, 14, endpoint=False) + rng.normal(0, 0.15, 14)
        rays = grow_trees(
            rng, [centre] * 14, headings, length=radius * 2.1, width=0.016, generations=0, curl=0.08
        )
        # The rays lie outside what a radiologist outlines as the mass.
        body = np.maximum(body, np.float32(0.35) * draw_branches(view, rays) * inside(breast, 0.05))
    return level, body


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Film curve, detector blur, and quantum noise that grows with the signal."""
    film = gaussian_filter(image, rng.uniform(0.2, 0.45), truncate=3)
    film = np.clip(film * np.float32(rng.uniform(0.9, 1.1)), 0, 1) ** np.float32(
        rng.uniform(0.85, 1.15)
    )
    noise = np.float32(0.006) + np.float32(rng.uniform(0.015, 0.03)) * np.sqrt(film)
    return film + noise * white(rng, film)


PHANTOM = Phantom(anatomy, acquire, field_mm=200.0)
