"""Keys of recipes that have another name now: refused in a user's file, read in a kept one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation import settings as evaluation
from evaluation.features.names import RETIRED
from evaluation.metrics.former_names import name_now as score_now
from factory import identity as factory


def _backwards(first_names: Mapping[str, str]) -> dict[str, str]:
    return {first: now.rpartition(".")[2] for now, first in first_names.items()}


_OF_FACTORY, _OF_EVALUATION = (_backwards(m.FIRST_NAMES) for m in (factory, evaluation))

# Section of a recipe -> key as it was called first -> as it is called now.
NOW: Mapping[str, Mapping[str, str]] = {
    "source": _OF_FACTORY,
    "generator": _OF_FACTORY,
    "evaluate": _OF_EVALUATION,
    "utility": _OF_EVALUATION,
}


def name_now(section: str, key: str) -> str | None:
    """What a key below a section of a recipe is called now; None where it was never renamed."""
    return NOW.get(section, {}).get(key)


def upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe that was kept with a data set: keys and scores called as they are now."""
    found = {section: _renamed(value, NOW.get(section, {})) for section, value in content.items()}
    found["gates"] = {_gate_now(gate): bound for gate, bound in found.get("gates", {}).items()}
    if found.get("champion"):
        found["champion"] = score_now(found["champion"])
    evaluate = found.get("evaluate", {})
    if {*RETIRED} & {*evaluate.get("features", ())}:
        kept = [name for name in evaluate["features"] if name not in RETIRED]
        found["evaluate"] = {**evaluate, "features": kept or ["handcrafted"]}
    return found


def _gate_now(gate: str) -> str:
    metric, dot, end = gate.partition(".")
    return score_now(metric) + dot + end


def _renamed(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(each, names) for key, each in value.items()}
    return [_renamed(each, names) for each in value] if isinstance(value, list) else value
