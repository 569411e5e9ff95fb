"""Dermoscopic photograph of one pigmented lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown
from factory.sources.canvas.shapes import (
    Branches,
    Canvas,
    Field,
    contour,
    draw_branches,
    flat_canvas,
    fractal_noise,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)

Colour = NDArray[np.float32]


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Skin, lesion and hairs.

    Nevus: symmetric, one or two browns, a regular network. Melanoma: asymmetric with a jagged
    edge, several colours, a blue-white veil and dark blotches.
    """
    canvas = posed_canvas(size, rng, shift=0.12, turn=3.0, grow=0.1, warp=0.02)
    skin, image = _skin(canvas, rng)
    regions = {}
    if "lesion" in shown:
        melanoma = finding == "melanoma"
        level = _lesion(canvas, rng, melanoma=melanoma)
        paint = _pigment(canvas, rng, skin, level, melanoma=melanoma)
        fade = rng.uniform(0.04, 0.12)
        image += (paint - image) * inside(level, fade)[..., None]
        regions["lesion"] = level < 0
    return Scene(_with_hairs(image, canvas, rng).astype(np.float32), regions)


def _skin(canvas: Canvas, rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Base tone, from light to dark skin, and the textured picture of it."""
    light, dark = np.array([0.93, 0.72, 0.64]), np.array([0.6, 0.42, 0.33])
    share = rng.beta(1.2, 2.5)
    tone = (light + (dark - light) * share + rng.normal(0, 0.02, 3)).astype(np.float32)
    texture = (
        1
        + 0.03 * fractal_noise(rng, canvas.size, 24, 2)
        + 0.05 * fractal_noise(rng, canvas.size, 2)
    )
    freckles = np.clip(smooth_noise(rng, canvas.size, 12) - np.float32(1.9), 0, 1)
    return tone, (tone * texture[..., None] * (1 - np.float32(0.35) * freckles[..., None])).astype(
        np.float32
    )


def _lesion(canvas: Canvas, rng: np.random.Generator, *, melanoma: bool) -> Field:
    radius = rng.uniform(0.3, 0.6) if melanoma else rng.uniform(0.22, 0.5)
    centre = (rng.normal(0, 0.08), rng.normal(0, 0.08))
    oval = rng.uniform(1.05, 1.4) if melanoma else rng.uniform(1.0, 1.25)
    waves = ripple(rng, 0.13, 10) if melanoma else ripple(rng, 0.035, 4)
    return contour(canvas, centre, (radius * oval, radius), 0, waves)


def _pigment(
    canvas: Canvas, rng: np.random.Generator, skin: Colour, level: Field, *, melanoma: bool
) -> Colour:
    """Brown relative to the skin, with network, globules, and in melanoma more colours."""
    size = canvas.size
    depth = rng.uniform(0.3, 0.65)
    brown = skin * (1 - depth * np.array([0.75, 1.0, 1.1]) + rng.normal(0, 0.025, 3)).astype(
        np.float32
    )
    network = np.abs(smooth_noise(rng, size, 34))
    tint = (
        1
        - np.float32(rng.uniform(0.05, 0.2)) * np.clip(1 - network, 0, 1)
        + np.float32(0.08) * fractal_noise(rng, size, 4)
    )
    deeper = inside(level + np.float32(rng.uniform(0.08, 0.2)), 0.2)
    paint = brown * (tint * (1 - np.float32(rng.uniform(0.0, 0.25)) * deeper))[..., None]
    if melanoma:
        for colour, cut in (
            ((0.2, 0.13, 0.12), 0.5),
            ((0.42, 0.45, 0.55), 0.9),
            ((0.72, 0.38, 0.34), 1.0),
        ):
            patch = np.clip(
                (fractal_noise(rng, size, 4, 2) - np.float32(cut)) * np.float32(1.3), 0, 1
            )
            paint = (
                paint
                + (np.array(colour, np.float32) - paint) * (np.float32(0.8) * patch)[..., None]
            )
    globules = np.clip(smooth_noise(rng, size, 22) - np.float32(1.5), 0, 1)
    return (paint * (1 - np.float32(0.6) * globules[..., None])).astype(np.float32)


def _with_hairs(image: Colour, canvas: Canvas, rng: np.random.Generator) -> Colour:
    hairs: list[Branches] = []
    for _ in range(int(rng.choice([0, 0, 2, 6, 12]))):
        start, heading = rng.uniform(-1.1, 1.1, 2), rng.uniform(0, 2 * np.pi)
        turns = heading + np.cumsum(rng.normal(0, 0.08, 10))
        steps = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * 0.12, axis=0)
        hairs.append(((start + steps)[None], rng.uniform(0.012, 0.022)))
    cover = gaussian_filter(draw_branches(canvas, hairs), canvas.size / 400, truncate=2)
    return image * (1 - np.float32(0.75) * cover[..., None])


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Vignette, sometimes to a black rim; uneven light; bubbles of gel; sensor noise."""
    size = len(image)
    flat = flat_canvas(size)
    far = np.hypot(flat.x, flat.y)
    dim = 1 - np.float32(rng.uniform(0.08, 0.25)) * far**2
    if rng.random() < 0.4:
        dim *= inside(far - np.float32(rng.uniform(1.1, 1.3)), 0.08)
    shine = np.clip(smooth_noise(rng, size, 28) - np.float32(rng.uniform(2.2, 3.4)), 0, 1)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(0.014)
    return image * dim[..., None] + shine[..., None] + noise


PHANTOM = Phantom(anatomy, acquire, field_mm=16.0)
