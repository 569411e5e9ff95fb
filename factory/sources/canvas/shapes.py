"""Smooth random geometry: posed canvases, Fourier contours, random fields and branching trees.

Everything is drawn in canvas units: x runs to the right and y downwards, both from -1 to 1 across
the image. A contour is a level field, negative inside and roughly the distance to the edge, so
that the mask (`level < 0`) and the drawn edge (`inside(level, width)`) are one geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Field = NDArray[np.float32]  # (n, n)
Mask = NDArray[np.bool_]  # (n, n)
Point = tuple[float, float]  # x, y


@dataclass(frozen=True, eq=False)
class Canvas:
    """Coordinates of every pixel in the anatomy's own frame.

    Attributes:
        x: (n, n) position to the right, about -1 to 1, after pose and warp.
        y: (n, n) position downwards.
        pose: (2, 3) matrix from anatomy to canvas: canvas = pose[:, :2] @ anatomy + pose[:, 2].
    """

    x: Field
    y: Field
    pose: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of rows and columns, n."""
        return len(self.x)

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel positions (column, row) of anatomy points (..., 2); the warp is left out."""
        placed = points @ self.pose[:, :2].T + self.pose[:, 2]
        return (placed + 1) * self.size / 2


def flat_canvas(size: int) -> Canvas:
    """The canvas without pose or warp; pixel centres, so no pixel lies on the frame."""
    axis = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return Canvas(x, y, np.eye(2, 3))


def posed_canvas(
    size: int,
    rng: np.random.Generator,
    *,
    shift: float = 0.05,
    turn: float = 0.06,
    grow: float = 0.06,
    zoom: float = 1.0,
    warp: float = 0.02,
) -> Canvas:
    """A canvas moved, turned, scaled and bent at random.

    Args:
        size: rows and columns.
        rng: where the pose comes from; the number of draws does not depend on `size`.
        shift: greatest displacement, canvas units.
        turn: standard deviation of the rotation, radians.
        grow: greatest relative change of scale.
        zoom: mean scale.
        warp: standard deviation of a smooth displacement, canvas units.
    """
    dx, dy = rng.uniform(-shift, shift, 2)
    angle, scale = rng.normal(0, turn), zoom * (1 + rng.uniform(-grow, grow))
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    pose = np.array([[c, -s, dx], [s, c, dy]])
    back = np.linalg.inv(pose[:, :2]).astype(np.float32)
    flat = flat_canvas(size)
    x, y = flat.x - np.float32(dx), flat.y - np.float32(dy)
    bend_x, bend_y = (smooth_noise(rng, size, 4) * np.float32(warp) for _ in range(2))
    return Canvas(
        back[0, 0] * x + back[0, 1] * y + bend_x, back[1, 0] * x + back[1, 1] * y + bend_y, pose
    )


@lru_cache(maxsize=256)
def _spline_taps(size: int, cells: int) -> tuple[NDArray[np.int64], Field]:
    """First control value and the four weights (4, size) of cubic B-splines at pixel centres."""
    at = (np.arange(size) + 0.5) * cells / size
    t = at % 1
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    return np.floor(at).astype(np.int64), (weights / 6).astype(np.float32)


def smooth_noise(rng: np.random.Generator, size: int, cells: int, rows: int | None = None) -> Field:
    """Smooth Gaussian field (size, size), mean 0, standard deviation about 1.

    Args:
        rng: source of the (rows + 3) x (cells + 3) control values, whatever the size, so that
            one seed shows one anatomy at every size.
        size: rows and columns of the field.
        cells: bumps across the image.
        rows: bumps down the image; the same as `cells` when None.
    """
    down = rows or cells
    control = rng.standard_normal((down + 3, cells + 3), dtype=np.float32)
    # Sums in a fixed order, not a matrix product: its bits would depend on the BLAS at hand.
    first, weights = _spline_taps(size, cells)
    wide = _taps(control.T, first, weights).T
    first, weights = _spline_taps(size, down)
    field = _taps(wide, first, weights)
    # 0.48: standard deviation that cubic B-spline smoothing leaves of unit control values in 2D.
    return field / np.float32(0.48)


def _taps(control: Field, first: NDArray[np.int64], weights: Field) -> Field:
    total = control[first] * weights[0][:, None]
    for k in range(1, 4):
        total += control[first + k] * weights[k][:, None]
    return total


def fractal_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 3) -> Field:
    """Sum of smooth fields, each twice as fine and half as strong; standard deviation about 1."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        total += smooth_noise(rng, size, cells << octave) / np.float32(1 << octave)
    return total / np.float32(1.15)


def ripple(rng: np.random.Generator, amount: float, harmonics: int = 5) -> NDArray[np.complex64]:
    """Random Fourier coefficients 2 .. harmonics+1 of a contour's radius.

    Args:
        rng: source of the coefficients.
        amount: standard deviation of the radius, as a share of the radius.
        harmonics: how many; more make a more jagged contour.
    """
    order = np.arange(2, harmonics + 2)
    fade = 1.0 / order
    scale = amount * fade / np.sqrt(np.sum(fade**2))
    return (scale * (rng.standard_normal(harmonics) + 1j * rng.standard_normal(harmonics))).astype(
        np.complex64
    )


