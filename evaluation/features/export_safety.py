"""Which torch.export archives are read: those that hold weights and tensor operations alone.

`torch.export.load` unpickles parts of an archive, evaluates expressions in it and loads compiled
libraries, so that a file from elsewhere could run code. What could is refused before torch sees
the file; everything an ordinary `torch.export.save` writes passes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator

import torch

# Below the archive's root; anything else (compiled code, older layouts) is not read.
EXPECTED = (
    r"archive_format|archive_version|byteorder|\.data/\w+|\.format_version|\.storage_alignment"
    r"|models/\w+\.json|data/sample_inputs/\w+\.pt|extra/.*"
    r"|data/weights/(weight_\d+|\w+_weights_config\.json)"
    r"|data/constants/(tensor_\d+|\w+_constants_config\.json)"
)
OPERATIONS = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file)\w+\.\w+|torch\.sym_\w+|math\.\w+"
    r"|torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|getitem)"
)
SYMBOL = re.compile(r"Symbol\('[a-z]+\d+'(, \w+=(True|False))*\)")
EXPRESSION = re.compile(r"([A-Z]\w*\(|-?\d+(\.\d+)?|True|False|int_oo|[(), ])*")


def problem(content: bytes) -> str | None:
    """Why the archive is not read, in a few words; None where it can be."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return next(_problems(archive), None)
    except (zipfile.BadZipFile, ValueError, KeyError, AttributeError, TypeError):
        return "it is not an archive of torch.export.save"


def _problems(archive: zipfile.ZipFile) -> Iterator[str]:
    names = archive.namelist()
    inner = [name.partition("/")[2] for name in names]
    if len(set(names)) < len(names) or len({name.partition("/")[0] for name in names}) > 1:
        yield "it holds two archives in one"
    if odd := [name for name in inner if not re.fullmatch(EXPECTED, name)]:
        yield f"it holds {odd[0] or names[0]!r}, which is neither weights nor a graph of operations"
    for name in names:
        if name.endswith("_config.json"):
            yield from _pickled(json.loads(archive.read(name)))
        elif name.endswith(".pt"):
            yield from _unsafe(archive.read(name))
        elif "/models/" in name:
            yield from _operations(json.loads(archive.read(name)))
    if not any("/models/" in name for name in names):
        yield "it holds no exported program"


def _pickled(config: dict[str, dict[str, dict[str, object]]]) -> Iterator[str]:
    for weight, payload in config["config"].items():
        plain = re.fullmatch(r"(weight|tensor)_\d+", str(payload["path_name"]))
        if payload["use_pickle"] is not False or not plain:
            yield f"its weight {weight!r} is a pickled object"


def _unsafe(pickled: bytes) -> Iterator[str]:
    try:
        # The sample inputs: torch would read anything else with a pickle that can run code.
        torch.load(io.BytesIO(pickled), weights_only=True) if pickled else None
    except Exception:  # noqa: BLE001  # whatever torch stumbles over, it is no plain tensor
        yield "its sample inputs are pickled objects"


def _operations(content: object) -> Iterator[str]:
    """What in a graph is neither a tensor operation nor plain arithmetic of sizes."""
    if isinstance(content, list):
        for each in content:
            yield from _operations(each)
    elif isinstance(content, dict):
        target, expression = content.get("target"), content.get("expr_str")
        if isinstance(target, str) and "inputs" in content and not OPERATIONS.fullmatch(target):
            yield f"its graph calls {target}"
        if isinstance(expression, str) and not EXPRESSION.fullmatch(SYMBOL.sub("0", expression)):
            yield f"its graph evaluates {expression[:60]!r}"
        for each in content.values():
            yield from _operations(each)
