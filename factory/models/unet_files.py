"""The denoiser of a checkpoint folder: written, read, and refused where it is another's."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from factory.errors import InputError, first_line
from factory.garbled import GARBLED
from factory.models.denoiser import Config, Denoiser
from factory.models.dual_stream import COUPLINGS, DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.text_to_image import TextToImageUNet
from factory.models.weights import State, assign_state, read_state, write_state

UNET_CONFIG = "unet/config.json"
UNET_WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
PRIOR = "unet/prior.safetensors"  # of networks trained here; the hub's have none
COUPLING_MARK = ".attn3."

UNBUILDABLE = (*GARBLED, AttributeError, RuntimeError)

Part = TypeVar("Part")

log = logging.getLogger(__name__)


def save_network(unet: Denoiser, folder: Path, dtype: torch.dtype) -> None:
    """Writes configuration, weights and prior into an existing `unet/`."""
    # Not the stock class's name: diffusers would load the file and drop coupling and prior.
    named = {"_class_name": type(unet).__name__, **_coupling_of(unet), **unet.config}
    write_json(folder / UNET_CONFIG, named)
    write_state(unet.unet, folder / UNET_WEIGHTS, dtype)
    (folder / PRIOR).unlink(missing_ok=True)
    if unet.prior is not None:
        unet.prior.save(folder / PRIOR)


def load_dual_stream(folder: Path, coupling: str) -> DualStreamUNet:
    """The network of image and mask, or one made of a stock UNet.

    Args:
        folder: the checkpoint.
        coupling: for a stock UNet, which has none: how the streams shall meet.

    Raises:
        InputError: if it is damaged or another architecture.
    """
    config, weights = read_json(folder / UNET_CONFIG), folder / UNET_WEIGHTS
    if config.get("_class_name") == TextToImageUNet.__name__:
        raise InputError(
            f"{folder} makes images alone, without masks: it cannot make pairs; use it as "
            "generator.kind medisyn, or give a checkpoint of medsegfactory"
        )
    state = read_state(weights)
    coupled = any(COUPLING_MARK in name for name in state)
    # A stock configuration names no coupling; its weights show whether JCA was trained into it.
    chosen = str(config.pop("coupling", "official" if coupled else coupling))
    unet = dual_stream(config, chosen, folder / UNET_CONFIG, _prior(folder))
    if config.get("_class_name") != DualStreamUNet.__name__ and not coupled:
        state = _with_fresh_coupling(unet, state, folder)
    assign_state(unet.unet, state, weights)
    return unet


def load_text_to_image(folder: Path) -> TextToImageUNet:
    """The network of images alone, ours or the stock UNet of a hub's folder.

    Raises:
        InputError: if it is damaged or another architecture.
    """
    config, weights = read_json(folder / UNET_CONFIG), folder / UNET_WEIGHTS
    state = read_state(weights)
    coupled = any(COUPLING_MARK in name for name in state)
    if coupled or config.get("_class_name") == DualStreamUNet.__name__:
        raise InputError(
            f"{folder} makes images together with masks: without the mask its weights mean "
            "nothing; use it as generator.kind medsegfactory, or give a checkpoint of medisyn or "
            "a Stable Diffusion folder"
        )
    prior = _prior(folder)
    unet = _built(lambda: TextToImageUNet(config, prior), folder / UNET_CONFIG)
    assign_state(unet.unet, state, weights)
    return unet


def dual_stream(
    config: Config, coupling: str, origin: Path, prior: GaussianPrior | None = None
) -> DualStreamUNet:
    """An untrained network of image and mask.

    Raises:
        InputError: naming `origin`, if there is no such coupling or no such UNet.
    """
    if coupling not in COUPLINGS:
        raise InputError(
            f"{origin} asks for the coupling {coupling!r} and this version has "
            f"{', '.join(COUPLINGS)}: the network cannot be built; upgrade medpair-factory"
        )
    return _built(lambda: DualStreamUNet(config, coupling, prior), origin)


def part(load: Callable[[Path], Part], folder: Path) -> Part:
    """What `load` reads, the libraries' complaints about damaged files told as the user's."""
    try:
        return load(folder)
    except InputError:
        raise
    except Exception as error:  # tokenizers raises no class of its own
        raise InputError(
            f"{folder} cannot be loaded ({first_line(error)}): one of its files is damaged or of another model; "
            "copy it again from where it was made"
        ) from error


def read_json(file: Path) -> dict[str, Any]:
    """The object that a file holds.

    Raises:
        InputError: if it holds none.
    """
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
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


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Writes an object, its keys sorted."""
    file.write_text(json.dumps(dict(content), indent=2, sort_keys=True) + "\n")


def _coupling_of(unet: Denoiser) -> dict[str, str]:
    return {"coupling": unet.coupling} if isinstance(unet, DualStreamUNet) else {}


def _prior(folder: Path) -> GaussianPrior | None:
    file = folder / PRIOR
    return part(GaussianPrior.load, file) if file.is_file() else None


def _built(build: Callable[[], Part], origin: Path) -> Part:
    try:
        return build()
    except UNBUILDABLE as error:
        raise InputError(
            f"no UNet can be built for {origin} ({first_line(error)}): its configuration is not one of "
            "diffusers' UNet2DConditionModel; give the config.json the weights came with"
        ) from error


def _with_fresh_coupling(unet: DualStreamUNet, state: State, folder: Path) -> State:
    fresh = {n: v for n, v in unet.unet.state_dict().items() if COUPLING_MARK in n}
    log.info(
        "%s is a plain UNet: its %d tensors of joint cross-attention (%s) start untrained",
        folder,
        len(fresh),
        unet.coupling,
    )
    return {**fresh, **state}
