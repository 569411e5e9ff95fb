"""Weight files: read without running what they hold, and checked key by key."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from factory.errors import InputError, first_line
from factory.garbled import GARBLED

State = dict[str, Tensor]
UNREADABLE = (*GARBLED, SafetensorError, RuntimeError, AttributeError)


def read_state(file: Path) -> State:
    """A flat state dict from safetensors, or from a pickle that holds nothing but tensors.

    Raises:
        InputError: if the file is missing, damaged, or a pickle of anything else.
    """
    if not file.is_file():
        raise InputError(f"{file} does not exist: there are no weights to load; check the path")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():
            # Of an odd pickle torch warns and then fails; the one error says enough.
            warnings.simplefilter("ignore")
            content = torch.load(file, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{file} is a pickle of more than tensors: loading it could run its code; save the "
            "model's state_dict() alone, best as safetensors"
        ) from error
    except UNREADABLE as error:
        raise InputError(
            f"{file} is damaged or no weight file ({first_line(error)}): nothing can be read from it; copy it "
            "again from where it was made"
        ) from error
    return _flat(content, file)


def _flat(content: object, file: Path) -> State:
    if isinstance(content, Mapping) and content:
        if all(isinstance(value, Tensor) for value in content.values()):
            return {str(name): value for name, value in content.items()}
        found = f"a dict of {', '.join(map(str, list(content)[:3]))}, ..."
    else:
        found = f"a {type(content).__name__}"
    raise InputError(
        f"{file} holds {found}, not a flat state dict: the weights cannot be told from the rest; "
        "save model.state_dict() by itself"
    )


def write_state(module: nn.Module, file: Path, dtype: torch.dtype = torch.float32) -> None:
    """Writes a module's state as safetensors, floating-point tensors stored as `dtype`."""
    state = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous().cpu()
        for name, value in module.state_dict().items()
    }
    save_file(state, file, metadata={"format": "pt"})


def assign_state(module: nn.Module, state: State, file: Path) -> None:
    """Gives a module the tensors of a state dict, as float32.

    Args:
        module: takes them over.
        state: from `file`.
        file: only named in the error.

    Raises:
        InputError: if keys or shapes differ, naming the first few.
    """
    own = module.state_dict()
    wrong = {
        "missing": [name for name in own if name not in state],
        "unexpected": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
            for name in own
            if name in state and own[name].shape != state[name].shape
        ],
    }
    if any(wrong.values()):
        differences = "; ".join(f"{len(n)} {kind}: {_first(n)}" for kind, n in wrong.items() if n)
        raise InputError(
            f"{file} is a checkpoint of another architecture ({differences}): its weights mean something "
            "else here; give the configuration and coupling it was trained with"
        )
    floats = {n: v.float() if v.is_floating_point() else v for n, v in state.items()}
    module.load_state_dict(floats, assign=True)


def _first(names: Sequence[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
