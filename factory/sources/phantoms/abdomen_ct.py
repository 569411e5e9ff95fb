"""Axial abdominal CT in a soft-tissue window."""

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

LOW_HU, HIGH_HU = -160.0, 240.0
# Portal-venous phase, Hounsfield units.
HU = {
    "liver": (90, 125),
    "spleen": (95, 135),
    "right kidney": (130, 185),
    "left kidney": (130, 185),
    "stomach": (10, 70),
    "aorta": (130, 190),
    "spine": (150, 260),
}


def anatomy(size: int, rng: np.random.Generator, finding: str, shown: Shown) -> Scene:
    """Organs in Hounsfield units between -160 and 240, drawn in class order.

    Seen from the feet: the patient's right, with the liver, is on the image's left. A class that
    is not shown leaves fat and bowel in its place (an absent kidney is agenesis or nephrectomy).
    """
    del finding  # one appearance: what varies is which organs are there
    canvas = posed_canvas(size, rng, shift=0.05, turn=0.05, grow=0.05, zoom=1.07, warp=0.02)
    wide, deep = rng.uniform(0.8, 0.92), rng.uniform(0.64, 0.76)
    fat = rng.uniform(0.04, 0.16)
    torso = contour(canvas, (0, 0), (wide, deep), 0, ripple(rng, 0.015, 3))
    # Height of the vertebra, a hand's breadth before the skin of the back.
    back = deep - fat - 0.25
    image = _torso(canvas, rng, torso, fat)
    image = _muscles(canvas, rng, image, torso + np.float32(fat + 0.02), back)
    levels = _organs(canvas, rng, (wide - fat, deep - fat), back)
    kept = torso + np.float32(fat + 0.07)
    grain = np.float32(6) * smooth_noise(rng, size, 18)
    regions = {}
    for name, level in levels.items():
        value = np.float32(rng.uniform(*HU[name])) + grain
        if name in shown:
            organ = level if name == "spine" else np.maximum(level, kept)
            image = blend(image, _tissue(name, value, organ, canvas, rng), inside(organ, 0.018))
            regions[name] = organ < 0
    window = (image - np.float32(LOW_HU)) / np.float32(HIGH_HU - LOW_HU)
    return Scene(window.astype(np.float32), regions)


def _torso(canvas: Canvas, rng: np.random.Generator, torso: Field, fat: float) -> Field:
    """Air, table, skin, subcutaneous fat, muscle with ribs, then mesenteric fat with bowel."""
    size = canvas.size
    table = np.abs(canvas.y - np.float32(0.86) - np.float32(0.1) * canvas.x**2) - np.float32(0.012)
    image = blend(np.full_like(torso, -1000), -100, inside(table, 0.02))
    image = blend(image, 40, inside(torso, 0.02))
    image = blend(
        image, -105 + 8 * smooth_noise(rng, size, 12), inside(torso + np.float32(0.02), 0.02)
    )
    muscle = torso + np.float32(fat)
    image = blend(image, 55 + 12 * fractal_noise(rng, size, 12), inside(muscle, 0.02))
    wall = np.abs(muscle + np.float32(0.035)) - np.float32(rng.uniform(0.014, 0.02))
    gaps = np.float32(rng.uniform(0.3, 0.9)) - smooth_noise(rng, size, 9)
    image = blend(
        image, rng.uniform(180, 300), inside(np.maximum(wall, gaps * np.float32(0.1)), 0.02)
    )
    cavity = torso + np.float32(fat + 0.06)
    image = blend(image, -95 + 10 * smooth_noise(rng, size, 10), inside(cavity, 0.02))
    return _bowel(canvas, rng, image, cavity)


def _bowel(canvas: Canvas, rng: np.random.Generator, image: Field, cavity: Field) -> Field:
    """Loops of soft tissue, some with gas, and the psoas: grey like the organs, never labelled."""
    size = canvas.size
    loops = np.abs(smooth_noise(rng, size, 9)) - np.float32(rng.uniform(0.7, 1.2))
    back = inside(canvas.y - np.float32(0.2), 0.3)
    image = blend(
        image,
        35 + 20 * smooth_noise(rng, size, 14),
        inside(cavity + np.float32(0.04), 0.03) * inside(loops * np.float32(0.1), 0.03) * back,
    )
    gas = np.float32(1.7) - smooth_noise(rng, size, 7)
    return blend(
        image,
        -700,
        inside(gas * np.float32(0.1), 0.03) * inside(cavity + np.float32(0.08), 0.03) * back,
    )


