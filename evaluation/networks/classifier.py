"""Training of classifiers: a loop that yields, and what it leaves behind, a model that answers.

A facets column holds the labels: `finding` for most callers, `modality` or another for some. A
pair whose text there is blank has no label: it teaches and chooses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from evaluation.errors import InputError
from evaluation.labels import UNLABELLED, label_indices
from evaluation.networks.augmentation import augmented_images, floats, standardised
from evaluation.networks.classical_augmentation import bent_images
from evaluation.networks.domain_randomisation import DomainRandomisation
from evaluation.networks.inference import device_of, predict_in_batches, to_best_device
from evaluation.networks.registry import CLASSIFIERS
from evaluation.networks.training_loop import Step, batch_composition, sample_rows, train_loop
from evaluation.networks.weights import digest_of, read_weights, restore, save_weights
from evaluation.pairs import Images, Pairs
from evaluation.statistics.roc import auroc

WEIGHTS = "classifier.safetensors"


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network with what is needed to use it on images of one domain, or of several.

    Attributes:
        network: images (B, C, H, W) to logits (B, L).
        kind: its name in `CLASSIFIERS`.
        channels: C of the images it takes.
        labels: names of the L outputs.
    """

    network: nn.Module
    kind: str
    channels: int
    labels: tuple[str, ...]

    def probabilities(self, images: Images) -> NDArray[np.float64]:
        """(N, L) probability of each label, rows summing to 1, for (N, H, W, C) uint8 images.

        Raises:
            ValueError: if the images have another number of channels.
        """
        rows = np.empty((len(images), len(self.labels)))
        return predict_in_batches(
            self.network, images, self.channels, lambda logits: logits.double().softmax(1), rows
        )

    @property
    def digest(self) -> str:
        """SHA-256 of kind, labels and weights: equal judges give equal scores."""
        return digest_of(self.network, self.kind, self.channels, self.labels)


def new_classifier(kind: str, channels: int, labels: Sequence[str], *, seed: int) -> Classifier:
    """An untrained classifier; its weights follow from the seed alone, the global one is kept.

    Raises:
        InputError: if the kind is unknown, or the labels are not two or more different ones.
    """
    if kind not in CLASSIFIERS:
        raise InputError(f"classifier {kind!r} is unknown; choose one of {sorted(CLASSIFIERS)}")
    if len(set(labels)) < 2 or len(set(labels)) < len(labels):
        raise InputError(f"labels {list(labels)} leave nothing to tell apart; give two or more")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CLASSIFIERS[kind](channels, len(labels))
    return Classifier(to_best_device(network), kind, channels, tuple(labels))


def train_classifier(
    classifier: Classifier,
    parts: Sequence[Pairs],
    column: str,
    *,
    steps: int,
    seed: int,
    batch: int = 16,
    learning_rate: float = 5e-3,
    weights: Sequence[float] = (),
    falls: tuple[int, int] | None = None,
    strength: float = 1.0,
    classical: bool = False,
    randomisations: Sequence[DomainRandomisation | None] = (),
    validation: Pairs | None = None,
    validate_every: int = 100,
) -> Iterator[Step]:
    """Trains in place and yields after every step; the caller may log or show progress.

    Steps are counted, not epochs, so that arms with few and with many images cost the same.
    AdamW with warm-up and cosine decay; loss is cross-entropy; every batch is augmented by affine
    and intensity changes, without mirroring, which would turn left into right. Masks are not
    looked at.

    Args:
        classifier: is changed; with `validation` it ends with its best validated weights,
            without it with the last ones.
        parts: each batch takes its share from every part, drawn with replacement; within a part
            every label that it holds is equally likely, however many images show it.
        column: of the facets, that holds the labels.
        steps: number of optimiser steps.
        seed: of drawing and augmentation.
        batch: images per step.
        learning_rate: the highest one.
        weights: of one or two parts in the batches; none means equal ones, of any number of parts.
        falls: when the last part leaves the batches, see `batch_composition`; needs weights.
        strength: of the augmentation, 1 for the usual one.
        classical: whether images are bent, too.
        randomisations: of each part, what changes its images before; none changes nothing.
        validation: pairs that choose the checkpoint, by AUROC; never those that are scored later.
        validate_every: steps between two validations; the last step always is validated.

    Raises:
        InputError: if a part has no labelled pair, or one whose label the classifier does not
            know; if the validation pairs show fewer than two labels.
        ValueError: if the loss stops being finite.
    """
    network = classifier.network
    shares = batch_composition(batch, weights, falls) if weights else repeat(None)
    change = bent_images if classical else augmented_images
    draws = _batches(
        parts,
        column,
        classifier.labels,
        batch,
        seed,
        shares,
        change,
        strength,
        randomisations,
    )

    def loss() -> Tensor:
        images, labels = (tensor.to(device_of(network)) for tensor in next(draws))
        return cross_entropy(network(images), labels)

    yield from train_loop(
        network,
        loss,
        steps=steps,
        learning_rate=learning_rate,
        validate=None if validation is None else lambda: validated(classifier, validation, column),
        validate_every=validate_every,
    )


