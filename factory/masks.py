"""Mask codecs: class indices as three-channel pictures that an autoencoder can carry, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

# scikit-image's rgb2gray, which the public model reads its decoded label pictures with.
LUMINANCE = (0.2125, 0.7154, 0.0721)


class Codec(Protocol):
    """Carries the masks of one domain through a three-channel autoencoder."""

    def encode(self, masks: NDArray[np.uint8]) -> Tensor:
        """(N, H, W) class indices -> (N, 3, H, W) float32 in [-1, 1]."""
        ...

    def decode(self, picture: Tensor, among: Sequence[int] | None = None) -> NDArray[np.uint8]:
        """(N, 3, H, W) -> (N, H, W) class indices, the nearest code of each pixel.

        Args:
            picture: decoded by an autoencoder.
            among: class indices that may occur beside the background; None: all. A blurred border
                between two classes passes near the codes of others, which the prompt can rule out.
        """
        ...


class GreyLevels:
    """Class i of K as grey level i/K: what the public MedSegFactory weights were trained on.

    With many classes the levels lie close together, and every boundary passes through the classes
    in between; `Lattice` does not.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.levels = torch.linspace(0, 1, classes + 1)[:, None]  # (K + 1, 1)

    def encode(self, masks: NDArray[np.uint8]) -> Tensor:
        grey = torch.from_numpy(masks.astype(np.float32)) / self.classes * 2 - 1
        return grey[:, None].expand(-1, 3, -1, -1).contiguous()

    def decode(self, picture: Tensor, among: Sequence[int] | None = None) -> NDArray[np.uint8]:
        weights = picture.new_tensor(LUMINANCE).view(1, 3, 1, 1)
        grey = ((picture + 1) / 2 * weights).sum(1, keepdim=True)
        return nearest(grey, self.levels, among)


@lru_cache
def lattice_colours(count: int) -> NDArray[np.float32]:
    """`count` colours of a cubic lattice in [-1, 1]^3, background (-1, -1, -1) first.

    Each next colour is the lattice point farthest from those taken (ties: first in order), so
    neighbours in the list, and small label maps as a whole, lie far apart.
    """
    levels = next(n for n in range(2, 8) if n**3 >= count)
    points = np.array(list(product(np.linspace(-1, 1, levels), repeat=3)), np.float32)
    taken = [0]
    while len(taken) < count:
        gaps = np.linalg.norm(points[:, None] - points[taken][None], axis=2).min(1)
        taken.append(int(gaps.argmax()))
    return points[taken]


class Lattice:
    """Each class a far-apart colour: up to 7 classes use the corners of the cube (a binary code).

    Source: the idea of lattice colours for classes is SimGen's (arXiv 2501.09008).
    """

    def __init__(self, classes: int) -> None:
        self.colours = torch.from_numpy(lattice_colours(classes + 1))  # (K + 1, 3)

    def encode(self, masks: NDArray[np.uint8]) -> Tensor:
        return self.colours[torch.from_numpy(masks.astype(np.int64))].movedim(-1, 1).contiguous()

    def decode(self, picture: Tensor, among: Sequence[int] | None = None) -> NDArray[np.uint8]:
        return settled(nearest(picture, self.colours, among), picture, self.colours)


def nearest(picture: Tensor, codes: Tensor, among: Sequence[int] | None) -> NDArray[np.uint8]:
    """(N, H, W) index of each pixel's nearest code, the lowest of equally near ones.

    Args:
        picture: (N, C, H, W).
        codes: (K + 1, C), the background's first.
        among: indices to choose from, beside 0; None: all.

    Raises:
        ValueError: if an index has no code.
    """
    allowed = range(len(codes)) if among is None else sorted({0, *among})
    if allowed[-1] >= len(codes):
        raise ValueError(f"class index {allowed[-1]} has no code; there are {len(codes) - 1}")
    return least(allowed, lambda index: distance(picture, codes[index])).cpu().numpy()


def settled(
    label: NDArray[np.uint8], picture: Tensor, codes: Tensor, rounds: int = 3
) -> NDArray[np.uint8]:
    """(N, H, W) label with its specks decided again, by the classes around them, too.

    A border between two classes passes near the codes of others, here and there for a pixel. A
    speck has at most one pixel of its own class among the eight around it. It takes the class of
    least energy: the distance of its code, less a share for each pixel around it of that class
    (Besag 1986, "On the statistical analysis of dirty pictures": iterated conditional modes), in
    rounds, since a speck may be some pixels large. Eight shares are less than the distance of any
    two codes, so what is drawn exactly stays.

    Args:
        label: what `nearest` found in picture.
        picture: (N, C, H, W).
        codes: (K + 1, C), the background's first.
        rounds: how often.
    """
    if len(codes) < 3:  # there is no third, which a border could pass
        return label
    classes = np.unique(label).tolist()
    share = float(torch.pdist(codes).min()) ** 2 / 9
    now = torch.from_numpy(label).to(picture.device)
    for _ in range(rounds):
        speck = company(now, classes) < 2
        if not speck.any():
            break
        now = torch.where(speck, _likely(now, classes, picture, codes, share), now)
    return now.cpu().numpy()


def _likely(
    label: Tensor, classes: Sequence[int], picture: Tensor, codes: Tensor, share: float
) -> Tensor:
    """(N, H, W) class of least energy, given what is around."""

    def energy(index: int) -> Tensor:
        return distance(picture, codes[index]) - share * around(label == index)

    return least(classes, energy)


def company(label: Tensor, classes: Sequence[int]) -> Tensor:
    """(N, H, W) how many of the eight pixels around each are of its own class."""
    found = torch.zeros_like(label, dtype=torch.float32)
    for index in classes:
        region = label == index
        found += around(region) * region
    return found


def least(classes: Sequence[int], cost: Callable[[int], Tensor]) -> Tensor:
    """(N, H, W) uint8 class of the least cost (N, H, W), the first of equal ones."""
    # One class at a time: (N, K, C, H, W) at once would not fit for many classes.
    best = cost(classes[0])
    label = torch.full_like(best, classes[0], dtype=torch.uint8)
    for index in classes[1:]:
        value = cost(index)
        label = torch.where(value < best, index, label)
        best = torch.minimum(value, best)
    return label


def distance(picture: Tensor, code: Tensor) -> Tensor:
    """(N, H, W) squared distance of each pixel's colour from a code (C,)."""
    return (picture - code.to(picture).view(1, -1, 1, 1)).square().sum(1)


def around(region: Tensor) -> Tensor:
    """(N, H, W) how many of the eight pixels around each lie in a region of bool."""
    return avg_pool2d(region[:, None].float(), 3, 1, 1, divisor_override=1)[:, 0] - region.float()


CODECS: Mapping[str, Callable[[int], Codec]] = {"grey": GreyLevels, "lattice": Lattice}


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Overlap of two regions in [0, 1]; 0 where either is empty: nothing cannot confirm anything."""
    both = int((first & second).sum())
    return 2 * both / int(first.sum() + second.sum()) if both else 0.0
