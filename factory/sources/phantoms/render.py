"""From a domain, a finding, classes and a seed to one exact pair."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from factory.errors import InputError
from factory.sources.phantoms import PHANTOMS
from factory.sources.phantoms.scene import index_mask, shrink

Domain = SimpleNamespace
_L = ("left lung", "right lung", "heart")
_C = ("right ventricle", "myocardium", "left ventricle")
_A = ("liver", "spleen", "right kidney", "left kidney", "stomach", "aorta", "spine")
DOMAINS = {
    "phantom-chest-xray": Domain(
        classes=(*_L, "opacity"),
        findings={"normal": _L, "opacity": (*_L, "opacity"), "cardiomegaly": _L},
    ),
    "phantom-cardiac-mri": Domain(
        classes=_C, findings={"normal": _C, "hypertrophy": _C, "dilated": _C}
    ),
    "phantom-abdomen-ct": Domain(classes=_A, findings={"normal": _A}),
    "phantom-breast-us": Domain(
        classes=("lesion",),
        findings={"normal": (), "benign": ("lesion",), "malignant": ("lesion",)},
    ),
    "phantom-colonoscopy": Domain(
        classes=("polyp",), findings={"normal": (), "polyp": ("polyp",)}
    ),
    "phantom-fundus": Domain(
        classes=("disc", "cup"), findings={"normal": ("disc", "cup"), "glaucoma": ("disc", "cup")}
    ),
    "phantom-dermoscopy": Domain(
        classes=("lesion",), findings={"nevus": ("lesion",), "melanoma": ("lesion",)}
    ),
}


def render(
    domain: str, finding: str, classes: Sequence[str] | None, seed: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws one image and its exact mask; equal arguments give equal pixels.

    Convention: radiological, the patient's right is on the image's left.

    Args:
        domain: name of a phantom domain.
        finding: one of the domain's findings; "" takes any that shows the classes.
        classes: exactly the classes to show (the others are absent from the picture too);
            None takes those of the finding.
        seed: any integer.
        size: rows and columns, at least 32. One seed shows one anatomy at every size.

    Returns:
        image (S, S, C) uint8, C = 3 in the colour domains and 1 in the others, and
        mask (S, S) uint8 class indices, 0 = background.

    Raises:
        InputError: if domain, finding or a class is not known.
    """
    known = DOMAINS[domain]
    anatomy_rng, film_rng = _streams(domain, finding, classes, seed)
    finding = finding or _any_finding(known, classes, anatomy_rng)
    if classes is None:
        classes = known.findings[finding]
    unknown = set(classes) - set(known.classes)
    if unknown:
        raise InputError(f"{domain} has no class {sorted(unknown)}")
    phantom = PHANTOMS[domain]
    scene = phantom.anatomy(2 * size, anatomy_rng, finding, frozenset(classes))
    film = phantom.acquire(shrink(scene.image), film_rng)
    image = (np.clip(film, 0, 1) * 255).astype(np.uint8)
    return image.reshape(size, size, -1), index_mask(scene.regions, known.classes, size)


def _streams(
    domain: str, finding: str, classes: Sequence[str] | None, seed: int
) -> list[np.random.Generator]:
    """Generators of the anatomy and of the acquisition, from a hash that no process salts."""
    shown = "any" if classes is None else ";".join(sorted(classes))
    name = f"{domain}|{finding}|{shown}|{seed}".encode()
    root = int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "big")
    return np.random.default_rng(root).spawn(2)


def _any_finding(
    known: Domain, classes: Sequence[str] | None, rng: np.random.Generator
) -> str:
    """A finding that shows just these classes, or any one where none does."""
    fitting = [
        name
        for name, shows in known.findings.items()
        if classes is None or set(shows) == set(classes)
    ]
    return str(rng.choice(fitting or list(known.findings)))
