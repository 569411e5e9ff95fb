"""A parametric abdomen in three dimensions: two organs and a lesion, with exact masks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from factory.sources.canvas.scene import index_mask, shrink, white
from factory.sources.canvas.shapes import (
    Canvas,
    Field,
    blend,
    contour,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)
from factory.vocabulary import Domain

ANATOMY_VERSION = 1
"""Raised with every change of the pixels: it is part of the digests."""

DOMAIN = Domain(
    name="phantom-volume",
    title="abdominal CT volume phantom",
    modality="CT",
    anatomy="abdomen",
    specialty="radiology",
    classes=("liver", "spleen", "lesion"),
    findings={"normal": ("liver", "spleen"), "lesion": ("liver", "spleen", "lesion")},
    phantom=True,
)
FIELD_MM, LENGTH_MM = 320.0, 128.0  # across a slice, and through all of them
NODES = 5  # of the texture, through all slices
GREYS = {"liver": (0.56, 0.66), "spleen": (0.66, 0.76), "lesion": (0.34, 0.44)}

Volume = NDArray[np.uint8]  # (K, S, S)


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A body whose every cross-section is a wavy ellipse.

    Attributes:
        centre: x, y in canvas units and z, from -1 at the first slice to 1 at the last.
        radii: along the same axes.
        lean: how far x and y of its middle move along z.
        waves: coefficients of its outline at the lower and the upper end.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    lean: tuple[float, float]
    waves: tuple[NDArray[np.complex64], NDArray[np.complex64]]

    def level(self, canvas: Canvas, z: float) -> Field:
        """(n, n) level field of the cross-section at z, negative inside."""
        height = (z - self.centre[2]) / self.radii[2]
        if abs(height) >= 1:
            return np.full_like(canvas.x, 1.0)
        share, turn = math.sqrt(1 - height**2), (height + 1) * math.pi / 4
        low, high = self.waves
        waves = (math.cos(turn) * low + math.sin(turn) * high).astype(np.complex64)
        x, y = (self.centre[i] + self.lean[i] * height for i in (0, 1))
        radii = self.radii[0] * share, self.radii[1] * share
        return contour(canvas, (x, y), radii, 0.3, waves)


def draw_volume(finding: str, seed: int, size: int, slices: int) -> tuple[Volume, Volume]:
    """Draws one patient; equal arguments give equal voxels.

    Args:
        finding: one of `DOMAIN.findings`.
        seed: any integer.
        size: rows and columns, at least 32.
        slices: from the lowest up; they divide the same 128 mm, so few of them are thick.

    Returns:
        Images and masks, (K, S, S) each; masks are class indices of `DOMAIN`.
    """
    name = f"{DOMAIN.name}|{finding}|{seed}".encode()
    root = int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "big")
    anatomy, film = np.random.default_rng(root).spawn(2)
    drawn = list(_slices(anatomy, film, DOMAIN.shown(finding), size, slices))
    images, masks = zip(*drawn, strict=True)
    return np.stack(images), np.stack(masks)


def _slices(
    anatomy: np.random.Generator,
    film: np.random.Generator,
    shown: tuple[str, ...],
    size: int,
    slices: int,
) -> Iterator[tuple[Volume, Volume]]:
    canvas = posed_canvas(2 * size, anatomy, shift=0.04, turn=0.05, grow=0.06, zoom=1.05, warp=0.02)
    body, bodies = _torso(anatomy), _organs(anatomy)
    greys = {name: anatomy.uniform(*GREYS[name]) for name in GREYS}
    nodes = [smooth_noise(anatomy, 2 * size, 14) for _ in range(NODES)]
    for number in range(slices):
        z = (2 * number + 1) / slices - 1
        levels = {name: bodies[name].level(canvas, z) for name in shown}
        if "lesion" in shown:  # it lies within the liver
            levels["lesion"] = np.maximum(levels["lesion"], levels["liver"] + np.float32(0.02))
        texture = _between(nodes, (z + 1) / 2)
        image = _background(canvas, body.level(canvas, z), texture)
        for name, level in levels.items():
            grey = np.float32(greys[name]) + np.float32(0.02) * texture
            image = blend(image, grey, inside(level, 0.03))
        regions = {name: level < 0 for name, level in levels.items()}
        yield _acquired(shrink(image), film), index_mask(regions, DOMAIN.classes, size)


def _torso(rng: np.random.Generator) -> Ellipsoid:
    radii = rng.uniform(0.78, 0.88), rng.uniform(0.6, 0.7), 4.0
    return Ellipsoid((0, 0, 0), radii, (0, 0), (ripple(rng, 0.015, 3), ripple(rng, 0.015, 3)))


def _organs(rng: np.random.Generator) -> dict[str, Ellipsoid]:
    """The liver reaches through all slices, the spleen through some, a lesion through few."""
    liver = Ellipsoid(
        (rng.uniform(-0.36, -0.28), rng.uniform(-0.1, 0.02), rng.uniform(-0.1, 0.1)),
        (rng.uniform(0.28, 0.36), rng.uniform(0.3, 0.38), rng.uniform(1.2, 1.35)),
        (rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06)),
        (ripple(rng, 0.06), ripple(rng, 0.06)),
    )
    spleen = Ellipsoid(
        (rng.uniform(0.42, 0.48), rng.uniform(0.12, 0.22), rng.uniform(0.0, 0.3)),
        (rng.uniform(0.12, 0.17), rng.uniform(0.17, 0.22), rng.uniform(0.5, 0.75)),
        (rng.uniform(-0.03, 0.03), rng.uniform(-0.05, 0.05)),
        (ripple(rng, 0.06), ripple(rng, 0.06)),
    )
    side, millimetres = rng.uniform(-0.12, 0.12, 2), rng.uniform(14, 26)
    lesion = Ellipsoid(
        (liver.centre[0] + side[0], liver.centre[1] + side[1], rng.uniform(-0.6, 0.6)),
        (2 * millimetres / FIELD_MM, 2 * millimetres / FIELD_MM, 2 * millimetres / LENGTH_MM),
        (0, 0),
        (ripple(rng, 0.1), ripple(rng, 0.1)),
    )
    return {"liver": liver, "spleen": spleen, "lesion": lesion}


def _background(canvas: Canvas, body: Field, texture: Field) -> Field:
    """Air, fat below the skin, what lies between the organs, and the spine."""
    image = blend(np.full_like(body, 0.03), 0.24, inside(body, 0.02))
    between = np.float32(0.4) + np.float32(0.05) * texture
    image = blend(image, between, inside(body + np.float32(0.1), 0.03))
    spine = contour(canvas, (0, 0.4), (0.12, 0.1))
    return blend(image, 0.92, inside(spine, 0.03))


def _between(nodes: list[Field], share: float) -> Field:
    """The field at a share of the way through its nodes; it varies as much as each of them."""
    at = share * (len(nodes) - 1)
    node = min(int(at), len(nodes) - 2)
    angle = (at - node) * math.pi / 2
    mixed = nodes[node] * np.float32(math.cos(angle))
    return mixed + nodes[node + 1] * np.float32(math.sin(angle))


def _acquired(image: Field, rng: np.random.Generator) -> Volume:
    """The scanner's resolution, and noise that is another in each slice."""
    blurred = gaussian_filter(image, len(image) / 160, truncate=3)
    grain = gaussian_filter(white(rng, image), 0.5, truncate=3)
    noisy = blurred + np.float32(0.02) * grain / grain.std()
    return (np.clip(noisy, 0, 1) * 255).round().astype(np.uint8)