def _muscles(
    canvas: Canvas, rng: np.random.Generator, image: Field, wall: Field, back: float
) -> Field:
    """Psoas and back muscles beside the spine, and the inferior vena cava before it."""
    texture = 58 + 8 * smooth_noise(rng, canvas.size, 16)
    for side in (-1, 1):
        psoas = contour(canvas, (side * 0.2, back), (0.09, 0.12), side * 0.3, ripple(rng, 0.06))
        erector = contour(canvas, (side * 0.17, back + 0.19), (0.17, 0.09), 0, ripple(rng, 0.06))
        both = np.maximum(np.minimum(psoas, erector), wall)
        image = blend(image, texture, inside(both, 0.025))
    vena = contour(
        canvas, (-0.1, back - rng.uniform(0.17, 0.22)), (0.065, 0.05), 0, ripple(rng, 0.06)
    )
    return blend(image, rng.uniform(100, 150), inside(vena, 0.02))


def _organs(
    canvas: Canvas, rng: np.random.Generator, room: tuple[float, float], back: float
) -> dict[str, Field]:
    """Level of each organ.

    `room` holds the half width and half depth within the fat, `back` the vertebra's height.
    """
    wide, deep = room

    def organ(x: float, y: float, rx: float, ry: float, angle: float, rough: float) -> Field:
        centre = (x * wide + rng.normal(0, 0.015), y * deep + rng.normal(0, 0.015))
        grow = rng.uniform(0.88, 1.15)
        return contour(
            canvas,
            centre,
            (rx * wide * grow, ry * deep * grow),
            angle + rng.normal(0, 0.1),
            ripple(rng, rough),
        )

    liver = np.minimum(
        organ(-0.54, -0.06, 0.36, 0.62, 0.25, 0.07), organ(-0.16, -0.45, 0.36, 0.26, 0.15, 0.08)
    )
    spleen = organ(0.68, 0.28, 0.17, 0.42, -0.45, 0.08)
    stomach = organ(0.38, -0.32, 0.36, 0.3, -0.5, 0.1)
    kidneys = [organ(side * 0.44, 0.5, 0.15, 0.23, side * -0.5, 0.05) for side in (-1, 1)]
    aorta_at = (0.05 + rng.normal(0, 0.015), back - 0.175)
    aorta = contour(canvas, aorta_at, (0.062, 0.062), 0, ripple(rng, 0.03))
    spine = contour(canvas, (0, back), (0.125, 0.105), 0, ripple(rng, 0.04))
    arch = contour(canvas, (0, back + 0.14), (0.05, 0.12))
    canal = contour(canvas, (0, back + 0.135), (0.055, 0.045))
    bone = np.maximum(np.minimum(spine, arch), -canal)
    return {
        "liver": liver,
        "spleen": spleen,
        "right kidney": kidneys[0],
        "left kidney": kidneys[1],
        "stomach": stomach,
        "aorta": aorta,
        "spine": bone,
    }


def _tissue(
    name: str, plain: Field, level: Field, canvas: Canvas, rng: np.random.Generator
) -> Field:
    """Hounsfield units within one organ, from its plain parenchyma."""
    if name == "liver":  # enhanced vessels
        ridge = np.abs(smooth_noise(rng, canvas.size, 6)) - np.float32(0.12)
        return blend(plain, plain + 45, inside(ridge * np.float32(0.1), 0.02))
    if name in ("right kidney", "left kidney"):  # darker medulla and sinus fat
        return blend(plain, plain - 60, inside(level + np.float32(0.06), 0.04) * np.float32(0.8))
    if name == "stomach":  # a wall, fluid, and gas that rises to the front
        lumen = inside(level + np.float32(0.03), 0.02)
        gas = inside(canvas.y - np.float32(rng.uniform(-0.4, -0.22)), 0.01)
        return blend(blend(plain + 35, plain, lumen), -850, lumen * gas * float(rng.random() < 0.6))
    if name == "spine":  # cortex around spongy bone
        return blend(plain + 250, plain, inside(level + np.float32(0.018), 0.02))
    return plain


def acquire(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The grainy, correlated noise of filtered back-projection."""
    grain = gaussian_filter(white(rng, image), 0.7, truncate=2.5) * np.float32(2.3)
    level = np.float32(rng.uniform(0.03, 0.06))
    return image + level * grain + np.float32(0.01) * white(rng, image)


PHANTOM = Phantom(anatomy, acquire, field_mm=380.0)
