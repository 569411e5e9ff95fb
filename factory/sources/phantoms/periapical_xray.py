"""Periapical dental radiograph: neighbouring teeth in the jaw, with or without a lesion."""

from __future__ import annotations

from dataclasses import dataclass

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

PITCH = 0.56  # between neighbouring teeth, canvas units


@dataclass(frozen=True, eq=False)
class Tooth:
    """Levels of one tooth, and where its root ends.

    Attributes:
        outline: crown and root.
        crown: the part that enamel covers.
        pulp: chamber and canal.
        apex: x, y of the root's tip.
    """

    outline: Field
    crown: Field
    pulp: Field
    apex: tuple[float, float]


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Brightness of a film: bone, dentine and enamel are bright, pulp and soft tissue dark.

    A lesion is a rounded dark area in the bone around a root's tip, below the tooth in the
    mask's order, since the root stands in it. Fillings and marrow spaces look alike with and
    without it. Upper teeth, roots up, or lower ones, roots down.
    """
    del finding  # "normal" and "apical lesion" differ in what is shown
    canvas = posed_canvas(size, rng, shift=0.06, turn=0.08, grow=0.06, warp=0.015)
    upright = np.float32(rng.choice([-1, 1]))
    flip = np.diag([1.0, float(upright), 1.0])
    view = Canvas(canvas.x, canvas.y * upright, canvas.pose @ flip)
    teeth = _teeth(view, rng)
    union = np.minimum.reduce([tooth.outline for tooth in teeth])
    image = _jaw(view, rng)
    regions = {}
    if "lesion" in shown:
        level = _lesion(view, rng, teeth)
        if "tooth" in shown:
            level = np.maximum(level, -union)
        rim = inside(np.abs(level - np.float32(0.02)) - np.float32(0.01), 0.03)
        image = blend(image, 0.62, rim * np.float32(rng.uniform(0.0, 0.6)))
        image = blend(image, rng.uniform(0.08, 0.15), inside(level, 0.05))
        regions["lesion"] = level < 0
    if "tooth" in shown:
        image = _draw_teeth(view, rng, image, teeth, union)
        regions["tooth"] = union < 0
    return Scene(image, regions)


def _teeth(view: Canvas, rng: np.random.Generator) -> list[Tooth]:
    """Four neighbours, crowns at the top; the outer ones are cut by the film's edge."""
    first = rng.uniform(-0.98, -0.7)
    edge = rng.uniform(-0.82, -0.7)
    return [_tooth(view, rng, first + PITCH * place, edge) for place in range(4)]


def _tooth(view: Canvas, rng: np.random.Generator, x: float, edge: float) -> Tooth:
    wide, lean = rng.uniform(0.22, 0.26), rng.normal(0, 0.06)
    neck, tip = edge + rng.uniform(0.44, 0.52), edge + rng.uniform(1.22, 1.42)
    bulge = contour(view, (x, edge + 0.26), (wide, 0.34), 0, ripple(rng, 0.035, 3))
    cusps = np.float32(0.03) * np.cos((view.x - np.float32(x)) * np.float32(np.pi / wide * 2))
    crown = np.maximum(bulge, np.float32(edge) - cusps - view.y)
    root = _tapered(view, (x, neck - 0.2), tip, lean, wide * 0.78)
    canal = _tapered(view, (x, neck - 0.1), tip - 0.08, lean, wide * 0.17)
    chamber = contour(view, (x, neck - 0.12), (wide * 0.34, 0.09), 0, ripple(rng, 0.06))
    return Tooth(
        np.minimum(crown, root),
        np.maximum(crown, view.y - np.float32(neck)),
        np.minimum(canal, chamber),
        (x + lean, tip),
    )


