"""Values of masks that are handed over: class indices of the domain that they are meant for."""

from __future__ import annotations

import numpy as np

from factory.errors import InputError
from factory.pairs import Masks
from factory.vocabulary import Domain


def known_values(domain: Domain) -> str:
    """The values of a domain's masks in words: "0 background, 1 left lung, ..."."""
    return ", ".join(f"{index} {name}" for name, index in domain.label_map.items())


def check_indices(mask: Masks, name: str, domain: Domain) -> None:
    """Whether every value of a mask is a class of the domain.

    Raises:
        InputError: naming those that are none.
    """
    if unknown := [int(value) for value in np.unique(mask) if value > len(domain.classes)]:
        some = ", ".join(map(str, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        raise InputError(
            f"{name} holds the values {some}, which are no classes of {domain.name}: an image "
            f"would be made for something else; known are {known_values(domain)}"
        )
