"""The command line in this process, with a Prefect home of its own that all runs share."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Read when Prefect is imported, which the tests below do as late as they can.
PREFECT_HOME = tempfile.TemporaryDirectory(prefix="medpair-prefect-")
os.environ["PREFECT_HOME"] = PREFECT_HOME.name
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "240"

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.checkpoints import Components, save_components
from factory.models.dual_stream import DualStreamUNet
from factory.models.presets import SCHEDULE, TINY
from factory.training.text import new_text_encoder
from factory.vocabulary import load_vocabulary
from flows.console.cli import app


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self):
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])

    @property
    def lines(self):
        """What was said on stderr about a mistake."""
        return [line for line in self.err.splitlines() if line.startswith("medpair: ")]


@pytest.fixture(scope="session")
def medpair():
    """Calls the command line in this process."""

    def call(*args):
        with pytest.MonkeyPatch.context() as patch:
            # A command sets variables for its children; they must not outlive it here.
            patch.setattr(os, "environ", os.environ.copy())
            result = CliRunner().invoke(app, [str(arg) for arg in args])
        return Said(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture(scope="session")
def tiny():
    """A recipe that is through in seconds."""
    return {
        "format": 1,
        "name": "tiny",
        "source": {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 8, "val": 6},
        "image": {"size": 32},
        "generator": {"kind": "phantom"},
        "grid": {"facets": {"finding": ["benign"]}, "replicates": 4, "seed": 7},
        "evaluate": {
            "features": ["handcrafted", "encoder"],
            "encoder_steps": 2,
            "judge_steps": 3,
            "finding_classifier_steps": 2,
        },
        "utility": {"real": [4], "seeds": 1, "steps": 2},
    }


@pytest.fixture
def recipe(tmp_path, tiny):
    """Writes a recipe, the tiny one with some keys changed."""

    def write(**changes):
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(tiny | changes))
        return path

    return write


@pytest.fixture
def checkpoint(tmp_path):
    """A whole dual-stream model of the tiny preset, untrained, that knows one domain."""
    torch.manual_seed(0)
    card = {
        "image": {"size": 32, "channels": 1},
        "domains": [load_vocabulary().domain("phantom-breast-us").model_dump(mode="json")],
    }
    autoencoder = KLAutoencoder.small(4, torch.rand(4, 3, 32, 32) * 2 - 1)
    text = new_text_encoder(["a photo of an ultrasound of the breast image, with lesion."])
    config = {
        **TINY, "in_channels": 16, "out_channels": 16, "cross_attention_dim": text.dim
    }  # fmt: skip
    parts = Components(DualStreamUNet(config), autoencoder, text, SCHEDULE, card)
    save_components(parts, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def write_folder(folder: Path, count=12, side=40):
    """Discs on noise, in the layout of the source `folder`, with patients and splits."""
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rows = []
    for number in range(count):
        row, column = np.mgrid[:side, :side]
        centre, radius = rng.uniform(12, 28, 2), rng.uniform(5, 10)
        mask = ((row - centre[0]) ** 2 + (column - centre[1]) ** 2 < radius**2).astype(np.uint8)
        image = (rng.uniform(0, 80, (side, side)) + 120 * mask).astype(np.uint8)
        name = f"{number:02d}.png"
        Image.fromarray(image).save(folder / "images" / name)
        Image.fromarray(mask).save(folder / "masks" / name)
        rows.append(
            {
                "image": f"images/{name}",
                "mask": f"masks/{name}",
                "split": ["train", "train", "val", "test"][number % 4],
                "patient": f"p{number}",
                "modality": "ultrasound",
                "anatomy": "fetal head",
                "labels": "fetal head",
            }
        )
    (folder / "classes.json").write_text(json.dumps({"0": "background", "1": "fetal head"}))
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.fixture
def heads(tmp_path):
    """A small real-looking data set."""
    return write_folder(tmp_path / "heads")
