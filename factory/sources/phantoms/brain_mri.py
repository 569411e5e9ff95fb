"""Axial FLAIR image of the head at the level of the lateral ventricles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown, white
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    Point,
    blend,
    contour,
    fractal_noise,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Scalp, skull, cortex, white matter, ventricles and a glioma.

    Fluid is dark in FLAIR, so the ventricles and sulci are; grey matter is a little brighter than
    white. A glioma is brighter than both, with an infiltrating edge and sometimes a dark core,
    and pushes the midline away. Without the class "brain" the skull holds fluid.
    """
    del finding  # "normal" and "glioma" differ in what is shown
    canvas = posed_canvas(size, rng, shift=0.05, turn=0.1, grow=0.06, zoom=1.04, warp=0.012)
    radii = rng.uniform(0.68, 0.76), rng.uniform(0.82, 0.9)
    head = contour(canvas, (0, 0), radii, 0, ripple(rng, 0.012, 3))
    brain = head + np.float32(rng.uniform(0.12, 0.16))
    tumor, centre = _tumor(canvas, rng, brain)
    pushed = _pushed(canvas, rng, centre) if "tumor" in shown else canvas
    ventricles = _ventricles(pushed, rng)
    image = _head(canvas, rng, head, brain)
    regions = {}
    if "brain" in shown:
        image = blend(image, _parenchyma(pushed, rng, brain, ventricles), inside(brain, 0.02))
        regions["brain"] = brain < 0
    if "ventricles" in shown:
        image = blend(image, 0.07, inside(ventricles, 0.025))
        regions["ventricles"] = ventricles < 0
    if "tumor" in shown:
        # Fluid in the ventricle is no part of the mass that bulges into it.
        level = np.maximum(tumor, np.float32(0.015) - ventricles)
        image = blend(image, _mass(canvas, rng, tumor), inside(level, 0.06))
        regions["tumor"] = level < 0
    return Scene(image, regions)


def _tumor(canvas: Canvas, rng: np.random.Generator, brain: Field) -> tuple[Field, Point]:
    side = float(rng.choice([-1, 1]))
    centre = (side * rng.uniform(0.24, 0.36), rng.uniform(-0.36, 0.38))
    radius = rng.uniform(0.15, 0.25)
    radii = (radius, radius * rng.uniform(1.0, 1.4))
    level = contour(canvas, centre, radii, rng.uniform(0, np.pi), ripple(rng, 0.14, 6))
    return np.maximum(level, brain + np.float32(0.04)), centre


def _pushed(canvas: Canvas, rng: np.random.Generator, centre: Point) -> Canvas:
    """The coordinates of what the mass displaces: everything near it moves over the midline."""
    x, y = np.float32(centre[0]), np.float32(centre[1])
    near = np.exp(-((canvas.x - x) ** 2 + (canvas.y - y) ** 2) / np.float32(0.2))
    far = np.float32(np.sign(x) * rng.uniform(0.04, 0.12)) * near
    return Canvas(canvas.x + far, canvas.y, canvas.pose)


