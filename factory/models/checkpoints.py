"""Checkpoints: a folder in the hub's layout with a card, and the public MedSegFactory weights."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from diffusers import DDIMScheduler
from pydantic import BaseModel, ValidationError
from safetensors import safe_open

from factory.errors import InputError, refusal
from factory.images import ImageSection
from factory.models.autoencoders.base import Autoencoder
from factory.models.autoencoders.files import load_autoencoder
from factory.models.denoiser import Config, Denoiser
from factory.models.dual_stream import DualStreamUNet
from factory.models.lineage import Ancestor
from factory.models.text import TextEncoder
from factory.models.text_to_image import TextToImageUNet
from factory.models.unet_files import (
    UNET_CONFIG,
    UNET_WEIGHTS,
    dual_stream,
    load_dual_stream,
    load_text_to_image,
    part,
    read_json,
    save_network,
    write_json,
)
from factory.models.weights import assign_state, read_state, write_state
from factory.visible_files import visible
from factory.vocabulary import Domain

CHECKPOINT_FORMAT = 1
CARD = "card.json"
SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
REQUIRED = (
    UNET_CONFIG,
    UNET_WEIGHTS,
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer_config.json",
    SCHEDULER_CONFIG,
)
AFFINITY = "affinity"  # part of a checkpoint whose masks come from attention
# What of the card decides the pairs; the rest of it (losses, seconds, licence) is record.
DECISIVE = ("image", "domains")

Network = TypeVar("Network", bound=Denoiser)


class _Card(BaseModel):
    """What of a card is read, where it is there; the rest is record."""

    domains: list[Domain] = []
    image: ImageSection | None = None
    source_digest: str = ""
    pairs: int = 0
    ancestry: list[Ancestor] | None = None


@dataclass(frozen=True, eq=False)
class Components(Generic[Network]):
    """All parts of a generator, and what is known of it.

    Attributes:
        unet: the denoiser.
        autoencoder: between pixels and latents.
        text: the text encoder.
        scheduler_config: arguments of a diffusers scheduler: noise schedule and prediction type.
        card: recipe, data, losses, licence; {} for a model that came without one.
    """

    unet: Network
    autoencoder: Autoencoder
    text: TextEncoder
    scheduler_config: Mapping[str, Any]
    card: Mapping[str, Any]


def load_medsegfactory_unet(config: Config, weights: Path) -> DualStreamUNet:
    """The `official` network from weights under the public key names.

    Args:
        config: arguments of the stock UNet, as in `presets.MEDSEGFACTORY`.
        weights: safetensors, or the released `checkpoint-*.pth`: a flat state dict.

    Raises:
        InputError: if the file is unsafe or damaged, or of another architecture.
    """
    unet = dual_stream(config, "official", weights)
    assign_state(unet.unet, read_state(weights), weights)
    return unet


def save_medsegfactory_unet(
    unet: DualStreamUNet, weights: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Writes an `official` network under the public key names, as safetensors.

    Raises:
        ValueError: if the coupling is another one, which the public code cannot read.
    """
    if unet.coupling != "official":
        raise ValueError(f"coupling {unet.coupling!r} has no public key names; use save_components")
    write_state(unet.unet, weights, dtype)


