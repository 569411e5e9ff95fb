"""Colon mucosa stained with haematoxylin and eosin: glands, stroma and carcinoma."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

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

# What one unit of each stain absorbs of red, green and blue (optical density).
HAEMATOXYLIN = np.array([0.95, 1.1, 0.5], np.float32)
EOSIN = np.array([0.1, 0.85, 0.35], np.float32)
GRID = 3  # glands per row and column
CORNERS = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 12, endpoint=False)), np.sin(t)], axis=1)


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Concentrations of both stains, which absorb light as Beer and Lambert say.

    Normal glands are round, with one row of nuclei at their base, goblet cells and an open
    lumen. Carcinoma grows in from one side: crowded large dark nuclei, slits instead of lumens, a
    pale cleft where the tissue shrank away from it.
    """
    del finding  # "normal" and "adenocarcinoma" differ in what is shown
    # No warp: nuclei are placed by the pose, and must lie on the contours.
    canvas = posed_canvas(size, rng, shift=0.1, turn=3.0, grow=0.12, zoom=1.05, warp=0.0)
    blue, pink = _stroma(canvas, rng)
    front = _front(canvas, rng)
    regions = {}
    if "gland" in shown:
        room = np.float32(0.05) - front if "tumor" in shown else np.full_like(front, -1)
        level, blue, pink = _glands(canvas, rng, blue, pink, room)
        regions["gland"] = level < 0
    if "tumor" in shown:
        blue, pink = _carcinoma(canvas, rng, blue, pink, front)
        regions["tumor"] = front < 0
    return Scene(_stained(blue, pink, rng), regions)


