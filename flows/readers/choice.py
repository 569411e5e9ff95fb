"""Which images readers are shown: real and synthetic ones of the same kinds, equally many of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from factory.errors import InputError
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.store.shards import Status
from factory.store.snapshot import Snapshot
from factory.vocabulary import Domain
from flows.planning.recipe import kept_recipe
from flows.readers.frozen_list import Question
from tasks.services.settings import Settings

FEWEST = 4  # images of a reading
TOLD = 3  # kinds of image that an error names


@dataclass(frozen=True, eq=False)
class Pools:
    """What images of a reading are chosen from.

    Attributes:
        synthetic: a row per accepted pair of the version: row, domain, kind.
        real: a row per real pair of the validation split: at (its index), domain, kind.
        pairs: the real pairs themselves.
        domains: of both.
    """

    synthetic: pd.DataFrame
    real: pd.DataFrame
    pairs: PairBatch
    domains: Mapping[str, Domain]


def pools_of(snapshot: Snapshot, settings: Settings, question: Question) -> Pools:
    """The pairs of a version and the real ones that it was held against.

    Raises:
        InputError: if its recipe or the real pairs cannot be read any more.
    """
    attributes = snapshot.attributes
    image = ImageSection.model_validate(attributes["sections"]["image"])
    recipe = kept_recipe(attributes["sections"], (), snapshot.name, settings.home)
    source = recipe.source.build()
    if lines := source.problems(image):
        raise InputError("\n".join(lines))
    held, rows = source.read("val", image), snapshot.rows(Status.ACCEPTED)
    at = np.arange(len(held))
    if question == "mask":
        rows, at = rows[snapshot.has_mask[rows]], at[held.has_mask]
    if not len(rows) or not len(at):
        raise InputError(
            f"there are {len(rows)} synthetic and {len(at)} real {question}s of the validation split to "
            "be graded; give --grade text where there are no masks, or choose another version"
        )
    classes = {name: domain.classes for name, domain in source.domains.items()}
    ours = [_known(part, "row", question, classes) for part in snapshot.blocks(rows)]
    numbered = replace(held, facets=held.facets.assign(at=np.arange(len(held))))[at]
    sides = pd.concat(ours, ignore_index=True), _known(numbered, "at", question, classes)
    return Pools(*_kinds(*sides), held, source.domains)


def choose(pools: Pools, images: int, seed: int) -> pd.DataFrame:
    """Rows of a synthetic and a real image of one domain and kind: domain, kind, row, at.

    Every kind of image is shown as often real as synthetic, and domains evenly, so that what is
    said of an image does not give it away.

    Args:
        pools: to choose from.
        images: an even number, half of them real.
        seed: of the choice.

    Raises:
        InputError: if the number is none for a reading, or there are too few images.
    """
    if images < FEWEST or images % 2:
        raise InputError(
            f"--images {images}: half of the images are real, and fewer than {FEWEST} say nothing; "
            f"give an even number from {FEWEST} on"
        )
    draw = np.random.default_rng(seed)
    chosen = matched(pools.synthetic, pools.real, draw).head(images // 2).reset_index(drop=True)
    if len(chosen) < images // 2:
        raise _too_few(pools, images, 2 * len(chosen))
    return chosen


def matched(synthetic: pd.DataFrame, real: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """As many pairs of a synthetic and a real image of one domain and kind as there are.

    Args:
        synthetic: columns row, domain, kind.
        real: columns at, domain, kind.
        draw: from which their order comes.

    Returns:
        Columns domain, kind, row, at. Domains take turns, and kinds within a domain.
    """
    keys = ["domain", "kind"]
    sides = [
        mixed.assign(turn=mixed.groupby(keys).cumcount())
        for mixed in (side.iloc[draw.permutation(len(side))] for side in (synthetic, real))
    ]
    both = sides[0].merge(sides[1], on=[*keys, "turn"]).sort_values(["turn", "kind"], kind="stable")
    both = both.assign(turn=both.groupby("domain").cumcount())
    return both.sort_values(["turn", "domain"], kind="stable")[[*keys, "row", "at"]]


def _known(
    pairs: PairBatch, name: str, question: Question, classes: Mapping[str, tuple[str, ...]]
) -> pd.DataFrame:
    """What is known of pairs, a row each: `name`, domain, finding, and the classes shown.

    These are those that the mask shows, or for a text those that the image is said to show.
    """
    facets = pairs.facets
    if question == "mask":
        found = [
            [classes[domain][index - 1] for index in np.unique(mask[mask > 0])]
            for domain, mask in zip(facets["domain"], pairs.masks, strict=True)
        ]
    else:
        found = [sorted(filter(None, str(row).split(";"))) for row in facets["labels"]]
    shown = [", ".join(names) for names in found]
    return facets[[name, "domain", "finding"]].assign(shown=shown).reset_index(drop=True)


def _kinds(ours: pd.DataFrame, real: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The kind of each image, in words; a finding counts where both sides of a domain know it."""
    told = [set(side["domain"][side["finding"] != ""]) for side in (ours, real)]
    both = told[0] & told[1]
    return _kind(ours, both), _kind(real, both)


def _kind(side: pd.DataFrame, told: Collection[str]) -> pd.DataFrame:
    findings = side["finding"].where(side["domain"].isin(list(told)), "")
    parts = zip(findings, side["shown"], strict=True)
    kinds = ["; ".join(filter(None, (f, f"shows {names}" * bool(names)))) for f, names in parts]
    return side.drop(columns=["finding", "shown"]).assign(kind=kinds)


def _too_few(pools: Pools, images: int, possible: int) -> InputError:
    synthetic, real = (", ".join(_told(side)) for side in (pools.synthetic, pools.real))
    remedy = f"give --images {possible}" if possible >= FEWEST else "these allow no reading"
    return InputError(
        f"{images} images are asked for, and {possible} are alike in domain and kind, among synthetic "
        f"ones ({synthetic}) and real ones of the validation split ({real}); {remedy}"
    )


def _told(side: pd.DataFrame) -> Iterator[str]:
    counts = (
        side.groupby(["domain", "kind"]).size().sort_values(ascending=False).reset_index(name="n")
    )
    for line in counts.head(TOLD).to_dict("records"):
        yield f"{line['n']} of {line['domain']}{f' ({kind})' if (kind := line['kind']) else ''}"
    if len(counts) > TOLD:
        yield "…"