def save_components(
    components: Components[Network], folder: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Writes unet/, vae/, text_encoder/, tokenizer/, scheduler/ and, last of all, card.json.

    Args:
        components: the parts; left as they are.
        folder: made if it is not there; other files in it stay.
        dtype: how weights are stored; float16 halves the files. Loading gives float32 again.
    """
    for name in ("unet", "vae", "scheduler"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Without a card a folder that was half overwritten does not pass for the old checkpoint.
    (folder / CARD).unlink(missing_ok=True)
    save_network(components.unet, folder, dtype)
    copy.deepcopy(components.autoencoder).to(dtype).save(folder / "vae")
    components.text.save(folder, dtype)
    write_json(folder / SCHEDULER_CONFIG, components.scheduler_config)
    write_json(folder / CARD, {**components.card, "format": CHECKPOINT_FORMAT})


def load_components(folder: Path, coupling: str = "joint") -> Components[DualStreamUNet]:
    """Reads a dual-stream model, or makes one of a Stable Diffusion folder of the hub; all float32.

    Args:
        folder: the checkpoint.
        coupling: for a stock UNet, which has none: how the streams shall meet.

    Raises:
        InputError: if files are missing, damaged, of a newer format or another architecture.
    """
    check_folder(folder)
    return _with_parts(load_dual_stream(folder, coupling), folder)


def load_text_to_image_components(folder: Path) -> Components[TextToImageUNet]:
    """Reads a model of images alone, ours or a Stable Diffusion folder of the hub; all float32.

    Raises:
        InputError: if files are missing, damaged, of a newer format or another architecture.
    """
    check_folder(folder)
    return _with_parts(load_text_to_image(folder), folder)


def _with_parts(unet: Network, folder: Path) -> Components[Network]:
    return Components(
        unet=unet,
        autoencoder=part(load_autoencoder, folder / "vae"),
        text=part(TextEncoder.load, folder),
        scheduler_config=part(_schedule, folder / SCHEDULER_CONFIG),
        card=read_card(folder),
    )


def _schedule(file: Path) -> dict[str, Any]:
    """The arguments of a scheduler, tried: it is made once more wherever pairs are drawn."""
    config = read_json(file)
    DDIMScheduler.from_config(dict(config))
    return config


def check_folder(folder: Path) -> None:
    """Whether a folder can be a checkpoint, without reading weights.

    Raises:
        InputError: naming every missing file, or the format if it is newer than ours.
    """
    if folder.is_file():
        read_state(folder)
        raise InputError(
            f"{folder} holds the weights of one network: a checkpoint is a folder that also has "
            "the autoencoder, the text encoder and a card; docs/models.md, 'Public weights', says "
            "how to make one of it"
        )
    if not folder.exists():
        raise InputError(
            f"there is no checkpoint folder {folder}: give one written by medpair train, or a hub "
            "model as safetensors"
        )
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} is not a checkpoint folder (no {', '.join(missing)}): the model would be "
            "incomplete; give a folder written by medpair train, or a hub model as safetensors"
        )
    read_card(folder)


def read_card(folder: Path) -> dict[str, Any]:
    """What the checkpoint says of itself; {} without a card.

    Raises:
        InputError: if its format is newer than ours, or it says what no card does.
    """
    if not (folder / CARD).exists():
        return {}
    card = read_json(folder / CARD)
    if card.get("format") != CHECKPOINT_FORMAT:
        raise InputError(
            f"{folder / CARD} has format {card.get('format')} and this version reads "
            f"{CHECKPOINT_FORMAT}: its files may mean something else; upgrade medpair-factory"
        )
    try:
        _Card.model_validate(card)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{folder / CARD} is damaged ({'.'.join(map(str, first['loc']))}: {refusal(first)[:200]}): "
            "what the model knows cannot be told; copy it again from where it was made"
        ) from error
    return card


def checkpoint_digest(folder: Path) -> str:
    """SHA-256, 64 hex digits, over every file that decides the pairs.

    Those are all files of the five parts, and of `affinity/` where it is, in the order of their names, and of the card what says
    which images and label maps the model was made for: not its losses, nor how long it took.
    """
    content = hashlib.sha256()
    parts = {name.split("/")[0] for name in REQUIRED} | {AFFINITY}
    found = (file for part in parts for file in (folder / part).rglob("*") if file.is_file())
    for file in visible(folder, found):
        content.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            content.update(hashlib.file_digest(stream, "sha256").digest())
    card = read_card(folder)
    content.update(json.dumps([card.get(name) for name in DECISIVE], sort_keys=True).encode())
    return content.hexdigest()


def parameter_count(folder: Path) -> int:
    """Number of weights of all parts of a checkpoint, read from their headers alone."""
    total = 0
    for name in REQUIRED:
        if name.endswith(".safetensors"):
            with safe_open(folder / name, framework="pt") as file:
                total += sum(prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
    return total
