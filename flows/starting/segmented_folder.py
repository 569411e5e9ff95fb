"""Masks for a folder of images that have none: a trained model's direction image -> mask."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from evaluation.report.image_sheets import contact_sheet
from factory.errors import InputError
from factory.images import ImageSection, apply_window, fit_image, robust_window, unfit_mask
from factory.pairs import Images, Masks, PairBatch
from factory.places import check_empty, whole_folder
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.sources.dicom.header import is_dicom
from factory.sources.image_files import FLAT_ENDINGS, is_volume, read_stack
from factory.visible_files import visible
from factory.vocabulary import Domain
from flows.planning.recipe_paths import checkpoint_named
from tasks.services.progress import stage

READ_AT_ONCE = 32
SHEET = "overlays.png"


class Segments(Protocol):
    """A generator that knows the direction image -> mask."""

    @property
    def image(self) -> ImageSection: ...

    def segment(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], images: Images
    ) -> PairBatch: ...


@dataclass(frozen=True)
class SegmentedFolder:
    """Masks that were drawn for a folder of pictures.

    Attributes:
        folder: where they lie, each by its picture's name, as PNG of class indices.
        domain: of all of them.
        classes: names in index order.
        masks: how many there are.
        sheet: a picture of some of them on their images.
        left_out: files of NIfTI or DICOM, within the pictures' folder.
    """

    folder: Path
    domain: str
    classes: tuple[str, ...]
    masks: int
    sheet: Path
    left_out: tuple[str, ...] = ()


def segment(
    folder: Path, out: Path, checkpoint: str, domain: str = "", seed: int = 0
) -> SegmentedFolder:
    """Draws a mask for every picture of a folder by a trained model; no picture is changed.

    All masks are written, or none.

    Raises:
        InputError: if the checkpoint is none of image and mask, knows several domains and none is
            named, or `out` holds something; with a line for each picture that cannot be read.
    """
    from factory.generators.medsegfactory import MedSegFactory
    from factory.models.checkpoints import read_card

    check_empty(out)
    files = flat_images(folder)
    place = checkpoint_named(checkpoint)
    image = ImageSection.model_validate(read_card(place).get("image", {}))
    generator = MedSegFactory.load(place, image, SampleSection(guidance=1.0))
    known = domain_among(generator.domains, domain)
    check_pictures(files, folder)
    drawn = segment_files(generator, known, files, seed)
    with whole_folder(out) as made, stage("drawing masks", total=len(files)) as progress:
        for batch in write_masks(drawn, known, folder, made):
            if not (made / SHEET).exists():
                shown = contact_sheet(batch.pairs, {known.name: known.classes})
                (made / SHEET).write_bytes(shown.png)
            progress.advance(len(batch.files))
    rest = tuple(str(path.relative_to(folder)) for path in other_images(folder))
    return SegmentedFolder(out, known.name, known.classes, len(files), out / SHEET, rest)


def flat_images(folder: Path) -> list[Path]:
    """The pictures in a folder and below, by name.

    Raises:
        InputError: if there is none.
    """
    found = [path for path in folder.rglob("*") if path.suffix.lower() in FLAT_ENDINGS]
    if not (shown := visible(folder, found)):
        others = other_images(folder)
        rest = f"; of its {len(others)} files of NIfTI or DICOM save the slices as such" * bool(
            others
        )
        raise InputError(
            f"{folder} holds no picture ({', '.join(FLAT_ENDINGS)}): there is nothing to draw "
            f"masks for{rest}"
        )
    return shown


def other_images(folder: Path) -> list[Path]:
    """The files of NIfTI and DICOM in a folder and below, which are no pictures, by name."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return visible(folder, [path for path in found if is_volume(path) or is_dicom(path)])


def check_pictures(files: Sequence[Path], folder: Path) -> None:
    """Whether a mask can be drawn for each picture, and written by its name.

    Raises:
        InputError: with a line for each that cannot be read, or shares its name with another.
    """
    lines: list[str] = []
    names: dict[Path, Path] = {}
    with stage("reading pictures", total=len(files)) as progress:
        for path in files:
            if (other := names.setdefault(path.with_suffix(""), path)) != path:
                both = f"{other.relative_to(folder)} and {path.relative_to(folder)}"
                lines.append(f"{both} would get one mask; rename one of them")
            try:
                flat_picture(path, str(path))
            except InputError as error:
                lines.append(str(error))
            progress.advance()
    if lines:
        raise InputError("\n".join(lines))


@dataclass(frozen=True, eq=False)
class Segmented:
    """Some pictures with the masks that were drawn for them.

    Attributes:
        files: of N pictures.
        masks: of each, (H, W) class indices in the picture's own size.
        pairs: the same as the generator sees them.
    """

    files: Sequence[Path]
    masks: Sequence[Masks]
    pairs: PairBatch


def domain_among(domains: Mapping[str, Domain], name: str) -> Domain:
    """The domain of this name; of a model of one domain "" is enough.

    Raises:
        InputError: if the model does not know it, or several and none is named.
    """
    if not name and len(domains) == 1:
        return next(iter(domains.values()))
    if name not in domains:
        asked = f"does not know domain {name!r}" if name else "knows several domains"
        raise InputError(f"the checkpoint {asked}; choose one by --domain: {', '.join(domains)}")
    return domains[name]


def segment_files(
    generator: Segments, domain: Domain, files: Sequence[Path], seed: int
) -> Iterator[Segmented]:
    """Draws a mask for each picture, a batch at a time.

    The prompt asks for every class of the domain. A picture's mask follows from it and the seed,
    not from its neighbours.

    Args:
        generator: trained on the domain.
        domain: of all pictures.
        files: N pictures of any size.
        seed: of the noise that masks are drawn from.

    Raises:
        InputError: if a picture cannot be read.
    """
    prompt = Prompt.about(domain, domain.classes)
    for start in range(0, len(files), READ_AT_ONCE):
        part = files[start : start + READ_AT_ONCE]
        pictures = [flat_picture(path, str(path)) for path in part]
        images = np.stack([fit_image(picture, generator.image) for picture in pictures])
        made = generator.segment([prompt] * len(part), [seed] * len(part), images)
        sizes = [picture.shape[:2] for picture in pictures]
        own = [unfit_mask(mask, *size) for mask, size in zip(made.masks, sizes, strict=True)]
        yield Segmented(part, own, made)


def write_masks(
    batches: Iterable[Segmented], domain: Domain, folder: Path, out: Path
) -> Iterator[Segmented]:
    """Writes masks/ in the order of the folder, PNG of class indices, and classes.json beside it."""
    out.mkdir(parents=True, exist_ok=True)
    classes = {str(index): name for index, name in enumerate(domain.classes, start=1)}
    text = json.dumps(classes, indent=1, ensure_ascii=False)
    (out / "classes.json").write_text(text, encoding="utf-8")
    for batch in batches:
        for path, mask in zip(batch.files, batch.masks, strict=True):
            place = (out / "masks" / path.relative_to(folder)).with_suffix(".png")
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(place)
        yield batch


def flat_picture(path: Path, name: str) -> Images:
    """The pixels (H, W) or (H, W, 3) of one picture, uint8.

    Args:
        path: the file.
        name: what to call it in an error.

    Raises:
        InputError: if it cannot be read, or has several pages.
    """
    stack = read_stack(path, name)
    if stack.volume:
        raise InputError(f"{name} has {stack.size[0]} pages; save each as a picture of its own")
    pixels = stack.pixels[0]
    return pixels if pixels.dtype == np.uint8 else apply_window(pixels, robust_window(pixels))
