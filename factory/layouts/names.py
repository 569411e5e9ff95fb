"""What names of files and folders say: which part of a pair, which split, which patient."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from unicodedata import normalize

# Whoever drew a mask by hand; "HO" is a human observer.
BY_HAND = frozenset(["manual", "ho", "observer", "rater", "annotator", "grader", "expert"])
MASK_WORDS = frozenset(
    [
        *BY_HAND,
        *("mask", "masks", "label", "labels", "lbl", "seg", "segs", "segmentation"),
        *("segmentations", "segmented", "gt", "groundtruth", "truth", "annotation"),
        *("annotations", "annot", "contour", "contours", "delineation", "roi", "rois"),
    ]
)
# Words that go with those and say nothing alone.
BESIDE_MASKS = frozenset(["ground", "binary", "tr", "ts", "png", "of", "and", "with"])
IMAGE_WORDS = frozenset(
    [
        *("image", "images", "img", "imgs", "input", "inputs", "scan", "scans", "picture"),
        *("pictures", "photo", "photos", "vol", "volume", "volumes", "original", "originals"),
    ]
)
SPLIT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "ts"), "test"),
}
PATIENT = re.compile(
    r"(?:^|[^A-Za-z])((?:patient|pat|subject|subj|sub|case|id|p|s)[-_ ]?\d+)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
# Both eyes, or breasts, of one patient.
SIDE = re.compile(r"(.*\d)[-_ ]?(?:l|r|left|right|od|os)", re.IGNORECASE)
# Of what `_kind` makes of a text: capitals, a word, a number, letters that know no capitals.
WORD = re.compile(r"A+(?!a)|A?a+|0+|x+")


def words(text: str) -> tuple[str, ...]:
    """Its words and numbers in small letters: "leftMask_2" are left, mask and 2."""
    whole = normalize("NFC", text)  # file systems may keep an umlaut as two characters
    kinds = "".join(map(_kind, whole))
    return tuple(whole[slice(*found.span())].lower() for found in WORD.finditer(kinds))


def _kind(character: str) -> str:
    if character.isdecimal():
        return "0"
    if not character.isalpha():
        return " "
    return "A" if character.isupper() else "a" if character.islower() else "x"


def says_mask(text: Iterable[str]) -> bool:
    """Whether words are of a mask's name."""
    return not MASK_WORDS.isdisjoint(text)


def says_image(text: Iterable[str]) -> bool:
    """Whether words are of an image's name."""
    return not IMAGE_WORDS.isdisjoint(text)


def split_of(text: Iterable[str]) -> str:
    """The split that words of a folder's name say, "" for none.

    "tr" and "ts" say one beside a word of images or masks alone, as in "imagesTs", not in "BraTS".
    """
    said = tuple(text)
    told = len(said) == 1 or says_mask(said) or says_image(said)
    known = (word for word in said if word in SPLIT_WORDS and (told or len(word) > 2))
    return next((SPLIT_WORDS[word] for word in known), "")


def guess_patients(names: Sequence[str]) -> list[str]:
    """A patient for each name of an image, "" for all where none can be told.

    Either every name says it ("patient003_frame2", "sub-07"), or ends with a side ("01L" and "01R"), or
    what stands before a last number is shared by a few of many ("0012_3" and "0012_4"). One patient with
    half of the images is none.
    """
    told = [match[1].lower() if (match := PATIENT.search(name)) else "" for name in names]
    if not all(told):
        told = [match[1] if (match := SIDE.fullmatch(name)) else "" for name in names]
    if not all(told):
        told = [_before_last_number(name) for name in names]
    counts = Counter(told)
    sensible = all(told) and len(counts) >= 3 and max(counts.values()) <= len(names) / 2
    return told if sensible and len(counts) < len(names) else [""] * len(names)


def _before_last_number(name: str) -> str:
    match = re.fullmatch(r"(.*\d.*?)[-_ .]+[A-Za-z]*\d+[A-Za-z]*", name)
    return match[1] if match else _first_number(name)


def _first_number(name: str) -> str:
    match = re.match(r"\d+(?=[-_ ])", name)
    return match[0] if match else name
