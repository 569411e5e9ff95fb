"""What a run and a data set are called."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from slugify import slugify

from factory.errors import InputError

# Keys of recipes that were renamed, and what they were called first. Identities are worked out from
# the first names: a clearer word must not make anybody train again, or make pairs anew. "section.key"
# is a key of that section alone.
FIRST_NAMES: Mapping[str, str] = {
    "affinity_images": "seeds",
    "affinity_label_steps": "seed_rungs",
    "guidance_rescale": "rescale",
    "mask_colour_augmentation": "recolour",
    "masks.steps": "rungs",
    "min_component": "speck",
    "min_contrast": "flat",
    "shared_timesteps": "tied_timesteps",
    "stream_prompt_dropout": "drop_one_prompt",
    "structure_dropout": "left_out",
    "texture_loss_from": "texture_from",
}
LONGEST_NAME = 64
PLAIN_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_NAME - 1}}}")


def digest(value: object) -> str:
    """SHA-256, 64 hex digits, of a JSON value: equal for equal content, whatever the key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_named(value: Any, section: str = "") -> Any:  # noqa: ANN401  # JSON
    """A dumped section of a recipe with every key as it was called first.

    Args:
        value: the section, or a part of it.
        section: its own key; "" for a recipe.
    """
    if isinstance(value, Mapping):
        return {_first_name(key, section): first_named(value[key], key) for key in value}
    return [first_named(each, section) for each in value] if isinstance(value, list) else value


def _first_name(key: str, section: str) -> str:
    return FIRST_NAMES.get(f"{section}.{key}", FIRST_NAMES.get(key, key))


def run_id(
    source_digest: str,
    image: BaseModel | Mapping[str, object],
    generator_digest: str,
    grid_digest: str,
) -> str:
    """Name of what a run makes: 12 hex digits.

    Args:
        source_digest: content of the real data.
        image: the recipe's image section.
        generator_digest: weights, configuration, sampling and format of the generator.
        grid_digest: content of the prompt grid.
    """
    section = image.model_dump(mode="json") if isinstance(image, BaseModel) else dict(image)
    named = {
        "source": source_digest,
        "image": section,
        "generator": generator_digest,
        "grid": grid_digest,
    }
    return digest(named)[:12]


def branch_of(run: str) -> str:
    """Branch a run writes on; Icechunk refuses slashes in branch names."""
    return f"run-{run}"


def aside_of(kind: str, name: str) -> str:
    """Branch on which rows are laid out before another name moves to them.

    Args:
        kind: "declare", "rebase" or "repair".
        name: id of the run, or of the snapshot that is repaired.
    """
    return f"{kind}-{name.lower()}"


def is_aside(branch: str) -> bool:
    """Whether a branch is one of `aside_of`."""
    return re.fullmatch(r"(declare|rebase)-.*|repair-[0-9a-z]{20}", branch) is not None


def is_version(tag: str) -> bool:
    """Whether a tag is of a version, "v2", not a name that someone gave to one."""
    return tag[:1] == "v" and tag[1:].isdecimal()


def label_name(label: str) -> str:
    """A label of a version, unchanged.

    Raises:
        InputError: if it is no plain name, or reads as that of a version or of a run.
    """
    if plain_name(label) == "main" or re.match(r"v\d|(run|declare|rebase)-", label):
        raise InputError(
            f"{label!r} reads as the name of a version or of a run, which labels stand beside; "
            "choose a word such as 'approved'"
        )
    return label


def slug(name: str, longest: int = 0) -> str:
    """A name as small letters of a to z, digits and single "-": "Größe (alt)" is "grosse-alt".

    Letters of other alphabets are spelt in that one. "" where nothing is left.

    Args:
        name: any text.
        longest: characters at most; 0 for any number.
    """
    return slugify(name, max_length=longest)


def plain_name(name: str) -> str:
    """The name of a data set, unchanged.

    Raises:
        InputError: if it could be read as a path, or would not be one on an object store.
    """
    if not PLAIN_NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a plain name: a data set's name becomes a folder of the store, so a "
            f"path in it would write elsewhere; use up to {LONGEST_NAME} letters, digits, '-' or '_'"
        )
    return name
