"""A frozen list of images for readers: what they are shown, and nothing of what it is.

A reading is a folder `readings/NAME` of the home, which can be copied to whoever reads elsewhere:

    list.json    which images in which order, what is asked, the SHA-256 of every file and of the key
    images/      ID.png each; IDs are random
    masks/       likewise, class indices, where the grade is about image and mask
    answers.db   what readers said

The key, which of them are synthetic, lies apart, in `reading-keys/NAME.json`. The list commits to it
by its digest, so that a key cannot be changed after the answers are known.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from factory.errors import DamagedError, InputError
from factory.identity import digest, plain_name
from factory.pairs import Images, Masks
from factory.visible_files import visible
from tasks.services.settings import Settings

LIST, ANSWERS = "list.json", "answers.db"
Question = Literal["mask", "text"]


class Item(BaseModel):
    """An image of the list.

    Attributes:
        id: random hex digits.
        domain: of the image.
        text: what the image is said to show; "" where the grade is about the mask.
        image: SHA-256 of its file.
        mask: likewise; "" where the grade is about the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    domain: str
    text: str
    image: str
    mask: str


class Content(BaseModel):
    """What `list.json` holds; its digest names the reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    question: Question
    titles: dict[str, str]
    classes: dict[str, tuple[str, ...]]
    items: tuple[Item, ...]
    key: str

    @property
    def digest(self) -> str:
        """Of everything that a reader sees, and of the key: 64 hex digits."""
        return digest(self.model_dump(mode="json"))


class Truth(BaseModel):
    """What an image is.

    Attributes:
        synthetic: or real.
        row: of a synthetic pair in its data set; -1 of a real one.
        unit: patient of a real image, where it is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    synthetic: bool
    row: int = -1
    unit: str = ""


class Key(BaseModel):
    """What `reading-keys/NAME.json` holds.

    Attributes:
        salt: random, so that nobody can find the truth by trying which one has the key's digest.
        data_set: whose pairs are shown.
        snapshot: of the version.
        seed: by which images were chosen.
        truths: by item.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    salt: str
    data_set: str
    snapshot: str
    seed: int
    truths: dict[str, Truth]

    @property
    def digest(self) -> str:
        """64 hex digits."""
        return digest(self.model_dump(mode="json"))


@dataclass(frozen=True)
class FrozenList:
    """A reading as readers are served it; it holds no truth.

    Attributes:
        folder: of the reading.
        content: of its list.
    """

    folder: Path
    content: Content

    @classmethod
    def open(cls, name: str, settings: Settings) -> Self:
        """The reading of this name, as it was frozen.

        Raises:
            InputError: if there is none.
            DamagedError: if a file of it is not the one that was frozen.
        """
        folder = settings.readings / plain_name(name)
        if not (folder / LIST).is_file():
            known = ", ".join(reading_names(settings)) or "none yet"
            raise InputError(
                f"there is no reading {name!r} in this home (there are: {known}); make one with "
                "`medpair readers new DATASET`"
            )
        try:
            content = Content.model_validate_json((folder / LIST).read_bytes())
        except ValidationError as error:
            raise changed(name, LIST) from error
        found = cls(folder, content)
        for item in content.items:
            found.check(item)
        return found

    @property
    def name(self) -> str:
        """Of the reading."""
        return self.content.name

    @cached_property
    def digest(self) -> str:
        """Of the list."""
        return self.content.digest

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """By their ids."""
        return {item.id: item for item in self.content.items}

    @property
    def answers(self) -> Path:
        """The file of what readers said."""
        return self.folder / ANSWERS

    def order(self, reader: str) -> list[str]:
        """Ids of all items in this reader's own order, the same whenever it is asked for."""
        seed = hashlib.sha256(f"{self.digest} {reader}".encode()).digest()
        ids = [item.id for item in self.content.items]
        draw = np.random.default_rng(int.from_bytes(seed[:8], "big"))
        return [ids[at] for at in draw.permutation(len(ids))]

    def check(self, item: Item) -> None:
        """Whether the list and the files of an item are those that were frozen.

        Raises:
            DamagedError: if not.
        """
        for file, frozen in ((image_file(item.id), item.image), (mask_file(item.id), item.mask)):
            if frozen and _file_digest(self.folder / file) != frozen:
                raise changed(self.name, file)

    def image(self, item: Item) -> Images:
        """(H, W) or (H, W, 3) pixels."""
        return _pixels(self.folder / image_file(item.id))

    def mask(self, item: Item) -> Masks | None:
        """(H, W) class indices; None where the grade is about the text."""
        return _pixels(self.folder / mask_file(item.id)) if item.mask else None


def reading_names(settings: Settings) -> list[str]:
    """The readings of a home."""
    return [path.name for path in visible(settings.readings) if (path / LIST).is_file()]


def changed(name: str, what: str) -> DamagedError:
    """The line about a list that is no longer the one that readers began with."""
    return DamagedError(
        f"the list of reading {name!r} changed after it was frozen ({what}): answers to other images "
        "would be mixed in; put its folder back from a copy, or make a new reading. The answers given "
        f"so far are kept in {ANSWERS}"
    )


def open_key(reading: FrozenList, settings: Settings) -> Key:
    """The truth about a reading.

    Raises:
        DamagedError: if it is lost, or is not the one that the list commits to.
    """
    file = settings.reading_keys / f"{reading.name}.json"
    try:
        key = Key.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise DamagedError(
            f"the key of reading {reading.name!r}, {file}, cannot be read: without it nobody knows "
            "which images are synthetic; put it back from a copy of the home"
        ) from error
    if key.digest != reading.content.key:
        raise DamagedError(
            f"the key of reading {reading.name!r}, {file}, is not the one that its list was frozen "
            "with, so that its truth cannot be trusted; put it back from a copy of the home"
        )
    return key


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels as a PNG without any metadata: real and synthetic ones by the same encoder."""
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, format="png")
    return buffer.getvalue()


def write_list(content: Content, files: Mapping[str, bytes], folder: Path) -> None:
    """Writes a list with its files into a new folder.

    They are written in the order of their random ids, so that no time or place on the disk tells more.
    """
    for name, data in sorted({**files, LIST: _text(content)}.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def write_key(key: Key, file: Path) -> None:
    """Writes a key for the eyes of the home's owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(_text(key))


def image_file(item: str) -> str:
    """Name of an image within a reading's folder."""
    return f"images/{item}.png"


def mask_file(item: str) -> str:
    """Name of a mask within a reading's folder."""
    return f"masks/{item}.png"


def bytes_digest(data: bytes) -> str:
    """SHA-256, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _text(model: BaseModel) -> bytes:
    return json.dumps(model.model_dump(mode="json"), indent=1, ensure_ascii=False).encode()


def _file_digest(file: Path) -> str:
    return bytes_digest(file.read_bytes()) if file.is_file() else ""


def _pixels(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.asarray(picture)
