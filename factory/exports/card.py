"""The data card of an export: Hugging Face's front matter, and what a datasheet asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import yaml

from factory.exports.by_domain import Origin, Part
from factory.intended_use import FORBIDDEN, INTENDED
from factory.store.snapshot import chosen_by_hand

COUNTED = ("domain", "modality", "anatomy", "finding", "labels")
# The identifiers of Hugging Face for what sources mostly say.
LICENCES = (
    *("cc0-1.0", "cc-by-4.0", "cc-by-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
    *("cc-by-nc-nd-4.0", "cc-by-nd-4.0", "apache-2.0", "mit", "unknown"),
)
SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
LARGEST = "1M<n<10M"


def data_card(parts: Sequence[Part]) -> str:
    """A README.md in Markdown, with a front matter in YAML.

    Args:
        parts: that it speaks of, all of one version.
    """
    origin = parts[0].told
    facets = pd.concat([part.snapshot.facets(part.rows) for part in parts], ignore_index=True)
    front = yaml.safe_dump(_front(parts, origin, len(facets)), sort_keys=False, allow_unicode=True)
    sections = _sections(parts, origin, facets)
    body = "\n".join(f"## {title}\n\n{text}\n" for title, text in sections)
    return f"---\n{front}---\n\n# {_title(parts)}\n\n{body}"


def _title(parts: Sequence[Part]) -> str:
    return f"{parts[0].snapshot.name}: synthetic medical images"


def _front(parts: Sequence[Part], origin: Origin, count: int) -> dict[str, object]:
    licence = origin.licence.lower()
    named = licence if licence in LICENCES else "other"
    masked = any(part.snapshot.has_mask[part.rows].any() for part in parts)
    return {
        "license": named,
        **({"license_name": origin.licence} if named == "other" else {}),
        "pretty_name": _title(parts),
        "tags": ["medical", "synthetic"],
        "task_categories": ["image-segmentation" if masked else "image-classification"],
        "size_categories": [next((word for most, word in SIZES.items() if count < most), LARGEST)],
    }


def _sections(
    parts: Sequence[Part], origin: Origin, facets: pd.DataFrame
) -> Iterator[tuple[str, str]]:
    snapshot = parts[0].snapshot
    masked = sum(int(part.snapshot.has_mask[part.rows].sum()) for part in parts)
    size = f"{snapshot.layout.width} x {snapshot.layout.height} pixels"
    what = (
        f"{len(facets)} synthetic medical images of {size}, {masked} with a mask. No image shows a "
        "patient: all were drawn by a generator."
    )
    yield "What it is", what
    yield "How it was made", _listed(_making(parts[0], origin))
    yield "Counts", "\n\n".join(_counts(facets))
    classes = (
        f"| {p.domain} | {', '.join(f'{i} {n}' for i, n in p.classes.items())} |" for p in parts
    )
    yield "Mask values", "\n".join(["| domain | value and class |", "|---|---|", *classes])
    told = [f"| {gate} | {words} |" for gate, words in origin.gates.items()]
    table = "\n".join(["| gate | outcome |", "|---|---|", *told])
    yield "Scores of its gates", table if told else "No gates were asked for, or none is recorded."
    yield "Licence of the data it was learnt from", origin.licence
    yield "Intended use", INTENDED
    yield "Forbidden use", FORBIDDEN
    yield "To make it again", _again(parts[0], origin)


def _making(part: Part, origin: Origin) -> dict[str, str]:
    recipe = part.snapshot.attributes["sections"]
    return {
        "recipe": str(recipe.get("name", part.snapshot.name)),
        "version": origin.version or "not published",
        "chosen": "; ".join(chosen_by_hand(part.snapshot.attributes)) or "by rule",
        "snapshot": part.snapshot.id,
        "generator": str((recipe.get("generator") or {}).get("kind", "unknown")),
        "software": part.software,
    }


def _counts(facets: pd.DataFrame) -> Iterator[str]:
    for name in COUNTED:
        counts = facets[name].replace("", "unknown").value_counts().sort_index()
        rows = (f"| {_cell(value)} | {count} |" for value, count in counts.items())
        yield "\n".join([f"| {name} | images |", "|---|---|", *rows])


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|")


def _again(part: Part, origin: Origin) -> str:
    name = part.snapshot.name
    version = f"{name}@{origin.version or part.snapshot.id}"
    recipe = yaml.safe_dump(dict(part.snapshot.attributes["sections"]), sort_keys=False)
    return (
        f"```console\n$ medpair run {name}.yaml\n"
        f"$ medpair datasets export {version} FOLDER --as {origin.layout}\n```\n\n"
        f"with this recipe in `{name}.yaml`:\n\n```yaml\n{recipe}```"
    )


def _listed(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())
