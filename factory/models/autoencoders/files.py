"""The autoencoder of a checkpoint folder, of whichever kind it is."""

from __future__ import annotations

from pathlib import Path

from factory.models.autoencoders.base import Autoencoder
from factory.models.autoencoders.coarse import CoarseAutoencoder
from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.unet_files import read_json


def load_autoencoder(folder: Path) -> Autoencoder:
    """Reads a `vae/` folder: ours of either kind, or a hub's; weights as float32."""
    name = read_json(folder / "config.json").get("_class_name")
    return (CoarseAutoencoder if name == CoarseAutoencoder.__name__ else KLAutoencoder).load(folder)