def contour(
    canvas: Canvas,
    centre: Point,
    radii: Point,
    angle: float = 0.0,
    waves: NDArray[np.complex64] | None = None,
) -> Field:
    """Level field of an ellipse whose radius is modulated by Fourier waves.

    Args:
        canvas: where.
        centre: x, y.
        radii: along the first axis and across it.
        angle: of the first axis, radians, from x towards y.
        waves: coefficients of harmonics 2, 3, ... as `ripple` gives them.

    Returns:
        (n, n), negative inside; near the edge about the distance to it in canvas units.
    """
    dx, dy = canvas.x - np.float32(centre[0]), canvas.y - np.float32(centre[1])
    c, s = np.cos(angle), np.sin(angle)
    u = dx * np.float32(c / radii[0]) + dy * np.float32(s / radii[0])
    v = dy * np.float32(c / radii[1]) - dx * np.float32(s / radii[1])
    radius: Field = np.sqrt(u * u + v * v)
    level = radius - 1
    if waves is not None:
        box = _bounding_box(radius < np.float32(1.8))
        level[box] -= _radius_change(u[box], v[box], radius[box], waves)
    return level * np.float32(np.sqrt(radii[0] * radii[1]))


def _bounding_box(region: Mask) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _radius_change(u: Field, v: Field, radius: Field, waves: NDArray[np.complex64]) -> Field:
    """Sum of the harmonics 2, 3, ... of the direction; it fades to 0 at the centre."""
    direction = np.empty(radius.shape, np.complex64)
    safe = radius + np.float32(1e-6)
    direction.real, direction.imag = u / safe, v / safe
    # Horner's scheme: the powers of the unit direction are the harmonics, without an arctangent.
    total = np.full_like(direction, waves[-1].conj())
    for wave in waves[-2::-1]:
        total = total * direction + wave.conj()
    total *= direction * direction
    # Full from 0.6 of the mean radius on, where edges lie; smoothly none at the centre.
    return total.real * inside(np.float32(0.3) - radius, 0.6)


def inside(level: Field, width: float) -> Field:
    """Coverage in [0, 1] of a region whose edge is `width` canvas units wide."""
    t = np.clip(np.float32(0.5) - level / np.float32(width), 0, 1)
    return t * t * (3 - 2 * t)


def blend(image: Field, value: Field | float, cover: Field) -> Field:
    """`image` where cover is 0 and `value` where it is 1; colours take cover (n, n, 1)."""
    return image + (np.asarray(value, np.float32) - image) * cover


def spot(rng: np.random.Generator, level: Field) -> tuple[int, int]:
    """A random pixel (row, column) where the level is negative, or else where it is least.

    The candidates are shares of the image, so one seed picks the same place at every size.
    """
    rows, columns = (rng.random((2, 200)) * len(level)).astype(np.int64)
    hits = np.flatnonzero(level[rows, columns] < 0)
    if len(hits):
        return int(rows[hits[0]]), int(columns[hits[0]])
    row, column = divmod(int(level.argmin()), level.shape[1])
    return row, column


Branches = tuple[NDArray[np.float64], float]  # points (m, p, 2) of m branches, their width


def grow_trees(
    rng: np.random.Generator,
    roots: ArrayLike,
    headings: ArrayLike,
    *,
    length: float,
    width: float,
    generations: int,
    curl: float = 0.25,
    bend: ArrayLike = 0.0,
) -> list[Branches]:
    """Bifurcating trees of wandering branches, as vessels have; one entry for each generation.

    Args:
        rng: source of the shape.
        roots: (k, 2) where the trees start.
        headings: (k,) initial directions, radians, from x towards y.
        length: of the first branches; each next one has about 0.78 of it.
        width: of the first branches; daughters follow Murray's law, 2^(-1/3) of the parent.
        generations: how many times they fork.
        curl: standard deviation of the turn at each of a branch's six steps, radians.
        bend: (k,) steady turn along each first branch, radians; daughters keep half of it.
    """
    start, heading = np.atleast_2d(np.asarray(roots, float)), np.atleast_1d(headings)
    curve = np.broadcast_to(np.asarray(bend, float), heading.shape)
    long = np.full(heading.shape, length)
    grown: list[Branches] = []
    for generation in range(generations + 1):
        turns = rng.normal(0, curl, (len(heading), 6)) + curve[:, None] / 6
        turns = heading[:, None] + np.cumsum(turns, axis=1)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * (long / 6)[:, None, None]
        points = start[:, None] + np.cumsum(steps, axis=1)
        grown.append(
            (np.concatenate([start[:, None], points], axis=1), width * 2 ** (-generation / 3))
        )
        sides = np.tile([-1.0, 1.0], len(heading))
        start, curve = points[:, -1].repeat(2, axis=0), curve.repeat(2) / 2
        heading = turns[:, -1].repeat(2) + sides * rng.uniform(0.25, 0.7, len(sides))
        long = long.repeat(2) * rng.uniform(0.65, 0.9, len(sides))
    return grown


def draw_branches(canvas: Canvas, branches: Sequence[Branches]) -> Field:
    """Coverage (n, n) in [0, 1] of all branches; thin ones are fainter, not thicker."""
    sheet = Image.new("L", (canvas.size, canvas.size))
    pen = ImageDraw.Draw(sheet)
    for points, width in sorted(branches, key=lambda branch: branch[1]):
        wide = width * canvas.size / 2
        ink, thick = int(255 * min(1.0, wide)), max(1, round(wide))
        for line in canvas.pixels(points).reshape(len(points), -1).tolist():
            pen.line(line, fill=ink, width=thick)
    return np.asarray(sheet, np.float32) / np.float32(255)
