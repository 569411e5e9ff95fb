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
from factory.places import check_empty, named_place
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.sources.image_files import FLAT_ENDINGS, read_stack
from factory.visible_files import visible
from factory.vocabulary import Domain
from flows.planning.recipe_paths import checkpoint_named
from tasks.services.progress import stage

READ_AT_ONCE = 32


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
    """

    folder: Path
    domain: str
    classes: tuple[str, ...]
    masks: int
    sheet: Path


def segment(
    folder: Path, out: Path, checkpoint: str, domain: str = "", seed: int = 0
) -> SegmentedFolder:
    """Draws a mask for every picture of a folder by a trained model; no picture is changed.

    Raises:
        InputError: if the checkpoint is none of image and mask, knows several domains and none is
            named, a picture cannot be read, or `out` holds something.
    """
    from factory.generators.medsegfactory import MedSegFactory
    from factory.models.checkpoints import read_card

    check_empty(out)
    files = flat_images(folder)
    place = checkpoint_named(checkpoint)
    image = ImageSection.model_validate(read_card(place).get("image", {}))
    generator = MedSegFactory.load(place, image, SampleSection(guidance=1.0))
    known, sheet = domain_among(generator.domains, domain), out / "overlays.png"
    drawn = segment_files(generator, known, files, seed)
    with named_place(out), stage("drawing masks", total=len(files)) as progress:
        for batch in write_masks(drawn, known, folder, out):
            if not sheet.exists():
                shown = contact_sheet(batch.pairs, {known.name: known.classes})
                sheet.write_bytes(shown.png)
            progress.advance(len(batch.files))
    return SegmentedFolder(out, known.name, known.classes, len(files), sheet)


def flat_images(folder: Path) -> list[Path]:
    """The pictures in a folder and below, by name.

    Raises:
        InputError: if there is none.
    """
    found = [path for path in folder.rglob("*") if path.suffix.lower() in FLAT_ENDINGS]
    if not (shown := visible(folder, found)):
        raise InputError(
            f"{folder} holds no picture ({', '.join(FLAT_ENDINGS)}): there is nothing to draw "
            "masks for"
        )
    return shown


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
    (out / "classes.json").write_text(json.dumps(classes, indent=1), encoding="utf-8")
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
