"""The list of a reading and the key to it, written once."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.lake.lake import Lake
from factory.errors import InputError
from factory.identity import plain_name
from factory.pairs import PairBatch
from factory.store.repository import Store
from factory.store.snapshot import Snapshot
from flows.datasets import Version, current_version
from flows.readers.answer_book import AnswerBook
from flows.readers.choice import Pools, choose, pools_of
from flows.readers.frozen_list import (
    Content,
    FrozenList,
    Item,
    Key,
    Question,
    Truth,
    bytes_digest,
    image_file,
    mask_file,
    png,
    write_key,
    write_list,
)
from tasks.reports.consents import shows_real
from tasks.services.settings import Settings

ID_BYTES = 4


@dataclass(frozen=True)
class Wanted:
    """What kind of reading is wanted.

    Attributes:
        images: an even number, half of them real.
        question: whether the grade is about image and mask or image and text; None: the mask, where
            the version has masks.
        seed: of the choice of images.
        name: of the reading; "" for that of the data set and its version.
    """

    images: int = 60
    question: Question | None = None
    seed: int = 0
    name: str = ""


def new_reading(version: Version, wanted: Wanted, settings: Settings) -> FrozenList:
    """Freezes a list of images for readers, and the key to it apart from it.

    Raises:
        InputError: if real pixels of the version may not be shown, there are too few images, or the
            reading exists.
    """
    snapshot = version.snapshot(settings)
    name = plain_name(wanted.name or _usual_name(version, settings))
    key_file = settings.reading_keys / f"{name}.json"
    if (settings.readings / name).exists() or key_file.exists():
        raise InputError(
            f"there is a reading {name!r} already, and a list is frozen once; give another --name"
        )
    _check_shown(version, snapshot, Lake(settings.lake))
    question = wanted.question or ("mask" if snapshot.has_mask.any() else "text")
    pools = pools_of(snapshot, settings, question)
    chosen = choose(pools, wanted.images, wanted.seed)
    shown = list(_shown(chosen, snapshot, pools.pairs, question))
    key = Key(
        salt=secrets.token_hex(32),
        data_set=snapshot.name,
        snapshot=snapshot.id,
        seed=wanted.seed,
        truths={each.item.id: each.truth for each in shown},
    )
    content = _content(name, question, pools, shown, key)
    files = {file: data for each in shown for file, data in each.files.items()}
    return _written(content, files, key, settings)


@dataclass(frozen=True)
class Shown:
    """An image of the list: what readers see, what it is, and its files by name."""

    item: Item
    truth: Truth
    files: dict[str, bytes]


def _usual_name(version: Version, settings: Settings) -> str:
    store = Store(settings.pairs, version.name)
    tag = version.ref if "@" in str(version) else current_version(store)
    return f"{version.name}-{tag}".rstrip("-")


def _check_shown(version: Version, snapshot: Snapshot, lake: Lake) -> None:
    if "sections" not in snapshot.attributes:
        raise InputError(f"data set {version.name!r} has no published version; run its recipe")
    if not shows_real(lake, snapshot):
        raise InputError(
            f"the recipe of {version} has show_real: false, and a reading shows real images; set it "
            "to true where licence and consent let readers see them, and run the recipe again"
        )


def _shown(
    chosen: pd.DataFrame, snapshot: Snapshot, held: PairBatch, question: Question
) -> Iterator[Shown]:
    """Every chosen image, a synthetic one and a real one in turn."""
    rows, ids = np.sort(chosen["row"].to_numpy(np.int64)), _fresh_ids(2 * len(chosen))
    ours = snapshot.read(rows)
    for row, at, kind, domain in zip(
        *(chosen[name] for name in ("row", "at", "kind", "domain")), strict=True
    ):
        text = kind if question == "text" else ""
        sides = (
            (ours[[int(np.searchsorted(rows, row))]], Truth(synthetic=True, row=int(row))),
            (held[[int(at)]], Truth(synthetic=False, unit=_patient(held, int(at)))),
        )
        for pair, truth in sides:
            yield _prepared(ids.pop(), pair, truth, domain, text, question)


def _prepared(
    name: str, pair: PairBatch, truth: Truth, domain: str, text: str, question: Question
) -> Shown:
    """One image as readers are shown it, by the same encoder whatever it is."""
    files = {image_file(name): png(pair.images[0])}
    if question == "mask":
        files[mask_file(name)] = png(pair.masks[0])
    digests = {file: bytes_digest(data) for file, data in files.items()}
    item = Item(
        id=name,
        domain=domain,
        text=text,
        image=digests[image_file(name)],
        mask=digests.get(mask_file(name), ""),
    )
    return Shown(item, truth, files)


def _content(name: str, question: Question, pools: Pools, shown: list[Shown], key: Key) -> Content:
    domains = {each: pools.domains[each] for each in sorted({s.item.domain for s in shown})}
    return Content(
        name=name,
        question=question,
        titles={each: f"{domain.modality}, {domain.anatomy}" for each, domain in domains.items()},
        classes={each: domain.classes for each, domain in domains.items()},
        # Ids are random, and so is their order.
        items=tuple(sorted((each.item for each in shown), key=lambda item: item.id)),
        key=key.digest,
    )


def _written(content: Content, files: dict[str, bytes], key: Key, settings: Settings) -> FrozenList:
    """The list appears whole or not at all."""
    folder = settings.readings / content.name
    settings.readings.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=settings.readings))
    try:
        write_list(content, files, made)
        AnswerBook.create(FrozenList(made, content))
        write_key(key, settings.reading_keys / f"{content.name}.json")
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    folder.chmod(0o755)
    return FrozenList(folder, content)


def _patient(held: PairBatch, at: int) -> str:
    return str(held.facets["patient"].iloc[at]) if "patient" in held.facets else ""


def _fresh_ids(count: int) -> list[str]:
    found: set[str] = set()
    while len(found) < count:
        found.add(secrets.token_hex(ID_BYTES))
    return list(found)
