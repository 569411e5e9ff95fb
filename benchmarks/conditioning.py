"""What is it worth to tell a denoiser where cells lie, and every layer what the text says?

The same network on the same coarse pictures, encoded by the recorded chest X-ray checkpoint: as it
is (`wide`), and without either, with the same seeds, batches and rates. Printed are losses on
held-out pairs by noise level, 1 being what knowing the mean image alone achieves.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.coupling import Setup
from benchmarks.figures import Figure, show
from benchmarks.xrays import DATA, XRays
from factory.models.denoiser import Config
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import WIDE
from factory.training.denoiser import VALIDATION_TIMESTEPS
from factory.training.system import Encoders

TOLD: Mapping[str, Config] = {
    "both": {},
    "places": {"addition_embed_type": None},
    "text": {"octaves": 0},
    "neither": {"addition_embed_type": None, "octaves": 0},
}


def untrained(setup: Setup, changes: Config) -> DualStreamUNet:
    """A denoiser that is told less."""
    encoders = Encoders(setup.recorded.autoencoder, setup.recorded.text)
    config = encoders.fitted({**WIDE, **changes}, setup.xrays.recipe.image.size)
    prior = GaussianPrior.measured(setup.train.streams, setup.scheduler.alphas_cumprod)
    torch.manual_seed(setup.seed)
    return DualStreamUNet(config, "concat", prior)


def losses(setup: Setup, changes: Config, steps: int) -> Mapping[str, float]:
    """Those on held-out pairs after so many steps."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        loop = setup.loop(untrained(setup, changes), steps, Path(folder) / "denoiser")
        for progress in tqdm(loop, total=steps, unit="step"):
            found |= progress.losses
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="200 steps, not 800")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--source", type=Path, default=DATA, help="folder of the X-rays")
    parser.add_argument("--told", nargs="+", default=["both", "neither"], choices=list(TOLD))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    xrays = XRays.at(arguments.source)
    section = xrays.spec.train
    if section is None:
        raise TypeError("recipe cxr-lungs trains nothing")
    setup, steps = Setup.of(xrays, section, arguments.seed), 200 if arguments.quick else 800
    figures: dict[str, Figure] = {}
    for name in arguments.told:
        found = losses(setup, TOLD[name], steps)
        for t in VALIDATION_TIMESTEPS:
            for stream in ("image", "mask"):
                figures[f"{stream}_{t}_{name}"] = Figure(found[f"val_{stream}_{t}"], "1")
    show("conditioning", figures, {"steps": steps}, arguments.json)


if __name__ == "__main__":
    main()
