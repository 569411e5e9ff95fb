"""The extractor of each set of features; importing loads no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.features.handcrafted import Extractor, Handcrafted
from evaluation.features.names import kind_of, path_of
from evaluation.pairs import Pairs


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


def _handcrafted(context: ExtractorContext) -> Extractor:
    return Handcrafted(context.classes)


def _encoder(context: ExtractorContext) -> Extractor:
    from evaluation.features.simclr_encoder import new_encoder, train_encoder

    if context.encoder is not None:
        return context.encoder
    encoder = new_encoder(context.train.images.shape[-1], context.classes, seed=context.seed)
    for _ in train_encoder(encoder, context.train, steps=context.steps, seed=context.seed):
        pass
    return encoder


def _network(context: ExtractorContext) -> Extractor:
    from evaluation.features.exported_network import load_exported

    return load_exported(context.path)


def _inception(context: ExtractorContext) -> Extractor:
    from evaluation.features.exported_network import load_exported

    return load_exported(context.path, "inception")


def _radiomics(context: ExtractorContext) -> Extractor:
    from evaluation.features.radiomics import Radiomics

    return Radiomics(context.classes)


def _lite0_early(_context: ExtractorContext) -> Extractor:
    from evaluation.features.lite0 import Lite0Early

    return Lite0Early()


FEATURES: Mapping[str, Callable[[ExtractorContext], Extractor]] = {
    "handcrafted": _handcrafted,
    "encoder": _encoder,
    "network": _network,
    "inception": _inception,
    "radiomics": _radiomics,
    "lite0-early": _lite0_early,
}


def content_of(features: str) -> str:
    """What equal pairs' features depend on besides the recipe: the file's SHA-256, or a version.

    Raises:
        InputError: if the version is that of a library or weights that are not installed.
    """
    path = path_of(features)
    if features == "radiomics":
        from evaluation.features.radiomics import Radiomics

        return Radiomics(()).fingerprint
    if features == "lite0-early":
        from evaluation.features.lite0 import Lite0Early

        return Lite0Early().fingerprint
    if path is None:
        return Handcrafted.fingerprint if features == "handcrafted" else ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def extractor_of(features: str, context: ExtractorContext) -> Extractor:
    """The extractor of one domain.

    Raises:
        InputError: if its file or library cannot be used, or there is nothing to learn from.
    """
    path = path_of(features)
    return FEATURES[kind_of(features)](context if path is None else replace(context, path=path))


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
