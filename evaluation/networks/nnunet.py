"""nnU-Net v2 as a segmenter of the arms: it plans, trains and predicts by its own rules.

Its own are fingerprint, plan, preprocessing, network, augmentation, loss, optimiser and inference
(Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). Of the comparison are the number of steps, the
pairs in each, how parts are mixed, and what chooses the weights, so that its arms can be held against
each other and beside those of other segmenters.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.errors import InputError
from evaluation.networks.domain_randomisation import DomainRandomisation, other_side
from evaluation.networks.inference import device_of, to_best_device
from evaluation.networks.nnunet_files import FLAT, check_installed, environment, write_raw
from evaluation.networks.registry import NNUNET
from evaluation.networks.segmenter import WEIGHTS, Segmenter, validated
from evaluation.networks.training_loop import Best, Step
from evaluation.networks.weights import digest_of, read_weights, restore
from evaluation.pairs import Images, Masks, Pairs

if TYPE_CHECKING:
    from evaluation.networks.nnunet_trainer import Trainer

EPOCH = 25  # about so many steps between two changes of the learning rate


class Planned(nn.Module):
    """nnU-Net's network, which has no layers before there is a plan.

    Attributes:
        plan: its plans, data set description and whether it may mirror; None for none yet.
        layers: the network of that plan; images (B, C, H, W) to logits (B, K + 1, H, W).
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan: dict[str, Any] | None = None
        self.layers: nn.Module | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Logits; nnU-Net's inference does more than this to an image."""
        return cast("nn.Module", self.layers)(images)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]  # noqa: ANN401
        """Every weight once; nnU-Net's own network names most of them two to four times."""
        named = {name for name, _ in self.named_parameters()}
        return {k: v for k, v in super().state_dict(*args, **kwargs).items() if k in named}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401
        """Takes what `state_dict` gave, under every name."""
        first = {id(weight): name for name, weight in self.named_parameters()}
        every = self.named_parameters(remove_duplicate=False)
        owners = {name: first[id(weight)] for name, weight in every}
        more = {name: state_dict[own] for name, own in owners.items() if own in state_dict}
        return super().load_state_dict({**state_dict, **more}, strict, assign)