def _ventricles(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Two lateral ventricles, each a bow whose horns lean outwards in front and behind."""
    wide, tall = rng.uniform(0.038, 0.075), rng.uniform(0.3, 0.38)
    near, lean = rng.uniform(0.05, 0.07), rng.uniform(0.5, 0.8)
    centre = np.float32(rng.uniform(-0.02, 0.06))
    sides = []
    for side in (-1, 1):
        along = (canvas.y - centre) / np.float32(tall)
        bow = np.float32(near + wide) + np.float32(lean) * (canvas.y - centre) ** 2
        # Plump horns, a slender waist, rounded ends.
        plump = np.float32(0.75) + np.float32(0.5) * np.clip(np.abs(along), 0, 1)
        girth = np.float32(wide) * plump * np.sqrt(np.clip(1 - along**4, 0, 1))
        edge = np.abs(canvas.x * side - bow) - girth * (
            1 + 0.12 * smooth_noise(rng, canvas.size, 6)
        )
        sides.append(np.maximum(edge, np.abs(canvas.y - centre) - np.float32(tall)))
    gap = np.float32(0.016) - np.abs(canvas.x)  # the septum keeps left and right apart
    return np.maximum(np.minimum(*sides), gap).astype(np.float32)


def _head(canvas: Canvas, rng: np.random.Generator, head: Field, brain: Field) -> Field:
    """Air, scalp with fat, a black skull with some marrow, and the fluid within."""
    size = canvas.size
    image = np.full_like(head, 0.02)
    image = blend(image, 0.6 + 0.1 * smooth_noise(rng, size, 8), inside(head, 0.02))
    image = blend(image, 0.05, inside(head + np.float32(0.05), 0.025))
    marrow = np.abs(head + np.float32(0.078)) - np.float32(0.008)
    image = blend(image, 0.3, inside(marrow, 0.02) * np.float32(rng.uniform(0.2, 0.9)))
    return blend(image, 0.14, inside(brain - np.float32(0.01), 0.02))


def _parenchyma(canvas: Canvas, rng: np.random.Generator, brain: Field, ventricles: Field) -> Field:
    """White matter, a folded cortex with sulci, deep nuclei, fissure and periventricular rim."""
    size = canvas.size
    grey, white_matter = rng.uniform(0.53, 0.6), rng.uniform(0.36, 0.42)
    # Sulci are where two fields cross zero: winding lines, deep at the rim and none in the middle.
    folds = np.minimum(np.abs(smooth_noise(rng, size, 9)), np.abs(smooth_noise(rng, size, 11)))
    rind = inside(np.float32(-0.17) - brain + np.float32(0.06) * smooth_noise(rng, size, 7), 0.12)
    outer = np.clip(1 + brain / np.float32(0.09), 0, 1)
    ribbon = np.maximum(inside(folds - np.float32(0.34), 0.3) * rind, outer)
    image = white_matter + np.float32(grey - white_matter) * ribbon
    image = blend(image, 0.16, inside(folds - np.float32(0.07), 0.14) * rind * np.float32(0.85))
    for side in (-1, 1):
        for place, radii in (((0.2, 0.02), (0.07, 0.13)), ((0.3, -0.06), (0.06, 0.16))):
            nucleus = contour(canvas, (side * place[0], place[1]), radii, side * 0.2)
            image = blend(image, grey, np.float32(0.8) * inside(nucleus, 0.04))
    away = np.clip(ventricles, 0, None) / np.float32(0.03)
    image = blend(image, 0.66, np.float32(rng.uniform(0.1, 0.6)) * np.exp(-away))
    fissure = np.abs(canvas.x) - np.float32(0.012)
    ends = inside(np.float32(0.34) - np.abs(canvas.y), 0.1)
    image = blend(image, 0.12, inside(fissure, 0.02) * ends)
    return image * (1 + np.float32(0.03) * fractal_noise(rng, size, 18, 2))


def _mass(canvas: Canvas, rng: np.random.Generator, level: Field) -> Field:
    size = canvas.size
    bright = rng.uniform(0.76, 0.92) + 0.08 * fractal_noise(rng, size, 7)
    core = (
        level + np.float32(rng.uniform(0.08, 0.13)) + np.float32(0.02) * smooth_noise(rng, size, 9)
    )
    return blend(bright, 0.42, inside(core, 0.08) * np.float32(rng.choice([0.0, 0.4, 0.8])))


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A surface coil's uneven sensitivity, slight blur, and the Rician noise of a magnitude."""
    coil = np.exp(np.float32(0.12) * smooth_noise(rng, len(image), 2))
    level = np.float32(rng.uniform(0.015, 0.035))
    film = gaussian_filter(image, rng.uniform(0.2, 0.5), truncate=3) * coil
    film *= np.float32(rng.uniform(0.85, 1.05))
    return np.hypot(film + level * white(rng, image), level * white(rng, image))


PHANTOM = Phantom(anatomy, acquire, field_mm=230.0)
