"""Checkpoints: a folder in the hub's layout with a card, and the public MedSegFactory weights."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError

from factory.errors import InputError
from factory.models.autoencoder import Autoencoder
from factory.models.dual_stream import COUPLINGS, Config, DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.text import TextEncoder
from factory.models.weights import State, assign_state, read_state, write_state

CHECKPOINT_FORMAT = 1
CARD = "card.json"
UNET_CONFIG = "unet/config.json"
UNET_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
PRIOR = "unet/prior.safetensors"  # of networks trained here; the hub's have none
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
# What of the card decides the pairs; the rest of it (losses, seconds, licence) is record.
DECISIVE = ("image", "domains")
COUPLING_MARK = ".attn3."

Part = TypeVar("Part")

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Components:
    """All parts of a generator, and what is known of it.

    Attributes:
        unet: the denoiser.
        autoencoder: between pixels and latents.
        text: the text encoder.
        scheduler_config: arguments of a diffusers scheduler: noise schedule and prediction type.
        card: recipe, data, losses, licence; {} for a model that came without one.
    """

    unet: DualStreamUNet
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
    unet = _network(config, "official", weights)
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
    components: Components, folder: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Writes unet/, vae/, text_encoder/, tokenizer/, scheduler/ and, last of all, card.json.

    Args:
        components: the parts; left as they are.
        folder: made if it is not there; other files in it stay.
        dtype: how weights are stored; float16 halves the files. Loading gives float32 again.
    """
    for part in ("unet", "vae", "scheduler"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # Without a card a folder that was half overwritten does not pass for the old checkpoint.
    (folder / CARD).unlink(missing_ok=True)
    unet = components.unet
    # Not the stock class's name: diffusers would load the file and drop the coupling.
    named = {"_class_name": "DualStreamUNet", "coupling": unet.coupling, **unet.config}
    _write_json(folder / UNET_CONFIG, named)
    write_state(unet.unet, folder / UNET_WEIGHTS, dtype)
    (folder / PRIOR).unlink(missing_ok=True)
    if unet.prior is not None:
        unet.prior.save(folder / PRIOR)
    copy.deepcopy(components.autoencoder).to(dtype).save(folder / "vae")
    components.text.save(folder, dtype)
    _write_json(folder / SCHEDULER_CONFIG, components.scheduler_config)
    _write_json(folder / CARD, {**components.card, "format": CHECKPOINT_FORMAT})


def load_components(folder: Path, coupling: str = "joint") -> Components:
    """Reads what `save_components` wrote, or a Stable Diffusion folder of the hub; all float32.

    Args:
        folder: the checkpoint.
        coupling: for a stock UNet, which has none: how the streams shall meet.

    Raises:
        InputError: if files are missing, damaged, of a newer format or another architecture.
    """
    check_folder(folder)
    return Components(
        unet=_load_unet(folder, coupling),
        autoencoder=_part(Autoencoder.load, folder / "vae"),
        text=_part(TextEncoder.load, folder),
        scheduler_config=_read_json(folder / SCHEDULER_CONFIG),
        card=read_card(folder),
    )


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
        InputError: if its format is newer than ours.
    """
    if not (folder / CARD).exists():
        return {}
    card = _read_json(folder / CARD)
    if card.get("format") != CHECKPOINT_FORMAT:
        raise InputError(
            f"{folder / CARD} has format {card.get('format')} and this version reads "
            f"{CHECKPOINT_FORMAT}: its files may mean something else; upgrade medpair-factory"
        )
    return card


def checkpoint_digest(folder: Path) -> str:
    """SHA-256, 64 hex digits, over every file that decides the pairs.

    Those are all files of the five parts, in the order of their names, and of the card what says
    which images and label maps the model was made for: not its losses, nor how long it took.
    """
    content = hashlib.sha256()
    parts = {name.split("/")[0] for name in REQUIRED}
    files = sorted(file for part in parts for file in (folder / part).rglob("*") if file.is_file())
    for file in files:
        content.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            content.update(hashlib.file_digest(stream, "sha256").digest())
    card = read_card(folder)
    content.update(json.dumps([card.get(name) for name in DECISIVE], sort_keys=True).encode())
    return content.hexdigest()


def _part(load: Callable[[Path], Part], folder: Path) -> Part:
    """What `load` reads, the libraries' complaints about damaged files told as the user's."""
    try:
        return load(folder)
    except InputError:
        raise
    except (OSError, SafetensorError, ValueError, RuntimeError, TypeError) as error:
        line = str(error).strip().splitlines()[0]
        raise InputError(
            f"{folder} cannot be loaded ({line}): one of its files is damaged or of another model; "
            "copy it again from where it was made"
        ) from error


def _load_unet(folder: Path, coupling: str) -> DualStreamUNet:
    config, weights = _read_json(folder / UNET_CONFIG), folder / UNET_WEIGHTS
    state = read_state(weights)
    coupled = any(COUPLING_MARK in name for name in state)
    # A stock configuration names no coupling; its weights show whether JCA was trained into it.
    chosen = str(config.pop("coupling", "official" if coupled else coupling))
    prior = _part(GaussianPrior.load, folder / PRIOR) if (folder / PRIOR).is_file() else None
    unet = _network(config, chosen, folder / UNET_CONFIG, prior)
    if config.get("_class_name") != "DualStreamUNet" and not coupled:
        state = _with_fresh_coupling(unet, state, folder)
    assign_state(unet.unet, state, weights)
    return unet


def _with_fresh_coupling(unet: DualStreamUNet, state: State, folder: Path) -> State:
    fresh = {n: v for n, v in unet.unet.state_dict().items() if COUPLING_MARK in n}
    log.info(
        "%s is a plain UNet: its %d tensors of joint cross-attention (%s) start untrained",
        folder,
        len(fresh),
        unet.coupling,
    )
    return {**fresh, **state}


def _network(
    config: Config, coupling: str, origin: Path, prior: GaussianPrior | None = None
) -> DualStreamUNet:
    if coupling not in COUPLINGS:
        raise InputError(
            f"{origin} asks for the coupling {coupling!r} and this version has "
            f"{', '.join(COUPLINGS)}: the network cannot be built; upgrade medpair-factory"
        )
    try:
        return DualStreamUNet(config, coupling, prior)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"no UNet can be built for {origin} ({error}): its configuration is not one of "
            "diffusers' UNet2DConditionModel; give the config.json the weights came with"
        ) from error


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} is not valid JSON ({error}): the checkpoint cannot be understood; copy it "
            "again from where it was made"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"{file} holds a {type(content).__name__}, not an object: the checkpoint cannot be "
            "understood; copy it again from where it was made"
        )
    return content


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(dict(content), indent=2, sort_keys=True) + "\n")