@dataclass(frozen=True, eq=False)
class Nnunet(Segmenter):
    """nnU-Net v2, to be trained by `train_nnunet`; attributes as of any segmenter."""

    network: Planned
    name: ClassVar[str] = NNUNET
    configuration: ClassVar[str] = "2d"

    @classmethod
    def new(cls, channels: int, classes: Sequence[str], plan: str | None = None) -> Self:
        """Without a plan it makes one when it is trained first.

        Args:
            channels: C of the images.
            classes: names of the K foreground classes.
            plan: from the card of another one, whose weights are to be read.

        Raises:
            InputError: if nnU-Net v2 is not installed.
        """
        check_installed()
        network = Planned()
        if plan is not None:
            from evaluation.networks.nnunet_trainer import network_of

            network.plan = json.loads(plan)
            network.layers = to_best_device(network_of(json.loads(plan), cls.configuration))
        return cls(network, cls.name, channels, tuple(classes))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save_segmenter` wrote of one.

        Raises:
            InputError: as `segmenter.load_segmenter`, or if nnU-Net v2 is not installed.
        """
        path = folder / WEIGHTS
        card, state = read_weights(path, "segmenter")
        found = cls.new(int(card["channels"]), json.loads(card["classes"]), card["plan"])
        restore(found.network, state, path, cls.name)
        return found

    def write(self, parts: Sequence[Pairs], folder: Path) -> None:
        """Writes what it is trained on as a raw data set; see `nnunet_files.write_raw`."""
        write_raw(parts, self.classes, folder)

    def validated(self, pairs: Pairs) -> float:
        """Mean Dice that chooses its weights."""
        return validated(self, pairs)

    def predict(self, images: Images) -> Masks:
        """(N, H, W) uint8 class indices for (N, H, W, C) uint8 images, by nnU-Net's inference.

        Raises:
            ValueError: if it was not trained, or the images have another number of channels.
        """
        masks = self.inferred(images[:, None], FLAT)
        return np.concatenate([np.zeros((0, *images.shape[1:3]), np.uint8), *masks])

    def inferred(self, volumes: Images, spacing_mm: Sequence[float]) -> list[Masks]:
        """The mask (K, H, W) of each of (N, K, H, W, C) volumes, see `nnunet_trainer.masks_of`."""
        layers, plan = self.network.layers, self.network.plan
        if layers is None or plan is None:
            raise ValueError("this nnU-Net has no plan before it is trained")
        if volumes.shape[-1] != self.channels:
            raise ValueError(f"images have {volumes.shape[-1]} channels, not {self.channels}")
        from evaluation.networks.nnunet_trainer import masks_of, silence

        with silence():
            return list(masks_of(layers, plan, self.configuration, volumes, spacing_mm))

    @property
    def digest(self) -> str:
        """SHA-256 of plan, classes and weights."""
        identity = (self.kind, self.channels, self.classes, self.network.plan)
        return digest_of(self.network, *identity)

    @property
    def card(self) -> dict[str, str]:
        """As of any segmenter, and its plan."""
        return super().card | {"plan": json.dumps(self.network.plan)}


def train_nnunet(
    segmenter: Nnunet,
    parts: Sequence[Pairs],
    *,
    steps: int,
    seed: int,
    work: Path | None = None,
    batch: int = 8,
    weights: Sequence[float] = (),
    strength: float = 1.0,
    randomisations: Sequence[DomainRandomisation | None] = (),
    validation: Pairs | None = None,
    validate_every: int = 100,
) -> Iterator[Step]:
    """Trains in place and yields after every step, as `train_segmenter` does.

    A step is one of nnU-Net's iterations; its learning rate falls every 25 or so, from 0.01 to
    about nothing over all steps (nnU-Net itself takes 250 000). A segmenter that has a plan goes on
    with it and with its weights, as nnU-Net is fine-tuned; otherwise it plans by the parts. Where
    classes are a left and a right one, neither training nor prediction mirrors, which nnU-Net else
    does.

    Parts are mixed by chance: every pair of a batch is drawn anew, a part with a chance as its
    weight says, its cases alike. With weights 1 and 3 a quarter of all pairs are of the first part
    on average, though not of each batch.

    Args:
        segmenter: is changed; with `validation` it ends with its best validated weights.
        parts: one or two.
        steps: number of iterations.
        seed: of first weights, drawing and augmentation; global random numbers stay as they are.
        work: folder of nnU-Net's files, which must hold nothing else: it is removed, also before
            where an earlier attempt was cut off. None takes a temporary folder of the system.
        batch: pairs per step, in place of the number that nnU-Net would plan.
        weights: of the parts; none means equal ones.
        strength: only 1; nnU-Net's augmentation has no strength.
        randomisations: none; nnU-Net draws pairs from files.
        validation: pairs that choose the weights, by Dice as for other segmenters; nnU-Net
            neither plans nor trains by them.
        validate_every: steps between two validations.

    Raises:
        InputError: if a part has no pair with a mask, no mask shows anything, or augmentation is
            to be changed.
        ValueError: if the loss stops being finite.
    """
    if strength != 1 or any(randomisation is not None for randomisation in randomisations):
        raise InputError(
            f"{segmenter.name} augments by its own rules; leave out the arm augmented, and "
            "domain_randomisation"
        )
    chances = _Chances(seed)
    with _passing(work) as folder:
        with chances.alone():
            epochs = np.array_split(np.arange(1, steps + 1), max(1, round(steps / EPOCH)))
            trainer = _prepared(segmenter, parts, folder, len(epochs), batch, weights)
        best = Best(
            segmenter.network,
            steps,
            None if validation is None else lambda: segmenter.validated(validation),
            validate_every,
        )
        for trainer.current_epoch, numbers in enumerate(epochs):
            trainer.on_train_epoch_start()
            for number in map(int, numbers):
                with chances.alone():
                    loss = _step(trainer, number)
                yield Step(number, loss, best.after(number))


def _prepared(
    segmenter: Nnunet,
    parts: Sequence[Pairs],
    folder: Path,
    epochs: int,
    batch: int,
    weights: Sequence[float],
) -> Trainer:
    """A trainer about to take its first step; its network is the segmenter's from now on."""
    from evaluation.networks.nnunet_trainer import Trainer, planned, preprocessed, silence

    network, how = segmenter.network, segmenter.configuration
    sides = other_side(segmenter.classes)
    mirrored = bool((sides == np.arange(len(sides))).all())
    segmenter.write(parts, folder / "nnUNet_raw")
    with silence():
        with environment(folder, workers=1):
            plan = planned(folder, how, batch, mirrored)
            plan = plan if network.plan is None else network.plan
            preprocessed(folder, how, plan)
        with environment(folder, workers=0):
            trainer = Trainer.of(plan, how, epochs, weights or [1.0] * len(parts), _device())
            trainer.on_train_start()
    if network.layers is not None:
        trainer.network.load_state_dict(network.layers.state_dict())
    network.plan, network.layers = plan, trainer.network
    return trainer


def _step(trainer: Trainer, number: int) -> float:
    trainer.network.train()
    trainer.set_deep_supervision_enabled(True)  # a validation in between has turned it off
    loss = float(trainer.train_step(next(trainer.dataloader_train))["loss"])
    if not math.isfinite(loss):
        raise ValueError(f"loss {loss} at step {number} is not finite; training stops")
    return loss


@contextmanager
def _passing(folder: Path | None) -> Iterator[Path]:
    """A new folder that is there for this block alone."""
    folder = Path(mkdtemp()) if folder is None else folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _device() -> torch.device:
    return device_of(to_best_device(nn.Linear(1, 1)))


class _Chances:
    """The global random numbers, which nnU-Net draws from, as if nothing else did."""

    def __init__(self, seed: int) -> None:
        self.numpy = np.random.RandomState(seed).get_state()
        self.torch = torch.Generator().manual_seed(seed).get_state()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """In this block they go on from where the last block left them; after it nothing was drawn."""
        held = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.torch)
        try:
            yield
        finally:
            self.numpy, self.torch = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
            np.random.set_state(held[0])  # noqa: NPY002
            torch.set_rng_state(held[1])