def _front(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Level of the carcinoma: a wavy front across the picture."""
    angle = rng.uniform(0, 2 * np.pi)
    across = canvas.x * np.float32(np.cos(angle)) + canvas.y * np.float32(np.sin(angle))
    wave = np.float32(0.1) * smooth_noise(rng, canvas.size, 4)
    return across + wave + np.float32(rng.uniform(-0.05, 0.3))


def _stroma(canvas: Canvas, rng: np.random.Generator) -> tuple[Field, Field]:
    """Wavy pink fibres with gaps, slender fibroblasts and round lymphocytes."""
    size = canvas.size
    fibres = np.abs(smooth_noise(rng, size, 8, rows=20) + 0.5 * smooth_noise(rng, size, 24))
    pink = np.float32(0.42) + np.float32(0.12) * fractal_noise(rng, size, 6) - 0.1 * fibres
    gaps = np.clip(smooth_noise(rng, size, 16) - np.float32(1.3), 0, 1)
    pink = pink * (1 - np.float32(0.8) * gaps)
    slender = _nuclei(
        canvas, rng, rng.uniform(-1.2, 1.2, (150, 2)), (0.032, 0.008), rng.normal(0, 0.5, 150)
    )
    round_ones = _nuclei(canvas, rng, rng.uniform(-1.2, 1.2, (70, 2)), (0.019, 0.019), 0.0)
    blue = 0.06 + np.float32(0.75) * np.maximum(slender, round_ones)
    return blue, np.clip(pink, 0.05, None)


def _glands(
    canvas: Canvas, rng: np.random.Generator, blue: Field, pink: Field, room: Field
) -> tuple[Field, Field, Field]:
    """Level of all glands within the room, and the stains with the glands drawn."""
    places = (np.indices((GRID, GRID)).reshape(2, -1).T - (GRID - 1) / 2) * 0.62
    union = np.full_like(blue, 1)
    for place in places + rng.uniform(-0.05, 0.05, places.shape):
        radii = (rng.uniform(0.2, 0.27), rng.uniform(0.2, 0.25))
        angle, waves = rng.uniform(0, np.pi), ripple(rng, 0.05, 4)
        shape = contour(canvas, (float(place[0]), float(place[1])), radii, angle, waves)
        level = np.maximum(shape, room)
        cover = inside(level, 0.02)
        drawn_blue, drawn_pink = _epithelium(canvas, rng, level, radii[0])
        ring = _along(place, radii, angle, waves, rng.uniform(0.8, 0.84), 26)
        row = _nuclei(canvas, rng, ring[:, :2], (0.034, 0.018), ring[:, 2])
        drawn_blue = blend(drawn_blue, 0.95, row)
        blue, pink = blend(blue, drawn_blue, cover), blend(pink, drawn_pink, cover)
        union = np.minimum(union, level)
    # A thin pale space sets each gland off from the stroma.
    seam = inside(np.abs(union - np.float32(0.012)) - np.float32(0.008), 0.02)
    return union, blend(blue, 0.03, seam), blend(pink, 0.1, seam)


def _epithelium(
    canvas: Canvas, rng: np.random.Generator, level: Field, radius: float
) -> tuple[Field, Field]:
    """Stains of one gland without its nuclei: cytoplasm, mucus of the goblet cells, lumen."""
    size = canvas.size
    mucus = np.clip(smooth_noise(rng, size, 22) + np.float32(0.2), 0, 1)
    mucus = mucus * inside(level + np.float32(0.32 * radius), 0.03)
    blue = np.float32(0.24) - np.float32(0.12) * mucus
    pink = np.float32(0.5) - np.float32(0.34) * mucus
    lumen = inside(level + np.float32(radius * rng.uniform(0.62, 0.76)), 0.03)
    return blend(blue, 0.02, lumen), blend(pink, 0.04, lumen)


def _carcinoma(
    canvas: Canvas, rng: np.random.Generator, blue: Field, pink: Field, front: Field
) -> tuple[Field, Field]:
    """Sheets of crowded, unequal nuclei around ragged holes, with a cleft along the front."""
    size = canvas.size
    cover = inside(front, 0.02)
    # A jittered grid: so many nuclei thrown at random would merge into blots.
    places = (np.indices((26, 26)).reshape(2, -1).T - 12.5) * 0.1
    places = places + rng.uniform(-0.035, 0.035, places.shape)
    turns = rng.uniform(0, np.pi, len(places))
    dark = _nuclei(canvas, rng, places, (0.043, 0.032), turns, spread=0.28)
    holes = np.float32(0.1) * (np.float32(1.5) - smooth_noise(rng, size, 7))
    hole = inside(holes, 0.03) * inside(front + np.float32(0.1), 0.05)
    inner_blue = blend(0.24 + np.float32(0.05) * fractal_noise(rng, size, 10), 1.05, dark)
    inner_pink = 0.42 + np.float32(0.06) * fractal_noise(rng, size, 12)
    inner_blue, inner_pink = blend(inner_blue, 0.03, hole), blend(inner_pink, 0.08, hole)
    blue, pink = blend(blue, inner_blue, cover), blend(pink, inner_pink, cover)
    torn = np.clip(np.float32(0.6) + np.float32(0.5) * smooth_noise(rng, size, 7), 0, 1)
    cleft = inside(np.abs(front - np.float32(0.015)) - np.float32(0.01), 0.02) * torn
    return blend(blue, 0.03, cleft), blend(pink, 0.08, cleft)


def _along(
    place: ArrayLike,
    radii: tuple[float, float],
    angle: float,
    waves: NDArray[np.complex64],
    share: float,
    count: int,
) -> NDArray[np.float64]:
    """(count, 3) points x, y and direction outwards at a share of a contour's radius."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    order = np.arange(2, len(waves) + 2)
    radius = share + np.real(np.exp(1j * turn[:, None] * order) @ waves.conj())
    flat = np.stack([radii[0] * np.cos(turn), radii[1] * np.sin(turn)], axis=1) * radius[:, None]
    c, s = np.cos(angle), np.sin(angle)
    turned = flat @ np.array([[c, s], [-s, c]])
    outwards = np.arctan2(turned[:, 1], turned[:, 0])
    return np.column_stack([np.asarray(place) + turned, outwards])


def _nuclei(
    canvas: Canvas,
    rng: np.random.Generator,
    places: NDArray[np.float64],
    radii: tuple[float, float],
    angles: ArrayLike,
    spread: float = 0.12,
) -> Field:
    """Coverage in [0, 1] of many small ellipses, some fainter; `spread` varies their size."""
    count = len(places)
    grow = np.exp(rng.normal(0, spread, (count, 2, 1))) * np.asarray(radii)[:, None]
    ink = (255 * rng.uniform(0.7, 1.0, count)).astype(int)
    a = np.broadcast_to(np.asarray(angles, float), count)
    axes = np.stack(
        [np.stack([np.cos(a), np.sin(a)], -1), np.stack([-np.sin(a), np.cos(a)], -1)], 1
    )
    outline = places[:, None] + np.einsum("pk,nkd->npd", CORNERS, grow * axes)
    sheet = Image.new("L", (canvas.size, canvas.size))
    pen = ImageDraw.Draw(sheet)
    for corners, tone in zip(canvas.pixels(outline).reshape(count, -1).tolist(), ink, strict=True):
        pen.polygon(corners, fill=int(tone))
    return gaussian_filter(np.asarray(sheet, np.float32) / np.float32(255), canvas.size / 500)


def _stained(blue: Field, pink: Field, rng: np.random.Generator) -> NDArray[np.float32]:
    """Transmitted colour; laboratories differ in how strongly and how purely they stain."""
    h = HAEMATOXYLIN * rng.uniform(0.8, 1.15) + rng.normal(0, 0.05, 3).astype(np.float32)
    e = EOSIN * rng.uniform(0.75, 1.2) + rng.normal(0, 0.03, 3).astype(np.float32)
    density = blue[..., None] * h.astype(np.float32) + pink[..., None] * e.astype(np.float32)
    return np.exp(-density).astype(np.float32)


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Uneven lamp, slight defocus, white balance and sensor noise of a slide scanner."""
    blur = rng.uniform(0.15, 0.45)
    film = gaussian_filter(image, (blur, blur, 0), truncate=3)
    lamp = np.float32(rng.uniform(0.93, 1.0)) * (1 + 0.02 * smooth_noise(rng, len(image), 2))
    balance = rng.uniform(0.97, 1.03, 3).astype(np.float32)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(0.012)
    return film * lamp[..., None] * balance + noise


PHANTOM = Phantom(anatomy, acquire, field_mm=0.5)
