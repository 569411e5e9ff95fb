"""From a domain, a finding, classes and a seed to one exact pair."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from factory.sources.canvas.scene import index_mask, shrink
from factory.sources.phantoms import PHANTOMS
from factory.vocabulary import Domain, load_vocabulary, unknown_name


def render(
    domain: str, finding: str, classes: Sequence[str] | None, seed: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws one image and its exact mask; equal arguments give equal pixels.

    Convention: radiological, the patient's right is on the image's left.

    Args:
        domain: name of a phantom domain of the vocabulary.
        finding: one of the domain's findings; "" takes any that shows the classes.
        classes: exactly the classes to show (the others are absent from the picture too);
            None takes those of the finding.
        seed: any integer.
        size: rows and columns, at least 32. One seed shows one anatomy at every size.

    Returns:
        image (S, S, C) uint8, C = 3 in the colour domains and 1 in the others, and
        mask (S, S) uint8 class indices, 0 = background.

    Raises:
        InputError: if the domain is no phantom, or does not know the finding or a class.
    """
    known = phantom_domain(domain)
    asked = known.shown(finding) if classes is None else tuple(classes)
    for name in asked:
        known.index(name)
    anatomy_rng, film_rng = _streams(f"{domain}|{finding}|{';'.join(sorted(asked))}|{seed}")
    appearance = finding or _any_finding(known, asked, anatomy_rng)
    phantom = PHANTOMS[domain]
    scene = phantom.anatomy(2 * size, anatomy_rng, appearance, frozenset(asked))
    film = phantom.acquire(shrink(scene.image), film_rng)
    image = (np.clip(film, 0, 1) * 255).round().astype(np.uint8)
    return image.reshape(size, size, -1), index_mask(scene.regions, known.classes, size)


def phantom_domain(name: str) -> Domain:
    """The phantom domain of this name.

    Raises:
        InputError: if there is none; real domains cannot be drawn.
    """
    if name not in PHANTOMS:
        raise unknown_name("domain", name, PHANTOMS, "the phantoms")
    return load_vocabulary().domain(name)


def _streams(name: str) -> list[np.random.Generator]:
    """Generators of the anatomy and of the acquisition, from a hash that no process salts."""
    root = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "big")
    return np.random.default_rng(root).spawn(2)


def _any_finding(known: Domain, asked: Sequence[str], rng: np.random.Generator) -> str:
    """A finding that shows just these classes, or any one where none does, or none at all."""
    same = [name for name, shows in known.findings.items() if set(shows) == set(asked)]
    candidates = same or list(known.findings)
    return str(rng.choice(candidates)) if candidates else ""
