"""Which masks belong to which image, by the names of files and folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from factory.layouts.by_hand import FIELD, readers
from factory.layouts.layout import Found, FoundMask, FoundRow, some
from factory.layouts.listing import Listing, bare_name
from factory.layouts.named_file import NamedFile, describe, shared_folders
from factory.layouts.names import BESIDE_MASKS, guess_patients, words

# ISIC archives carry these beside the images; they are neither.
SUPERPIXELS = "superpixels"
MOST_FINDINGS = 20
ALONE = "the only image of its folder"

Key = tuple[object, ...]
Match = tuple[NamedFile, tuple[str, ...]]  # an image, and the words by which a mask differs


def described(listing: Listing) -> list[NamedFile]:
    """Every image file as its name describes it."""
    files = [path for path in listing.images if SUPERPIXELS not in words(bare_name(path))]
    skipped = shared_folders(files)
    return [describe(path, skipped) for path in files]


def pair_files(files: Sequence[NamedFile], layout: str) -> Found | None:
    """Images with their masks; None where no mask has an image.

    Args:
        files: all images and masks.
        layout: what it is called.
    """
    images = [file for file in files if not file.mask]
    index, matched = _index(images), defaultdict[NamedFile, list[tuple[NamedFile, Key]]](list)
    lonely = []
    for mask in (file for file in files if file.mask):
        if (match := _match(mask, index)) is None:
            lonely.append(str(mask.path))
        else:
            matched[match[0]].append((mask, match[1]))
    if not matched:
        return None
    paired = [image for image in images if image in matched]
    bare = [str(image.path) for image in images if image not in matched]
    by = readers([path.path for pairs in matched.values() for path, _ in pairs], _skipped(files))
    rows = tuple(_rows(paired, matched, by))
    notes = tuple(_notes(bare, lonely, len(images)))
    return Found(layout, rows, meant=min(by.values(), default=""), notes=notes)


def _skipped(files: Sequence[NamedFile]) -> int:
    return shared_folders([file.path for file in files])


def _index(images: Iterable[NamedFile]) -> Mapping[Key, list[NamedFile]]:
    """The images by everything that a mask may name them by, the most telling keys first."""
    index: dict[Key, list[NamedFile]] = defaultdict(list)
    for image in images:
        exact = bare_name(image.path).lower()
        for stem in dict.fromkeys((exact, image.stem, image.short)):
            index[image.split, image.folders, stem].append(image)
            if stem:
                index[image.split, stem].append(image)
                index[(stem,)].append(image)
        if image.folders:  # a case each; where all lie in one folder, two names that differ are two
            index[image.split, image.folders, ALONE].append(image)
    return index


def _match(mask: NamedFile, index: Mapping[Key, list[NamedFile]]) -> Match | None:
    for key, differs in _keys(mask):
        found = index.get(key, [])
        if len(found) == 1:
            return found[0], differs
    return None


def _keys(mask: NamedFile) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """Keys by which an image could be the mask's, with the words that are then left."""
    exact = bare_name(mask.path).lower()
    stems = [(exact, ()), *((mask.stem[:n], mask.stem[n:]) for n in range(len(mask.stem), -1, -1))]
    for stem, left in stems:
        for cut in range(len(mask.folders), -1, -1):
            below = tuple(word for name in mask.folders[cut:] for word in words(name))
            yield (mask.split, mask.folders[:cut], stem), (*mask.extra, *below, *left)
        if stem:
            said = tuple(word for name in mask.folders for word in words(name))
            yield (mask.split, stem), (*mask.extra, *said, *left)
            yield (stem,), (*mask.extra, *said, *left)
    # Names with digits number objects, or repeat the case: they tell no structure.
    numbered = any(character.isdigit() for character in exact)
    yield (mask.split, mask.folders, ALONE), (*mask.extra, *(() if numbered else mask.stem))


def _rows(
    images: Sequence[NamedFile],
    matched: Mapping[NamedFile, Sequence[tuple[NamedFile, Key]]],
    by: Mapping[PurePosixPath, str],
) -> Iterator[FoundRow]:
    structures = _structures(matched)
    if by:
        structures = {path: by.get(path) or name or FIELD for path, name in structures.items()}
    findings = _findings(images)
    patients = guess_patients(
        ["/".join((*image.folders, bare_name(image.path))) for image in images]
        if not any(findings)
        else [bare_name(image.path) for image in images]
    )
    for image, finding, patient in zip(images, findings, patients, strict=True):
        masks = tuple(
            FoundMask(str(mask.path), structure=structures[mask.path])
            for mask, _ in sorted(matched[image], key=lambda pair: _in_order(pair[0].path))
        )
        yield FoundRow(str(image.path), masks, image.split, patient, finding)


def _structures(
    matched: Mapping[NamedFile, Sequence[tuple[NamedFile, Key]]],
) -> Mapping[PurePosixPath, str]:
    """What each mask shows, where some image has masks of several things; else "" for all."""
    said = {
        mask.path: tuple(str(word) for word in left if _tells(str(word)))
        for pairs in matched.values()
        for mask, left in pairs
    }
    common = set.intersection(*map(set, said.values()))
    named = {path: " ".join(w for w in left if w not in common) for path, left in said.items()}
    several = any(len({named[m.path] for m, _ in pairs}) > 1 for pairs in matched.values())
    return named if several else dict.fromkeys(named, "")


def _tells(word: str) -> bool:
    return not word.isdecimal() and word not in BESIDE_MASKS


def _findings(images: Sequence[NamedFile]) -> list[str]:
    """The class folder of each image, "" for all where the folders are none."""
    found = [image.folders[-1] if image.folders else "" for image in images]
    count = len(set(found))
    sensible = 2 <= count <= MOST_FINDINGS and all(found) and count <= len(images) / 2
    if sensible and not any(character.isdigit() for character in "".join(found)):
        return [" ".join(words(name)) for name in found]
    return [""] * len(images)


def _in_order(path: PurePosixPath) -> tuple[int, str]:
    return len(path.name), str(path)


def _notes(bare: list[str], lonely: list[str], images: int) -> Iterator[str]:
    if bare:
        yield f"{len(bare)} of {images} images have no mask and are left out: {some(bare)}"
    if lonely:
        yield f"{len(lonely)} masks have no image and are left out: {some(lonely)}"
