"""The names of the sets of features that a recipe may ask for; importing them loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

HANDCRAFTED = "handcrafted"

# What each set holds, for people; `features.registry` makes their extractors.
SETS: Mapping[str, str] = {
    HANDCRAFTED: "image and mask, measured by hand, robustly scaled",
    "encoder": "a small encoder that taught itself on the real training pairs alone; blind to some "
    "blur and noise, so never read alone",
    "network": "the user's own exported network, of the image alone",
    "inception": "the user's exported Inception network, of the image alone",
    "radiomics": "pyradiomics of the image and of each class's region, robustly scaled",
    "lite0-early": "the image by early blocks of EfficientNet-Lite0, robustly scaled",
}
FROM_FILE = ("network", "inception")
IMAGE_ALONE = (*FROM_FILE, "lite0-early")  # sets whose extractors read no mask
# Sets that came after digests of configurations were first worked out: they enter the digests of
# those recipes alone that name them.
LATER = ("lite0-early",)

# Groups of the handcrafted features: each gives a shift its name.
GROUPS: Mapping[str, str] = {
    "first_order": "grey-level statistics",
    "texture": "texture",
    "spectrum": "power by spatial frequency",
    "geometry": "presence, size, place and shape of the mask's classes",
    "boundary": "what the image does at the mask's contour, hence their pairing",
}
RETIRED = ("randconv",)  # sets that an earlier release worked out
IMAGE_GROUPS = ("first_order", "texture", "spectrum")  # no mask enters these


def kind_of(features: str) -> str:
    """Which set "network:models/dino.pt2" is: "network"."""
    return features.partition(":")[0]


def path_of(features: str) -> Path | None:
    """The file that the features are read with; None where there is none."""
    _, colon, path = features.partition(":")
    return Path(path) if colon else None


def with_file(features: str, change: Callable[[Path], Path]) -> str:
    """The same features, with the path of their file changed; those without a file as they are."""
    path = path_of(features)
    return features if path is None else f"{kind_of(features)}:{change(path)}"


def named(features: str) -> str:
    """The text itself, if it names a set that there is.

    Raises:
        ValueError: if it does not, or its path is missing or one too many.
    """
    kind, path = kind_of(features), path_of(features)
    if kind in RETIRED:
        raise ValueError(f"features {kind!r} are no longer worked out; drop them")
    if kind not in SETS:
        raise ValueError(f"features {kind!r} are unknown; choose among {sorted(SETS)}")
    if kind in FROM_FILE and path in (None, Path()):
        raise ValueError(
            f"features {features!r} name no file, and the package holds no weights of others; "
            f"write {kind}:PATH with an exported network (.pt2)"
        )
    if kind not in FROM_FILE and path is not None:
        raise ValueError(f"features {features!r} name a file that {kind} does not read; drop it")
    return features


def combined(features: tuple[str, ...]) -> tuple[str, ...]:
    """The sets themselves, if scores of all of them can be told apart and trusted.

    Raises:
        ValueError: if there are none, two share one name, or the encoder is alone.
    """
    if not features:
        raise ValueError(
            "no features are named, so no distance could be measured; name handcrafted"
        )
    kinds = [kind_of(each) for each in features]
    if repeated := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        raise ValueError(
            f"{repeated} is given twice: their scores would share one name; evaluate one after the "
            "other"
        )
    if set(kinds) == {"encoder"}:
        raise ValueError(
            "the encoder is the only feature set, and it is blind to blur and noise, which "
            "generators add; name handcrafted beside it"
        )
    return features
