"""A scene of one bright box, which the mask marks, and what is read of it."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.folder import FolderSource

ROWS, COLUMNS = 40, 48
SECTION = ImageSection(size=48)


@dataclass(frozen=True)
class Scene:
    """A folder with the data set's table; files are written by whoever tests their kind."""

    folder: Path

    @property
    def mask(self) -> np.ndarray:
        """Class 1 in a box of 12 x 16 pixels, up and left."""
        mask = np.zeros((ROWS, COLUMNS), np.uint8)
        mask[6:18, 8:24] = 1
        return mask

    @property
    def image(self) -> np.ndarray:
        """Grey levels of 8 bits: 200 inside, about 50 outside."""
        noise = np.random.default_rng(0).integers(-10, 10, (ROWS, COLUMNS))
        return (50 + noise + 150 * self.mask).astype(np.uint8)

    def table(self, *pairs: tuple[str, str], classes: tuple[str, ...] = ("lesion",)) -> None:
        """Lists image and mask of each pair, in training, a patient each."""
        with (self.folder / "metadata.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "mask", "split", "patient", "modality", "anatomy"])
            for number, (image, mask) in enumerate(pairs):
                writer.writerow([image, mask, "train", f"p{number}", "scan", "thing"])
        names = dict(enumerate(classes, start=1))
        (self.folder / "classes.json").write_text(json.dumps(names))

    def problems(self) -> list[str]:
        """What a dry run tells."""
        try:
            return FolderSource(path=self.folder).build().problems(SECTION)
        except InputError as error:
            return str(error).splitlines()

    def read(self) -> PairBatch:
        """The training pairs, at 48 pixels, grey."""
        assert self.problems() == []
        return FolderSource(path=self.folder).build().read("train", SECTION)

    def seen(self) -> list[tuple[dict[int, int], int, int]]:
        """Of each pair: pixels of each class, and mean grey level inside and outside of the mask."""
        return [
            (
                {c: int((mask == c).sum()) for c in np.unique(mask) if c},
                round(image[mask > 0].mean()),
                round(image[4:44][mask[4:44] == 0].mean()),  # without the padding
            )
            for image, mask in zip(self.read().images[..., 0], self.read().masks, strict=True)
        ]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    (tmp_path / "set").mkdir()
    return Scene(tmp_path / "set")
