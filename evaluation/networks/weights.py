"""Trained networks as files: safetensors whose card says what the weights belong to."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from evaluation.errors import InputError

FORMAT = 1
ENDING = ".safetensors"
log = logging.getLogger(__name__)

Network = TypeVar("Network")


class DamagedError(InputError):
    """There is no whole network in a folder: it has to be trained, or trained again."""


def digest_of(network: nn.Module, *identity: object) -> str:
    """SHA-256 of what the network is and of its weights: equal judges give equal scores.

    Args:
        network: its weights count, wherever they are.
        identity: kind, names of its outputs and the like; anything that JSON can write.
    """
    state = network.state_dict()
    sha = hashlib.sha256(json.dumps(identity).encode())
    for name in sorted(state):
        sha.update(name.encode())
        sha.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def save_weights(network: nn.Module, card: Mapping[str, str], path: Path) -> None:
    """Writes one safetensors file that also holds the card, and its folder where there is none.

    The file appears whole or not at all, whenever the process dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    beside = path.with_suffix(".part")
    save_file(state, beside, metadata={"format": str(FORMAT), **card})
    beside.replace(path)


def is_saved(folder: Path) -> bool:
    """Whether a folder holds a network."""
    return any(folder.glob(f"*{ENDING}"))


def read_back(load: Callable[[Path], Network], folder: Path) -> Network | None:
    """What was saved in a folder; None where nothing was, or nothing whole.

    Raises:
        InputError: if a newer release saved it.
    """
    try:
        return load(folder) if is_saved(folder) else None
    except DamagedError as error:
        log.warning("%s", error)
        return None


def read_weights(path: Path, what: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Card and weights of what `save_weights` wrote.

    Args:
        path: of the file.
        what: the file is said to hold, for messages.

    Raises:
        DamagedError: if there is no such file, or it cannot be read.
        InputError: if it is of another format.
    """
    if not path.is_file():
        raise DamagedError(
            f"{path.parent} holds no {path.name}, so there is no {what} to load from it"
        )
    try:
        with safe_open(path, framework="pt") as file:
            card = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedError(f"{path} is not a safetensors file ({error}); train it again") from error
    if card.get("format") != str(FORMAT):
        raise InputError(
            f"{path} has format {card.get('format')!r}, this version reads {FORMAT}; update"
        )
    return card, state


def restore(network: nn.Module, state: Mapping[str, Tensor], path: Path, kind: str) -> None:
    """Gives the network the weights that were read from a path.

    Raises:
        DamagedError: if they are those of another network.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise DamagedError(f"{path} holds weights of another {kind}; train again") from error
