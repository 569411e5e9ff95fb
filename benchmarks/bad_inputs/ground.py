"""What bad inputs stand on: a good recipe, folders of good files, a small home, a checkpoint."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.exports import phantoms
from evaluation.lake.lake import Lake
from evaluation.lake.tables import ScoreKey
from evaluation.metrics.registry import Score
from evaluation.statistics.bootstrap import Estimate

SIDE, COUNT = 40, 6
PACKAGED = Path(__file__).parents[2] / "factory" / "weights" / "phantoms"
TABLE = "metadata.csv"
COLUMNS = ("image", "mask", "split", "patient", "modality", "anatomy", "labels")
RECIPE: Mapping[str, Any] = {
    "format": 1,
    "name": "tiny",
    "source": {
        "kind": "phantom",
        "domains": ["phantom-breast-us"],
        "train": 4,
        "val": 4,
        "test": 4,
    },
    "image": {"size": 32},
    "generator": {"kind": "phantom"},
    "grid": {"facets": {"finding": ["benign"]}, "replicates": 2, "seed": 7},
    "evaluate": {"judge_steps": 3, "finding_classifier_steps": 2},
    "utility": {"real": [4], "seeds": 1, "steps": 2},
}


@dataclass(frozen=True)
class Ground:
    """What is there before anything bad comes; cases read it and may not change it.

    Attributes:
        root: folder of all of it.
    """

    root: Path

    @property
    def home(self) -> Path:
        """A home with the data set `phantoms`, which has a run's branch and no version, and scores."""
        return self.root / "home"

    @property
    def folder(self) -> Path:
        """Six discs on noise, with their masks, a table and a label map."""
        return self.root / "folder"

    @property
    def files(self) -> Path:
        """One whole file of each kind of image: an image as a.ENDING, a mask as mask.png."""
        return self.root / "files"

    @property
    def checkpoint(self) -> Path:
        """A whole checkpoint of `medsegfactory`, for images of 64 pixels in colour."""
        return PACKAGED

    def copy_folder(self, to: Path) -> Path:
        """A copy of the folder of discs, to be spoilt."""
        return Path(shutil.copytree(self.folder, to))

    def link_checkpoint(self, to: Path) -> Path:
        """The checkpoint as links to its files, each of which can be replaced."""
        return Path(shutil.copytree(self.checkpoint, to, copy_function=os.symlink))


def lay_ground(root: Path) -> Ground:
    """Makes all of it in an empty folder."""
    ground = Ground(root)
    _folder(ground.folder)
    _files(ground.files)
    phantoms(ground.home / "pairs", 2)
    scores = [Score.of("consistency", Estimate(0.9, 0.8, 0.95, 20))]
    Lake(str(ground.home / "lake")).record(ScoreKey("subject", "real", "judge", "phantoms"), scores)
    return ground


def disc(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image and its mask, (40, 40) both."""
    draw = np.random.default_rng(number)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    middle, radius = draw.uniform(14, 26, 2), draw.uniform(5, 10)
    mask = ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2).astype(np.uint8)
    return (draw.uniform(0, 80, mask.shape) + 120 * mask).astype(np.uint8), mask


def _folder(folder: Path) -> None:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    lines = [",".join(COLUMNS)]
    for number in range(COUNT):
        image, mask = disc(number)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
        split = ("train", "train", "val")[number % 3]
        paths = f"images/{number}.png,masks/{number}.png"
        lines.append(f"{paths},{split},p{number},ultrasound,fetal head,fetal head")
    (folder / TABLE).write_text("\n".join(lines) + "\n")
    (folder / "classes.json").write_text(json.dumps({"0": "background", "1": "fetal head"}))


def _files(folder: Path) -> None:
    folder.mkdir()
    grey, mask = disc(0)
    colour = np.stack([grey] * 3, axis=-1)
    Image.fromarray(mask).save(folder / "mask.png")
    for ending in ("png", "bmp"):
        Image.fromarray(colour).save(folder / f"a.{ending}")
    Image.fromarray(grey).save(folder / "a.jpg")
    Image.fromarray(grey).save(folder / "a.tif", compression="tiff_lzw")
    for ending in ("nii", "nii.gz"):
        nibabel.save(nibabel.Nifti1Image(grey[..., None], np.eye(4)), folder / f"a.{ending}")
    _dicom(grey, folder / "a.dcm")


def _dicom(grey: NDArray[np.uint8], file: Path) -> None:
    """One slice as Secondary Capture; nothing where pydicom is not installed."""
    try:
        from pydicom.dataset import FileDataset, FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
    except ImportError:
        return
    told = FileMetaDataset()
    told.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    told.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["bad inputs"])
    told.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset(str(file), {}, file_meta=told, preamble=b"\0" * 128)
    image.SOPClassUID, image.SOPInstanceUID = told.MediaStorageSOPClassUID, generate_uid()
    image.SeriesInstanceUID, image.PatientID, image.Modality = generate_uid(), "p", "US"
    image.Rows, image.Columns = grey.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.PixelData = grey.tobytes()
    image.save_as(file, enforce_file_format=True)