def validated(classifier: Classifier, pairs: Pairs, column: str) -> float:
    """AUROC over the labelled pairs, in [0, 1], as `discrimination.auroc` defines it.

    Raises:
        InputError: if they show fewer than two labels, or one that the classifier does not know.
    """
    labels = label_indices(pairs, column, classifier.labels)
    at = np.flatnonzero(labels != UNLABELLED)
    if len(np.unique(labels[at])) < 2:
        raise InputError(
            f"the validation pairs show fewer than two labels in {column!r}, so they cannot "
            "choose weights; add pairs of another label"
        )
    return float(auroc(classifier.probabilities(pairs.images[at]), labels[at])[0])


def save_classifier(classifier: Classifier, folder: Path) -> None:
    """Writes the folder with one safetensors file that also holds kind, channels and labels."""
    card = {"kind": classifier.kind, "channels": str(classifier.channels)}
    card["labels"] = json.dumps(classifier.labels)
    save_weights(classifier.network, card, folder / WEIGHTS)


def load_classifier(folder: Path) -> Classifier:
    """Reads what `save_classifier` wrote.

    Raises:
        InputError: if the folder holds no such file, one of a newer format, or other weights.
    """
    path = folder / WEIGHTS
    card, state = read_weights(path, "classifier")
    labels = tuple(json.loads(card["labels"]))
    classifier = new_classifier(card["kind"], int(card["channels"]), labels, seed=0)
    restore(classifier.network, state, path, card["kind"])
    return classifier


def _batches(
    parts: Sequence[Pairs],
    column: str,
    known: Sequence[str],
    batch: int,
    seed: int,
    shares: Iterable[list[int] | None],
    change: Callable[[Tensor, torch.Generator, float], Tensor],
    strength: float,
    randomisations: Sequence[DomainRandomisation | None],
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless augmented batches: standardised images and (B,) indices of their labels."""
    labels = [label_indices(part, column, known) for part in parts]
    usable = [np.flatnonzero(part != UNLABELLED) for part in labels]
    if not usable or not all(map(len, usable)):
        raise InputError(f"a part of the training data has no pair with a label in {column!r}")
    chances = [_balanced(part[at]) for part, at in zip(labels, usable, strict=True)]
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    for counts in shares:
        chosen = sample_rows(usable, batch, rng, chances, counts)
        rows = zip(parts, labels, chosen, strict=True)
        taken = [(part.images[c], label[c]) for part, label, c in rows]
        for at, randomisation in enumerate(randomisations):
            taken[at] = (
                taken[at] if randomisation is None else randomisation.labelled(*taken[at], known)
            )
        images, targets = (np.concatenate(each) for each in zip(*taken, strict=True))
        changed = change(floats(images), generator, strength)
        yield standardised(changed), torch.from_numpy(targets)


def _balanced(labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """(N,) chance of each row under which all labels that occur are equally likely."""
    _, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / (counts[code] * len(counts)))
