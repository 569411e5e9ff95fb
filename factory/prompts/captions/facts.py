"""What is known of an image, real or asked for, as far as captions can tell it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain

Flags = NDArray[np.bool_]

WORDED = ("side", "enlarged")  # facets with words of their own; others are said by their name


@dataclass(frozen=True)
class CaptionFacts:
    """What is known of an image, as far as captions can tell it.

    Attributes:
        title: the domain's words for such an image.
        finding: "" for none.
        side: of the finding: left, right or both; "" where nobody said.
        present, absent: structures that it shows, and that others of its kind show.
        enlarged: structures larger than usual.
        varying: structures that some images of this kind show and others do not.
        others: further (facet, value) pairs.
        text: free text, "" for none.
    """

    title: str
    modality: str
    anatomy: str
    finding: str = ""
    side: str = ""
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    enlarged: tuple[str, ...] = ()
    varying: frozenset[str] = frozenset()
    others: tuple[tuple[str, str], ...] = ()
    text: str = ""


def varying_classes(
    facets: pd.DataFrame, labelled: Flags, domains: Mapping[str, Domain]
) -> dict[str, tuple[str, ...]]:
    """Domain -> its classes that some of its labelled images show and others do not.

    Args:
        facets: N rows with the columns domain and labels.
        labelled: (N,) whether a row without labels shows nothing, rather than being unlabelled.
        domains: by name.
    """
    known = facets[labelled]
    found = {}
    for name, domain in domains.items():
        shown = [set(str(row).split(";")) for row in known["labels"][known["domain"] == name]]
        counts = {label: sum(label in row for row in shown) for label in domain.classes}
        found[name] = tuple(label for label, n in counts.items() if 0 < n < len(shown))
    return found


def facts_of_rows(
    facets: pd.DataFrame,
    labelled: Flags,
    domains: Mapping[str, Domain],
    varying: Mapping[str, Sequence[str]],
) -> list[CaptionFacts]:
    """What a source tells of its images; `side` and `enlarged` where it has such columns.

    Args:
        facets: N rows as a source gives them.
        labelled: (N,) whether the labels of a row are all that it shows, or nobody said.
        domains: by name.
        varying: from `varying_classes`.
    """
    return [
        _of_row(row, bool(known), domains[row["domain"]], varying)
        for row, known in zip(facets.to_dict("records"), labelled, strict=True)
    ]


def _of_row(
    row: Mapping[Hashable, Any],
    labelled: bool,
    domain: Domain,
    varying: Mapping[str, Sequence[str]],
) -> CaptionFacts:
    present = _names(row["labels"])
    absent = [name for name in domain.classes if name not in present] if labelled else []
    return CaptionFacts(
        domain.title,
        domain.modality,
        domain.anatomy,
        row["finding"],
        row.get("side", ""),
        present,
        tuple(absent),
        _names(row.get("enlarged", "")),
        frozenset(varying[domain.name]),
        text=row["text"],
    )


def facts_of_prompt(prompt: Prompt, domain: Domain, varying: Sequence[str]) -> CaptionFacts:
    """What a prompt asks for; its extra facets `side` and `enlarged` have words of their own."""
    extra = dict(prompt.extra)
    # A prompt may ask for fewer classes than its finding shows; those are not absent.
    shown = set(domain.shown(prompt.finding) if prompt.finding else ()) | set(prompt.classes)
    return CaptionFacts(
        domain.title,
        domain.modality,
        domain.anatomy,
        prompt.finding,
        extra.get("side", ""),
        prompt.classes,
        tuple(name for name in domain.classes if name not in shown),
        _names(extra.get("enlarged", "")),
        frozenset(varying),
        tuple((name, value) for name, value in prompt.conditioning if name not in WORDED),
        prompt.text,
    )


def _names(joined: str) -> tuple[str, ...]:
    return tuple(name for name in joined.split(";") if name)