def _tapered(
    view: Canvas, start: tuple[float, float], tip: float, lean: float, wide: float
) -> Field:
    """Level of a body that narrows from its start to a blunt tip, `lean` to the side."""
    share = np.clip((view.y - np.float32(start[1])) / np.float32(tip - start[1]), 0, 1)
    girth = np.float32(wide) * (1 - share ** np.float32(2.2)) ** np.float32(0.62)
    middle = np.float32(start[0]) + np.float32(lean) * share**2
    ends = np.maximum(np.float32(start[1]) - view.y, view.y - np.float32(tip))
    return np.maximum(np.abs(view.x - middle) - girth, ends)


def _jaw(view: Canvas, rng: np.random.Generator) -> Field:
    """Black air above the crest of the bone, gum, and spongy bone with a dense crest."""
    size = view.size
    crest = view.y - np.float32(rng.uniform(-0.34, -0.22)) + 0.04 * smooth_noise(rng, size, 5)
    image = blend(np.full_like(crest, 0.05), 0.16, inside(-crest - np.float32(0.16), 0.1))
    mesh = np.abs(smooth_noise(rng, size, 26)) + 0.8 * np.abs(smooth_noise(rng, size, 40))
    bone = np.float32(0.48) - np.float32(0.08) * mesh + 0.05 * fractal_noise(rng, size, 3)
    image = blend(image, bone, inside(-crest, 0.06))
    return blend(image, 0.56, inside(np.abs(crest - np.float32(0.03)) - np.float32(0.015), 0.05))


def _lesion(view: Canvas, rng: np.random.Generator, teeth: list[Tooth]) -> Field:
    """Around the tip of one of the two teeth that are wholly on the film."""
    apex = min(teeth, key=lambda tooth: abs(tooth.apex[0]) + 0.2 * rng.random()).apex
    radius = rng.uniform(0.16, 0.26)
    radii = (radius * rng.uniform(0.9, 1.15), radius)
    centre = (apex[0], apex[1] + 0.4 * radius)
    return contour(view, centre, radii, rng.uniform(0, np.pi), ripple(rng, 0.06))


def _draw_teeth(
    view: Canvas, rng: np.random.Generator, image: Field, teeth: list[Tooth], union: Field
) -> Field:
    """Each tooth in its dark ligament and bright socket; dentine, enamel, pulp, some fillings."""
    size = view.size
    bony = inside(np.float32(-0.25) - view.y, 0.1)
    socket = inside(np.abs(union - np.float32(0.045)) - np.float32(0.008), 0.025)
    image = blend(image, 0.6, socket * bony * np.float32(0.5))
    image = blend(image, 0.16, inside(np.abs(union - np.float32(0.018)) - np.float32(0.01), 0.02))
    dentine = np.float32(rng.uniform(0.58, 0.66)) + 0.03 * fractal_noise(rng, size, 6)
    image = blend(image, dentine, inside(union, 0.02))
    for tooth in teeth:
        core = tooth.outline + np.float32(0.055)
        enamel = inside(tooth.crown, 0.03) * (1 - inside(core, 0.04))
        image = blend(image, 0.88, enamel)
        image = blend(image, 0.34, inside(tooth.pulp, 0.03) * np.float32(0.85))
        if rng.random() < 0.3:
            filling = contour(view, _crown_spot(tooth, rng), (0.1, 0.07), 0, ripple(rng, 0.12))
            image = blend(image, 0.99, inside(np.maximum(filling, tooth.outline), 0.02))
    return image


def _crown_spot(tooth: Tooth, rng: np.random.Generator) -> tuple[float, float]:
    return tooth.apex[0] + rng.uniform(-0.08, 0.08), tooth.apex[1] - rng.uniform(1.1, 1.25)


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Exposure, the sensor's blur, uneven thickness of the cheek, and quantum noise."""
    film = gaussian_filter(image, rng.uniform(0.25, 0.5), truncate=3)
    film += np.float32(0.04) * smooth_noise(rng, len(image), 2)
    film = np.clip(film * np.float32(rng.uniform(0.85, 1.1)), 0, 1) ** np.float32(
        rng.uniform(0.8, 1.2)
    )
    return film + np.float32(rng.uniform(0.015, 0.035)) * white(rng, film)


PHANTOM = Phantom(anatomy, acquire, field_mm=30.0)
