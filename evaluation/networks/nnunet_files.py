"""What nnU-Net v2 wants to find outside of Python: files, and environment variables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from evaluation.errors import InputError
from evaluation.pairs import Images, Masks, Pairs, with_masks

FLAT = (999.0, 1.0, 1.0)  # spacing by which nnU-Net reads an image of two dimensions
DATASET = "Dataset001_Arm"  # nnU-Net knows data sets by such names
FOLDERS = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
# Without their dependencies: timm, one of these, brings torchvision, which breaks transformers.
INSTALL = (
    "pip install --no-deps nnunetv2==2.8.1 dynamic-network-architectures==0.4.4 "
    "batchgenerators==0.25.5 batchgeneratorsv2==0.3.6 acvl-utils==0.2.6 SimpleITK==2.5.7 "
    "seaborn==0.13.2 connected-components-3d==4.1.1 imagecodecs==2026.3.6 blosc2==4.14.1 "
    "ndindex==1.10.1 numexpr==2.14.2"
)
WANTED = (
    *("nnunetv2", "dynamic_network_architectures", "batchgenerators", "batchgeneratorsv2"),
    *("acvl_utils", "SimpleITK", "seaborn", "cc3d", "imagecodecs", "blosc2", "ndindex", "numexpr"),
)


def check_installed() -> None:
    """Whether nnU-Net v2 can be imported here, found out without importing it.

    Raises:
        InputError: if it, or something that it needs, is missing.
    """
    if missing := [name for name in WANTED if find_spec(name) is None]:
        raise InputError(
            f"utility.segmenters names nnU-Net, and {', '.join(missing)} cannot be imported: nnU-Net "
            f"v2 is not part of this package; leave it out, or install it by '{INSTALL}'"
        )


@contextmanager
def environment(folder: Path, workers: int) -> Iterator[None]:
    """The environment variables that nnU-Net reads, in this block alone.

    Args:
        folder: gets nnU-Net's three folders.
        workers: threads of planning, and processes of augmentation; 0 augments in this process.
    """
    variables = {name: str(folder / name) for name in FOLDERS}
    # A tracker of its own would send what is learnt from patients somewhere else.
    variables |= {
        "nnUNet_compile": "f",
        "nnUNet_wandb_enabled": "0",
        "nnUNet_n_proc_DA": str(workers),
    }
    held = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in held.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})


def write_raw(parts: Sequence[Pairs], classes: Sequence[str], folder: Path) -> None:
    """Writes the pairs that have a mask as a raw data set of nnU-Net, PNG files, training cases all.

    Args:
        parts: of the training; a case of the first is called part0_000000, and so on.
        classes: names of the K foreground classes; class i of a mask is classes[i - 1].
        folder: of all raw data sets; the data set is made below it.

    Raises:
        InputError: if a part has no pair with a mask, or no mask shows anything.

    Source: dataset_format.md of nnU-Net v2.
    """
    kept = [with_masks(part) for part in parts]
    shown = [bool(part.masks.any()) for part in kept]
    place = new_data_set(folder, [*map(len, kept)], any(shown))
    for at, part in enumerate(kept):
        _write_part(part.images, part.masks, f"part{at}", place)
    describe(place, kept[0].images.shape[-1], classes, sum(map(len, kept)), ".png")


def new_data_set(folder: Path, cases: Sequence[int], shown: bool) -> Path:
    """Makes the folders of a raw data set, if there is something to learn from.

    Args:
        folder: of all raw data sets.
        cases: with a mask, in each part.
        shown: whether any mask shows something.

    Raises:
        InputError: if a part has no case, or no mask shows anything.
    """
    if not all(cases) or not shown:
        raise InputError(
            "a part of the training data has no pair with a mask, or no mask shows anything; "
            "nnU-Net plans by what masks show, and has nothing to learn from"
        )
    place = folder / DATASET
    for name in ("imagesTr", "labelsTr"):
        (place / name).mkdir(parents=True)
    return place


def describe(place: Path, channels: int, classes: Sequence[str], cases: int, ending: str) -> None:
    """Writes the dataset.json of a raw data set.

    Args:
        place: its folder.
        channels: C of the images.
        classes: names of the K foreground classes.
        cases: of the training.
        ending: of all files.
    """
    names = ["R", "G", "B"] if channels == 3 else ["8-bit grey"]
    description = {
        "channel_names": {str(at): name for at, name in enumerate(names)},
        "labels": {"background": 0} | {name: at for at, name in enumerate(classes, start=1)},
        "numTraining": cases,
        "file_ending": ending,
    }
    (place / "dataset.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


def part_of(case: str) -> int:
    """Which part a case was written from."""
    return int(case.split("_")[0].removeprefix("part"))


def _write_part(images: Images, masks: Masks, name: str, place: Path) -> None:
    for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
        grey = image.shape[-1] == 1
        shown = Image.fromarray(image[..., 0] if grey else image)
        shown.save(place / "imagesTr" / f"{name}_{row:06d}_0000.png")
        Image.fromarray(mask).save(place / "labelsTr" / f"{name}_{row:06d}.png")
