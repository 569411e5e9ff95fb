"""What the values of mask files mean, and which domain that makes them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from factory.errors import InputError, refusal
from factory.identity import slug
from factory.places import check_file
from factory.sources.files.colours import WRITTEN, colour_value, is_colour
from factory.vocabulary import BACKGROUND, Domain, Vocabulary, unknown_name

Names = Mapping[int, str]  # value in the mask files -> class name, 0 = background included


def read_names(folder: Path) -> Names | None:
    """What the mask values of a data set mean; None where nobody says.

    Looked for in the folder's classes.json, its parent's classes.json under the folder's name,
    and the "labels" of the folder's dataset.json. Each may be written {"1": "liver"} or
    {"liver": 1}; where the masks are coloured, {"#ff0000": "liver"}.

    Raises:
        InputError: if a file is not JSON, or its entries are no label map.
    """
    own, shared, dataset = (
        folder / "classes.json",
        folder.resolve().parent / "classes.json",
        folder / "dataset.json",
    )
    if own.is_file():
        return parse_names(read_json(own), own.name)
    if shared.is_file() and (entry := read_json(shared).get(folder.resolve().name)) is not None:
        return parse_names(entry, f"classes.json, entry {folder.resolve().name}")
    if dataset.is_file() and (entry := read_json(dataset).get("labels")) is not None:
        return parse_names(entry, "dataset.json, labels")
    return None


def read_json(path: Path) -> dict[str, object]:
    """The object in a JSON file.

    Raises:
        InputError: if the file is missing or holds no JSON object.
    """
    check_file(path, str(path))
    try:
        # Of bytes, json itself finds the encoding, byte order mark included.
        content = json.loads(path.read_bytes(), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds {type(content).__name__}, expected an object in braces")
    return content


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON, which would silently keep the last of equal keys."""
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {twice!r} stands twice in one object")
    return content


MOST_DIGITS = 9  # of a value, which has to stand in an image


def parse_names(content: object, where: str) -> Names:
    """A label map written either way round.

    Raises:
        InputError: if it is none, or gives a value or a name twice.
    """
    entries = list(content.items()) if isinstance(content, dict) else []
    pairs = [(v, k) if _is_turned(k, v) else (k, v) for k, v in entries]
    names = {0: BACKGROUND}
    for written, name in pairs:
        if not _is_value(written) or not isinstance(name, str):
            raise InputError(
                f'{where}: {written!r}: {name!r} is not a class; write {{"1": "liver"}}, one whole '
                'number per class, or a colour as in {"#ff0000": "liver"} (regions of several '
                "classes are not supported)"
            )
        value = parse_value(str(written))
        if not name.isprintable():
            raise InputError(
                f"{where}: {name!r} holds characters that cannot be shown, and names stand in "
                "prompts and reports; rename the class"
            )
        # An "ignore" region is no class: its pixels are refused where they occur.
        if name != "ignore":
            names[value] = name if value else BACKGROUND
    if len(names) < 2 or len(set(names.values())) < len(names):
        raise InputError(f"{where}: the label map needs at least one class, and each name once")
    return names


def parse_value(text: str) -> int:
    """The value in a mask that a label map writes "3", or "#ff0000" for a colour."""
    return colour_value(text) if WRITTEN.fullmatch(text) else int(text)


def _is_turned(key: str, entry: object) -> bool:
    """Whether an entry of a label map is {"liver": 1} or {"liver": "#ff0000"}."""
    return isinstance(entry, int) or (_is_value(entry) and not _is_value(key))


def _is_value(entry: object) -> bool:
    text = str(entry)
    number = text.isdecimal() and len(text) <= MOST_DIGITS
    return number or WRITTEN.fullmatch(text) is not None


def codes(names: Names | None, domain: Domain) -> dict[int, int]:
    """Value in the mask files -> class index of the domain, matched by class name.

    Without names the values must be the domain's own indices. Names the domain does not know
    get no code, so a mask that holds them is refused.
    """
    if names is None:
        return {index: index for index in domain.label_map.values()}
    label_map = domain.label_map
    return {value: label_map[name] for value, name in names.items() if name in label_map}


def meanings(codes: Mapping[int, int], present: Collection[float]) -> Mapping[int, int]:
    """Value -> class index for a mask that holds these values.

    Of one class, a mask may say 1 or 255 where it is, whatever the label map says: black and white
    pictures are masks. So are black and red ones, where the label map names no colour. Within one
    mask only one of these is meant.
    """
    marked = [value for value in present if value != 0]
    if len(codes) != 2 or 0 not in codes or len(marked) != 1:
        return codes
    (only,) = marked
    if only in (1, 255) or (is_colour(only) and not any(map(is_colour, codes))):
        return {0: 0, int(only): max(codes.values())}
    return codes


def own_domain(
    name: str,
    modality: str,
    anatomy: str,
    names: Names,
    vocabulary: Vocabulary,
    *,
    colour: bool = False,
) -> Domain:
    """A domain for a data set the vocabulary does not know, named after its folder.

    Raises:
        InputError: if its class names cannot be used.
    """
    named = slug(name) or "folder"
    if named in vocabulary.domains:
        named = f"own-{named}"
    try:
        return Domain(
            name=named,
            title=" ".join(word for word in (anatomy, modality) if word) or named.replace("-", " "),
            modality=modality,
            anatomy=anatomy,
            classes=tuple(names[value] for value in sorted(names) if value),
            colour=colour,
        )
    except ValidationError as error:
        raise InputError(f"{name}: {refusal(error.errors()[0])}") from error


def with_findings(domain: Domain, seen: Iterable[tuple[str, Iterable[str]]]) -> Domain:
    """The domain with the findings of a data set added, each with the classes it was seen with."""
    findings = {finding: set(shown) for finding, shown in domain.findings.items()}
    for finding, shown in seen:
        if finding and finding not in domain.findings:
            findings.setdefault(finding, set()).update(shown)
    ordered = {
        finding: tuple(name for name in domain.classes if name in shown)
        for finding, shown in findings.items()
    }
    return domain.model_copy(update={"findings": ordered})


def check_names(names: Names, domains: Iterable[Domain], where: str) -> None:
    """Refuses a label map with a class that none of the domains knows.

    Raises:
        InputError: naming it and the nearest known class.
    """
    known = dict.fromkeys(name for domain in domains for name in domain.class_names)
    for name in names.values():
        if name not in known:
            raise unknown_name("class", name, [n for n in known if n != BACKGROUND], where)
