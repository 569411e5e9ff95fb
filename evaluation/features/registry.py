"""The sets of features a recipe may name, and the extractor of each; importing loads no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.features.handcrafted import Extractor, Handcrafted
from evaluation.pairs import Pairs

FROM_FILE = ("network", "inception")


@dataclass(frozen=True, eq=False)
class ExtractorContext:
    """What an extractor of one domain may be made of.

    Attributes:
        train: its real training pairs.
        classes: names of its foreground classes.
        seed: of the recipe.
        steps: of training an encoder.
        path: of the file that the recipe names.
        encoder: one that was trained on `train` before.
    """

    train: Pairs
    classes: tuple[str, ...]
    seed: int = 0
    steps: int = 300
    path: Path = Path()
    encoder: Extractor | None = None


def _handcrafted(ground: ExtractorContext) -> Extractor:
    return Handcrafted(ground.classes)


def _randconv(ground: ExtractorContext) -> Extractor:
    from evaluation.features.random_filters import RandomConvolutions

    return RandomConvolutions(ground.classes, ground.seed)


def _encoder(ground: ExtractorContext) -> Extractor:
    from evaluation.features.simclr_encoder import new_encoder, train_encoder

    if ground.encoder is not None:
        return ground.encoder
    encoder = new_encoder(ground.train.images.shape[-1], ground.classes, seed=ground.seed)
    for _ in train_encoder(encoder, ground.train, steps=ground.steps, seed=ground.seed):
        pass
    return encoder


def _network(ground: ExtractorContext) -> Extractor:
    from evaluation.features.exported_network import load_exported

    return load_exported(ground.path)


def _inception(ground: ExtractorContext) -> Extractor:
    from evaluation.features.exported_network import load_exported

    return load_exported(ground.path, "inception")


def _radiomics(ground: ExtractorContext) -> Extractor:
    from evaluation.features.radiomics import Radiomics

    return Radiomics(ground.classes)


FEATURES: Mapping[str, Callable[[ExtractorContext], Extractor]] = {
    "handcrafted": _handcrafted,
    "randconv": _randconv,
    "encoder": _encoder,
    "network": _network,
    "inception": _inception,
    "radiomics": _radiomics,
}


def kind_of(features: str) -> str:
    """Which set "network:models/dino.pt2" is: "network"."""
    return features.partition(":")[0]


def path_of(features: str) -> Path | None:
    """The file that the features are read with; None where there is none."""
    _, colon, path = features.partition(":")
    return Path(path) if colon else None


def content_of(features: str) -> str:
    """What equal pairs' features depend on besides the recipe: the file's SHA-256, or a version.

    Raises:
        InputError: if the version is that of a library that is not installed.
    """
    path = path_of(features)
    if features == "radiomics":
        from evaluation.features.radiomics import Radiomics

        return Radiomics(()).fingerprint
    if path is None:
        return Handcrafted.fingerprint if features == "handcrafted" else ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def below(features: str, folder: Path) -> str:
    """The same features, with a relative path made absolute."""
    path = path_of(features)
    if path is None:
        return features
    return f"{kind_of(features)}:{(folder / path.expanduser()).resolve()}"


def named(features: str) -> str:
    """The text itself, if it names a set that there is.

    Raises:
        ValueError: if it does not, or its path is missing or one too many.
    """
    kind, path = kind_of(features), path_of(features)
    if kind not in FEATURES:
        raise ValueError(f"features {kind!r} are unknown; choose among {sorted(FEATURES)}")
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


def extractor_of(features: str, ground: ExtractorContext) -> Extractor:
    """The extractor of one domain.

    Raises:
        InputError: if its file or library cannot be used, or there is nothing to learn from.
    """
    path = path_of(features)
    return FEATURES[kind_of(features)](ground if path is None else replace(ground, path=path))


def check_usable(features: str, size: int, channels: int) -> None:
    """Whether the file that the features name, if any, reads such images, and the library is there.

    Args:
        features: as in a recipe.
        size: of the images' sides.
        channels: of the images.

    Raises:
        InputError: if not.
    """
    path = path_of(features)
    if path is None:
        content_of(features)
        return
    from evaluation.features.exported_network import load_exported

    blank = np.zeros((1, size, size, channels), np.uint8)
    load_exported(path, kind_of(features)).groups(blank, blank[..., 0])
