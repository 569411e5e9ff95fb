"""Frontal chest radiograph: lungs, heart, and an optional opacity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import Phantom, Scene, Shown, white
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    contour,
    draw_branches,
    fractal_noise,
    grow_trees,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
    spot,
)

SIDES = {"right lung": -1.0, "left lung": 1.0}  # the patient's right is on the image's left


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Sums the attenuation of what the rays pass and turns it into film brightness.

    A class that is not shown is absent from the picture: an absent lung leaves a white
    hemithorax. The heart lies over the lungs, an opacity over both, always inside a lung.
    """
    canvas = posed_canvas(size, rng, shift=0.06, turn=0.04, grow=0.08, warp=0.015)
    body = _body(canvas, rng)
    fields = _lung_fields(canvas, rng, body)
    heart = _heart(canvas, rng, large=finding == "cardiomegaly")
    regions = {side: level < 0 for side, level in fields.items() if side in shown}
    air = np.zeros_like(heart)
    for side in regions:
        air += inside(fields[side], 0.035)
    density = _tissue(canvas, rng, body, air)
    if "heart" in shown:
        regions["heart"] = heart < 0
        cover = inside(heart, 0.07)
        # The heart pushes the lungs aside: nearly no air lies before or behind it.
        air *= 1 - 0.85 * cover
        # Below the diaphragm it is as dense as its surroundings and has no edge.
        seen = 1 - 0.8 * inside(np.float32(0.5) - canvas.y, 0.3)
        density += rng.uniform(0.16, 0.26) * cover * seen
    density *= 1 - rng.uniform(0.55, 0.74) * air
    density += 0.11 * _vessels(canvas, rng) * air
    density += _mediastinum(canvas, rng) + _bones(canvas, rng) * inside(body, 0.05)
    if "opacity" in shown:
        # In a white hemithorax nobody could see it.
        seen_lungs = [field for side, field in fields.items() if side in shown] or [
            *fields.values()
        ]
        regions["opacity"], cloud = _opacity(canvas, rng, seen_lungs, heart)
        density += cloud
    return Scene((1 - np.exp(-1.25 * density)).astype(np.float32), regions)


def _tissue(canvas: Canvas, rng: np.random.Generator, body: Field, air: Field) -> Field:
    """Trunk, abdomen with the stomach's bubble, and breast shadows, before the lungs' air."""
    density = 0.62 * inside(body, 0.1) + 0.05 * fractal_noise(rng, canvas.size, 3)
    density += 0.35 * inside(np.float32(rng.uniform(0.6, 0.75)) - canvas.y, 0.5)
    density += _spine(canvas)
    gas = contour(
        canvas, (rng.uniform(0.3, 0.5), rng.uniform(0.78, 0.9)), (0.14, 0.08), 0, ripple(rng, 0.15)
    )
    density -= np.float32(rng.uniform(0, 0.35)) * inside(gas, 0.08) * (1 - air)
    breast = rng.uniform(0, 0.14)
    for side in SIDES.values():
        shadow = contour(canvas, (side * 0.45, 0.42), (0.36, 0.3), 0, ripple(rng, 0.04))
        density += np.float32(breast) * inside(shadow, 0.12)
    return density


def _lung_fields(canvas: Canvas, rng: np.random.Generator, body: Field) -> dict[str, Field]:
    """Each lung: a tall contour cut by its diaphragm and by the mediastinum."""
    gap, deep = rng.uniform(0.08, 0.13), rng.uniform(0.45, 0.66)
    wide, tall = rng.uniform(0.3, 0.37), rng.uniform(0.68, 0.82)
    fields = {}
    for name, side in SIDES.items():
        middle = side * (gap + wide * rng.uniform(0.82, 0.95))
        outer = contour(canvas, (middle, 0.02), (wide, tall), side * -0.07, ripple(rng, 0.03))
        dome = deep + side * 0.03 + rng.normal(0, 0.02)
        lateral = (canvas.x - np.float32(side * gap)) * np.float32(side) / np.float32(2 * wide)
        curve = np.float32(rng.uniform(0.25, 0.4))
        floor = canvas.y - np.float32(dome) - curve * (lateral - np.float32(0.4)) ** 2
        medial = np.float32(gap) - np.float32(side) * canvas.x
        fields[name] = np.maximum.reduce([outer, floor, medial, body + np.float32(0.05)]).astype(
            np.float32
        )
    return fields


def _heart(canvas: Canvas, rng: np.random.Generator, *, large: bool) -> Field:
    long = rng.uniform(0.42, 0.52) if large else rng.uniform(0.27, 0.35)
    across = long * rng.uniform(0.62, 0.78)
    centre = (0.13 + 0.3 * (long - 0.27) + rng.normal(0, 0.015), rng.uniform(0.3, 0.38))
    return contour(canvas, centre, (long, across), rng.uniform(0.45, 0.75), ripple(rng, 0.04, 3))


