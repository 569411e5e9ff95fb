"""Stained blood smear under the bright-field microscope."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    contour,
    fractal_noise,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)

GRID = 6  # sites of cells per row and column; the outer ones lie partly off the picture
PITCH = 0.42
Colour = NDArray[np.float32]
Point = NDArray[np.float64]


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Red cells with their pale centres, and white cells, on a bright slide.

    Normal: a single white cell with a lobed nucleus in ample cytoplasm. Leukemia: several
    blasts, large cells that a round nucleus nearly fills, with nucleoli. Red cells keep clear of
    white ones. The mask of a white cell holds nucleus and cytoplasm.
    """
    canvas = posed_canvas(size, rng, shift=0.15, turn=3.0, grow=0.12, warp=0.02)
    whites, reds = _sites(rng, blasts=finding == "leukemia")
    image = _slide(canvas, rng)
    white_level = np.full((size, size), 1, np.float32)
    for place in whites:
        draw = _blast if finding == "leukemia" else _neutrophil
        cell, drawn = draw(canvas, rng, image, place)
        if "white cell" in shown:
            white_level, image = np.minimum(white_level, cell), drawn
    regions = {}
    if "red cell" in shown:
        room = np.float32(0.02) - white_level
        level, image = _red_cells(canvas, rng, image, reds, room)
        regions["red cell"] = level < 0
    if "white cell" in shown:
        regions["white cell"] = white_level < 0
    return Scene(image, regions)


def _sites(rng: np.random.Generator, *, blasts: bool) -> tuple[Point, Point]:
    """Centres of white cells, all well inside the picture, and of red ones."""
    grid = (np.indices((GRID, GRID)).reshape(2, -1).T - (GRID - 1) / 2) * PITCH
    places = grid + rng.uniform(-0.09, 0.09, grid.shape)
    inner = np.flatnonzero((np.abs(grid) < 0.7).all(axis=1))
    white = rng.choice(inner, int(rng.integers(3, 6)) if blasts else 1, replace=False)
    others = np.setdiff1d(np.arange(len(grid)), white)
    return places[white], places[others[rng.random(len(others)) < rng.uniform(0.65, 1.0)]]


def _slide(canvas: Canvas, rng: np.random.Generator) -> Colour:
    """The empty field of view: almost white, a little tinted, with specks of stain."""
    tone = np.array([0.94, 0.91, 0.92]) + rng.normal(0, 0.012, 3)
    specks = np.clip(smooth_noise(rng, canvas.size, 40) - np.float32(2.6), 0, 1)
    uneven = 1 + np.float32(0.012) * fractal_noise(rng, canvas.size, 3) - np.float32(0.5) * specks
    return tone.astype(np.float32) * uneven[..., None]


def _red_cells(
    canvas: Canvas, rng: np.random.Generator, image: Colour, places: Point, room: Field
) -> tuple[Field, Colour]:
    """Discs that thin towards their centre; where two overlap, light passes both."""
    union = np.full_like(room, 1)
    thickness = np.zeros_like(room)
    pale = rng.uniform(0.35, 0.75)
    for place in places:
        radius = rng.uniform(0.17, 0.205)
        shape = contour(
            canvas, _at(place), (radius, radius * rng.uniform(0.88, 1.0)), 0, ripple(rng, 0.025, 4)
        )
        level = np.maximum(shape, room)
        hollow = inside(shape + np.float32(radius * 0.7), 0.13)
        thickness += inside(level, 0.02) * (1 - np.float32(pale) * hollow)
        union = np.minimum(union, level)
    haemoglobin = np.array([0.1, 0.55, 0.42]) * rng.uniform(0.75, 1.15) + rng.normal(0, 0.02, 3)
    return union, image * np.exp(-thickness[..., None] * haemoglobin.astype(np.float32))


def _neutrophil(
    canvas: Canvas, rng: np.random.Generator, image: Colour, place: Point
) -> tuple[Field, Colour]:
    """Pale granular cytoplasm around three to five lobes on an arc."""
    radius = rng.uniform(0.25, 0.3)
    cell = contour(canvas, _at(place), (radius, radius), 0, ripple(rng, 0.04, 4))
    lobes = np.full_like(cell, 1)
    start, count = rng.uniform(0, 2 * np.pi), int(rng.integers(3, 6))
    for turn in start + np.linspace(0, 4.0, count):
        offset = 0.48 * radius * np.array([np.cos(turn), np.sin(turn)])
        lobe = radius * rng.uniform(0.28, 0.36)
        lobes = np.minimum(lobes, contour(canvas, _at(place + offset), (lobe, lobe * 0.85), turn))
    plasma = (np.array([0.74, 0.63, 0.77]) + rng.normal(0, 0.015, 3)).astype(np.float32)
    grains = 1 + np.float32(0.05) * smooth_noise(rng, canvas.size, 44)
    return cell, _stained(canvas, rng, image, cell, plasma * grains[..., None], lobes)


def _blast(
    canvas: Canvas, rng: np.random.Generator, image: Colour, place: Point
) -> tuple[Field, Colour]:
    """A thin blue rim of cytoplasm around a large round nucleus."""
    radius = rng.uniform(0.22, 0.28)
    cell = contour(
        canvas, _at(place), (radius, radius * rng.uniform(0.85, 1.0)), 0, ripple(rng, 0.04)
    )
    nucleus = cell + np.float32(radius * rng.uniform(0.08, 0.17))
    nucleus = nucleus + np.float32(0.008) * smooth_noise(rng, canvas.size, 8)
    plasma = (np.array([0.5, 0.52, 0.78]) + rng.normal(0, 0.015, 3)).astype(np.float32)
    return cell, _stained(canvas, rng, image, cell, np.broadcast_to(plasma, image.shape), nucleus)


def _stained(
    canvas: Canvas,
    rng: np.random.Generator,
    image: Colour,
    cell: Field,
    plasma: Colour,
    nucleus: Field,
) -> Colour:
    """The picture with one white cell: its cytoplasm, and a violet nucleus with its chromatin."""
    violet = (np.array([0.42, 0.26, 0.56]) + rng.normal(0, 0.02, 3)).astype(np.float32)
    clumps = 1 + np.float32(0.12) * smooth_noise(rng, canvas.size, 26)
    image = image + (plasma - image) * inside(cell, 0.02)[..., None]
    return image + (violet * clumps[..., None] - image) * inside(nucleus, 0.02)[..., None]


def _at(place: Point) -> tuple[float, float]:
    return float(place[0]), float(place[1])


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Uneven lamp, slight defocus, white balance and sensor noise."""
    blur = rng.uniform(0.2, 0.5)
    film = gaussian_filter(image, (blur, blur, 0), truncate=3)
    lamp = np.float32(rng.uniform(0.88, 1.03)) * (1 + 0.04 * smooth_noise(rng, len(image), 1))
    balance = rng.uniform(0.96, 1.04, 3).astype(np.float32)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(0.012)
    return film * lamp[..., None] * balance + noise


PHANTOM = Phantom(anatomy, acquire, field_mm=0.04)
