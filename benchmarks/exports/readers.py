"""What reads each export: by the library that its users have, not by the code that wrote it."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from factory.exports.by_domain import Part
from factory.images import ImageSection
from factory.sources.folder import FolderSource

# Grey images and masks of a part, (N, H, W) uint8 both, in the order of its rows.
Pictures = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class Reader:
    """What reads a format.

    Attributes:
        by: in words.
        read: gives what the folder of a part holds.
        packages: without which it cannot.
    """

    by: str
    read: Callable[[Part], Pictures]
    packages: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]


def _folder(part: Part) -> Pictures:
    pairs = FolderSource(path=part.place).build().read("train", _section(part))
    return pairs.images[..., 0], pairs.masks


def _nnunet(part: Part) -> Pictures:
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

    with redirect_stdout(sys.stderr):
        verify_dataset_integrity(str(part.place), num_processes=1)
    read, images, masks = NaturalImage2DIO(), [], []
    for label in sorted((part.place / "labelsTr").iterdir()):
        image = part.place / "imagesTr" / f"{label.stem}_0000{label.suffix}"
        images.append(read.read_images([str(image)])[0][0, 0])
        masks.append(read.read_seg(str(label))[0][0, 0])
    return np.stack(images).astype(np.uint8), np.stack(masks).astype(np.uint8)


def _nifti(part: Part) -> Pictures:
    images, masks = (
        np.stack([_slice(path) for path in sorted((part.place / name).iterdir())])
        for name in ("images", "masks")
    )
    return images, masks


def _slice(path: Path) -> NDArray[np.uint8]:
    return np.asarray(nibabel.load(path).dataobj, np.uint8)[..., 0].T


def _monai(part: Part) -> Pictures:
    from monai.data import load_decathlon_datalist
    from monai.transforms import LoadImage

    entries = load_decathlon_datalist(part.place / "dataset.json", True, "training")
    load = LoadImage(image_only=True, dtype=np.uint8)
    # MONAI reads pictures with the columns first.
    images, masks = (
        np.stack([load(entry[name]).numpy().T for entry in entries]) for name in ("image", "label")
    )
    return images, masks


def _coco(part: Part) -> Pictures:
    from pycocotools.coco import COCO

    with redirect_stdout(sys.stderr):  # it says how long it took
        told = COCO(part.place / "annotations.json")
    images = told.loadImgs(sorted(told.getImgIds()))
    pictures = [_png((part.place / each["file_name"]).read_bytes()) for each in images]
    masks = [np.zeros_like(picture) for picture in pictures]
    for image, mask in zip(images, masks, strict=True):
        for region in told.loadAnns(told.getAnnIds(image["id"])):
            mask[told.annToMask(region) > 0] = region["category_id"]
    return np.stack(pictures), np.stack(masks)


def _dicom(part: Part) -> Pictures:
    from highdicom.seg import segread
    from pydicom import dcmread

    images, masks = [], []
    for path in sorted((part.place / "images").iterdir()):
        image, told = dcmread(path), segread(part.place / "masks" / path.name)
        images.append(image.pixel_array)
        (frame,) = told.get_pixels_by_source_instance(
            [image.SOPInstanceUID], combine_segments=True, assert_missing_frames_are_empty=True
        )
        masks.append(frame.astype(np.uint8))
    return np.stack(images), np.stack(masks)


def _webdataset(part: Part) -> Pictures:
    from webdataset import WebDataset

    shards = [str(path) for path in sorted(part.place.glob("*.tar"))]
    found = sorted(WebDataset(shards, shardshuffle=False), key=lambda sample: sample["__key__"])
    return _stacks(*([sample[name] for sample in found] for name in ("png", "mask.png")))


def _huggingface(part: Part) -> Pictures:
    from datasets import load_dataset

    with TemporaryDirectory() as cache:
        rows = list(load_dataset(str(part.place), split="train", cache_dir=cache))
    images, masks = (
        np.stack([np.asarray(row[name]) for row in rows]) for name in ("image", "mask")
    )
    return images, masks


def _croissant(part: Part) -> Pictures:
    from mlcroissant import Dataset

    with warnings.catch_warnings():
        # Of rdflib and pandas, in mlcroissant's own calls.
        warnings.simplefilter("ignore", DeprecationWarning)
        told = Dataset(jsonld=str(part.place / "croissant.json"))
        rows = list(told.records("pairs"))
    images, masks = (
        np.stack([np.asarray(row[f"pairs/{name}"]) for row in rows]) for name in ("image", "mask")
    )
    return images, masks


def _section(part: Part) -> ImageSection:
    return ImageSection(size=part.snapshot.layout.height)


def _png(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


def _stacks(images: Sequence[bytes], masks: Sequence[bytes]) -> Pictures:
    return np.stack([*map(_png, images)]), np.stack([*map(_png, masks)])


READERS: Mapping[str, Reader] = {
    "folder": Reader("medpair's source folder", _folder),
    "nifti": Reader("nibabel", _nifti),
    "nnunet": Reader("nnU-Net", _nnunet, ("nnunetv2",)),
    "monai": Reader("MONAI's load_decathlon_datalist and LoadImage", _monai),
    "coco": Reader("pycocotools", _coco, ("pycocotools",)),
    "dicom": Reader("pydicom and highdicom", _dicom, ("pydicom", "highdicom")),
    "webdataset": Reader("webdataset", _webdataset, ("webdataset",)),
    "huggingface": Reader("Hugging Face datasets", _huggingface, ("datasets",)),
    "croissant": Reader("mlcroissant", _croissant, ("mlcroissant",)),
}
