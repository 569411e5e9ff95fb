"""Optical coherence tomography of the macula: the retina's layers, drusen and fluid."""

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

RPE = 0.055  # thickness of the pigment epithelium, canvas units
# Reflectivity down the two halves of the retina: (share of the depth, value).
INNER = ((0.0, 0.78), (0.16, 0.66), (0.26, 0.4), (0.45, 0.42), (0.6, 0.54), (0.78, 0.3), (1.0, 0.5))
OUTER = ((0.0, 0.5), (0.12, 0.2), (0.62, 0.24), (0.7, 0.36), (0.76, 0.3), (0.86, 0.62), (1.0, 0.4))


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Reflectivity along the beam, which comes from above: vitreous, retina, choroid.

    The inner retina thins out in the foveal pit. Drusen lift the pigment epithelium off its
    membrane; fluid opens dark cysts, thickens the retina and flattens the pit. A layer that is
    not shown leaves structureless grey. Depth is stretched, as on a clinical display; the
    spacing is that of the depth.
    """
    canvas = posed_canvas(size, rng, shift=0.04, turn=0.1, grow=0.05, warp=0.012)
    swollen = "fluid" in shown and finding == "macular edema"
    top, middle, base = _surfaces(canvas, rng, swollen=swollen)
    lift = _lift(canvas, rng) if "drusen" in shown else np.zeros_like(base)
    floor = base - lift
    image = _surroundings(canvas, rng, top, base)
    inner = np.maximum(top - canvas.y, canvas.y - middle)
    outer = np.maximum(middle - canvas.y, canvas.y - floor)
    regions = {}
    if "inner retina" in shown:
        image = blend(image, _layers(canvas.y, top, middle, INNER), inside(inner, 0.015))
        regions["inner retina"] = inner < 0
    if "outer retina" in shown:
        image = blend(image, _layers(canvas.y, middle, floor, OUTER), inside(outer, 0.015))
        image = blend(image, 0.95, _band(canvas.y, floor - np.float32(RPE / 2)))
        regions["outer retina"] = outer < 0
    if "drusen" in shown:
        level = np.maximum(floor - canvas.y, canvas.y - base)
        image = blend(image, 0.26 + 0.03 * smooth_noise(rng, size, 20), inside(level, 0.02))
        regions["drusen"] = level < 0
    if "fluid" in shown:
        level = _fluid(canvas, rng, top, floor)
        image = blend(image, 0.05, inside(level, 0.02))
        regions["fluid"] = level < 0
    return Scene(image * _shadows(canvas, rng, top), regions)


def _surfaces(canvas: Canvas, rng: np.random.Generator, *, swollen: bool) -> tuple[Field, ...]:
    """Heights of the inner surface, of the plexiform boundary and of the membrane beneath."""
    x = canvas.x - np.float32(rng.uniform(-0.25, 0.25))
    bow = np.float32(rng.uniform(-0.1, 0.08)) * canvas.x**2
    base = np.float32(rng.uniform(0.2, 0.36)) + bow
    thick = rng.uniform(0.52, 0.62) * (1.25 if swollen else 1)
    pit = np.exp(-((x / np.float32(rng.uniform(0.22, 0.34))) ** 2))
    depth = rng.uniform(0.0, 0.2) if swollen else rng.uniform(0.42, 0.54)
    wave = np.float32(0.008) * smooth_noise(rng, canvas.size, 5)
    top = base + np.float32(thick) * (np.float32(depth) * pit - 1) + wave
    # The outer nuclear layer is thickest under the pit, where the inner layers give way.
    middle = base - np.float32(thick) * (np.float32(0.44) + np.float32(0.06) * pit)
    return top, np.maximum(middle, top + np.float32(0.02)), base


def _lift(canvas: Canvas, rng: np.random.Generator) -> Field:
    """How far drusen raise the pigment epithelium: a few domes, cut off where they are flat."""
    lift = np.zeros_like(canvas.x)
    for place in rng.uniform(-0.2, 0.2) + np.linspace(-0.6, 0.6, int(rng.integers(2, 5))):
        x = canvas.x - np.float32(place + rng.normal(0, 0.1))
        width, height = rng.uniform(0.1, 0.24), rng.uniform(0.09, 0.2)
        # The fourth power makes a dome with a round top and steep flanks.
        lift = np.maximum(lift, np.float32(height) * np.exp(-((x / np.float32(width)) ** 4)))
    wave = 1 + np.float32(0.1) * smooth_noise(rng, canvas.size, 9)
    return np.clip(lift * wave - np.float32(0.02), 0, None)


def _fluid(canvas: Canvas, rng: np.random.Generator, top: Field, floor: Field) -> Field:
    """Cysts around the fovea, taller than wide, between the inner surface and the epithelium."""
    level = np.full_like(top, 1)
    mid = (top + floor) / 2
    for place in np.linspace(-0.4, 0.4, int(rng.integers(3, 6))):
        x = place + rng.normal(0, 0.05)
        column = np.abs(canvas.x - np.float32(x)) < np.float32(0.1)
        y = float(mid[column].mean()) + rng.normal(0, 0.05)
        radius = rng.uniform(0.06, 0.1)
        cyst = contour(
            canvas, (x, y), (radius, radius * rng.uniform(1.1, 2.0)), 0, ripple(rng, 0.08)
        )
        level = np.minimum(level, cyst)
    within = np.maximum(top + np.float32(0.05) - canvas.y, canvas.y - floor + np.float32(0.1))
    return np.maximum(level, within)


def _layers(
    y: Field, upper: Field, lower: Field, profile: tuple[tuple[float, float], ...]
) -> Field:
    """Reflectivity between two surfaces, by the share of the depth."""
    depth = np.clip((y - upper) / np.maximum(lower - upper, np.float32(1e-3)), 0, 1)
    shares, values = zip(*profile, strict=True)
    return np.interp(depth, shares, values).astype(np.float32)


def _band(y: Field, centre: Field) -> Field:
    return inside(np.abs(y - centre) - np.float32(RPE / 2), 0.02)


def _surroundings(canvas: Canvas, rng: np.random.Generator, top: Field, base: Field) -> Field:
    """Black vitreous, a grey retina without layers, and the choroid that fades into the sclera."""
    size = canvas.size
    image = np.full_like(top, 0.05)
    image = blend(image, 0.24, inside(top - canvas.y, 0.02))
    deep = canvas.y - base
    vessels = np.clip(fractal_noise(rng, size, 13, 2) - np.float32(0.1), 0, 1.2)
    choroid = (np.float32(0.62) - np.float32(0.35) * vessels) * np.exp(
        -np.clip(deep, 0, None) / np.float32(rng.uniform(0.3, 0.55))
    )
    image = blend(image, choroid, inside(-deep, 0.015))
    return blend(image, 0.7, inside(np.abs(deep) - np.float32(0.008), 0.015))


def _shadows(canvas: Canvas, rng: np.random.Generator, top: Field) -> Field:
    """What retinal vessels swallow: the columns below them are darker."""
    keep = np.ones_like(top)
    for place in rng.uniform(-1, 1, 4):
        column = np.exp(-(((canvas.x - np.float32(place)) / np.float32(0.025)) ** 2))
        below = inside(top + np.float32(0.06) - canvas.y, 0.05)
        keep *= 1 - np.float32(rng.uniform(0.15, 0.5)) * column * below
    return keep


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Speckle of a coherent source on a logarithmic scale, uneven focus, and detector noise."""
    size = len(image)
    speckle = gaussian_filter(white(rng, image), (0.35, 0.6), truncate=2.5)
    speckle *= np.float32(rng.uniform(0.14, 0.22) / speckle.std())
    focus = 1 + np.float32(0.1) * smooth_noise(rng, size, 2)
    film = image * focus * np.float32(rng.uniform(0.85, 1.05)) * (1 + speckle)
    return film + np.float32(rng.uniform(0.02, 0.05)) * np.abs(white(rng, image))


PHANTOM = Phantom(anatomy, acquire, field_mm=1.4)