def _body(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Neck, shoulders and trunk; what lies outside is air, as dark as lung."""
    lateral = np.clip(np.abs(canvas.x) - np.float32(rng.uniform(0.2, 0.3)), 0, None)
    shoulder = np.float32(-1.25) + np.float32(rng.uniform(0.75, 1.0)) * np.sqrt(lateral) - canvas.y
    flank = np.abs(canvas.x) - np.float32(rng.uniform(0.9, 1.15)) + np.float32(0.08) * canvas.y
    return np.maximum(shoulder, flank)


def _spine(canvas: Canvas) -> Field:
    column = inside(np.abs(canvas.x) - np.float32(0.075), 0.05)
    discs = 1 + np.float32(0.15) * np.cos(canvas.y * np.float32(2 * np.pi / 0.16))
    return np.float32(0.1) * column * discs


def _mediastinum(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Great vessels and aortic knob, with the trachea's air down the middle."""
    shade = 0.26 * inside(contour(canvas, (0.02, -0.2), (0.14, 0.6), 0, ripple(rng, 0.08)), 0.08)
    shade += 0.12 * inside(contour(canvas, (0.12, -0.28), (0.09, 0.1)), 0.06)
    trachea = contour(canvas, (rng.normal(0, 0.012), -0.65), (0.045, 0.4))
    return shade - np.float32(0.16) * inside(trachea, 0.04)


def _bones(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Ribs as two families of arcs, front and back, and the clavicles."""
    off = np.abs(canvas.x)
    chest = inside(contour(canvas, (0, 0.0), (0.86, 0.92)), 0.12)
    pitch = rng.uniform(0.17, 0.21)
    bones = np.zeros_like(off)
    for slope, bend, strength in ((-0.35, 0.75, 0.1), (0.75, -0.15, 0.06)):
        phase = (canvas.y - np.float32(slope) * off - np.float32(bend) * off**2) / pitch
        wave = np.cos(np.float32(2 * np.pi) * (phase + np.float32(rng.random())))
        rib = np.clip(2.2 * wave, 0, 1)
        cortex = rib * (1.35 - 0.6 * rib)
        bones += np.float32(strength * rng.uniform(0.8, 1.3)) * cortex.astype(np.float32)
    return bones * chest + _clavicles(canvas, rng)


def _clavicles(canvas: Canvas, rng: np.random.Generator) -> Field:
    height, slope = rng.uniform(-0.66, -0.56), rng.uniform(0.12, 0.3)
    lateral = np.abs(canvas.x) - np.float32(0.08)
    line = canvas.y - np.float32(height) + np.float32(slope) * lateral
    line += np.float32(0.03) * np.sin(lateral * np.float32(6))
    bar = inside(np.abs(line) - np.float32(0.028), 0.03)
    return np.float32(rng.uniform(0.1, 0.18)) * bar * (lateral > 0) * (lateral < 0.62)


def _vessels(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Pulmonary vessels that fan out from each hilum."""
    fan = np.linspace(-1.3, 1.3, 5)
    headings = np.concatenate([fan, np.pi - fan]) + rng.normal(0, 0.12, 10)
    roots = np.array([[0.16, 0.02]] * 5 + [[-0.16, 0.02]] * 5) + rng.normal(0, 0.02, (10, 2))
    trees = grow_trees(rng, roots, headings, length=0.24, width=0.03, generations=3, curl=0.16)
    return gaussian_filter(draw_branches(canvas, trees), canvas.size / 200, truncate=2.0)


def _opacity(
    canvas: Canvas, rng: np.random.Generator, lungs: list[Field], heart: Field
) -> tuple[NDArray[np.bool_], Field]:
    """One consolidation, clipped to one of the lung fields; its region and its added density."""
    lung = lungs[int(rng.choice(len(lungs)))]
    field = np.maximum(lung, np.float32(-0.02) - heart)
    radius = rng.uniform(0.1, 0.2)
    row, column = spot(rng, field + np.float32(0.07))
    centre = (float(canvas.x[row, column]), float(canvas.y[row, column]))
    radii = (radius * rng.uniform(1.0, 1.5), radius)
    blob = contour(canvas, centre, radii, rng.uniform(0, np.pi), ripple(rng, 0.16))
    texture = 1 + 0.25 * smooth_noise(rng, canvas.size, 14)
    cover = inside(blob, 0.09) * inside(field, 0.03)
    level = np.maximum(blob, field)
    return level < 0, (np.float32(rng.uniform(0.2, 0.38)) * cover * texture).astype(np.float32)


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Exposure, detector blur, scatter gradient and quantum noise."""
    size = len(image)
    tilt = 0.05 * smooth_noise(rng, size, 1)
    low, high = np.quantile(image[::4, ::4], [0.01, 0.99])
    film = (image - low) / (high - low) * rng.uniform(0.78, 0.95) + rng.uniform(0.02, 0.08)
    film = np.clip(film, 0, 1) ** rng.uniform(0.85, 1.2)
    grain = rng.uniform(0.01, 0.025) * white(rng, film)
    return film + tilt + grain


PHANTOM = Phantom(anatomy, acquire, field_mm=360.0)
