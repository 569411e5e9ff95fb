"""Checkpoints that are damaged, of other models, or made to run code when they are loaded."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file

from benchmarks.bad_inputs import hostile
from benchmarks.bad_inputs.case import RAN, Case, Place, dry_run
from benchmarks.bad_inputs.folders import JSON_TRAPS
from benchmarks.bad_inputs.ground import PACKAGED, RECIPE

MODEL = "model"
FILES = tuple(
    str(each.relative_to(PACKAGED)) for each in sorted(PACKAGED.rglob("*")) if each.is_file()
)
CONFIGS = tuple(name for name in FILES if name.endswith(".json"))
WEIGHTS = tuple(name for name in FILES if name.endswith(".safetensors"))


def damaged(draw: random.Random, place: Place) -> Case:
    """A checkpoint of which one file is flipped, cut, missing, mutated or no file."""
    folder = place.ground.link_checkpoint(place.folder / MODEL)
    name = draw.choice(draw.choice((FILES, CONFIGS, CONFIGS, WEIGHTS)))
    whole = (PACKAGED / name).read_bytes()
    (folder / name).unlink()
    match draw.randrange(6):
        case 0:
            what = "missing"
        case 1:
            what = "no file"
            draw.choice((os.mkdir, os.mkfifo, lambda p: p.symlink_to("/proc/self/mem")))(
                folder / name
            )
        case 2 if name in CONFIGS:
            what = "a trap"
            text = draw.choice(JSON_TRAPS)
            (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        case 3 | 4 if name in CONFIGS:
            what = "mutated"
            content = hostile.mutated(draw, json.loads(whole), draw.randint(1, 3))
            (folder / name).write_text(json.dumps(content))
        case 4 if name in WEIGHTS:
            what = "other tensors"
            save_file(_changed(draw, load_file(PACKAGED / name)), folder / name)
        case _:
            what = "flipped"
            (folder / name).write_bytes(hostile.flipped(draw, whole))
    return _used(draw, place, MODEL, f"{name} {what}")


def pickled(draw: random.Random, place: Place) -> Case:
    """A pickle that would run code, as weights, as a checkpoint or as a network of features."""
    content = draw.choice(PICKLES)(draw, place.folder / RAN)
    if draw.random() < 0.3:
        content = hostile.flipped(draw, content)
    where = draw.choice((*WEIGHTS, "a.pth", "a.bin", "a.pt2", "a.safetensors", "tokenizer/x.py"))
    if where in WEIGHTS or where.startswith("tokenizer"):
        folder = place.ground.link_checkpoint(place.folder / MODEL)
        (folder / where).unlink(missing_ok=True)
        (folder / where).write_bytes(content)
        _call_code(folder / "tokenizer" / "tokenizer_config.json")
        return _used(draw, place, MODEL, f"a pickle as {where}")
    (place.folder / where).write_bytes(content)
    if where.endswith(".pt2"):
        features = {
            "evaluate": {"features": [f"file:{where}", {"file": where}][: draw.choice((1, 2))]}
        }
        return _written(place, {**RECIPE, **features}, f"a pickle as {where}")
    return _used(draw, place, where, f"a pickle as {where}")


def _call_code(config: Path) -> None:
    """Names code of its own in a configuration, as hubs allow where it is trusted."""
    content = json.loads(config.read_text())
    config.unlink()
    config.write_text(json.dumps(content | {"auto_map": {"AutoTokenizer": ["x.T", None]}}))


def _used(draw: random.Random, place: Place, model: str, what: str) -> Case:
    kind = draw.choice(("medsegfactory", "medsegfactory", "medsegfactory", "medisyn", "diffmask"))
    generator: dict[str, Any] = {"kind": kind, "from": model}
    if draw.random() < 0.15:
        generator["train"] = {"steps": 1}
    image = {"size": 64, "channels": 3}
    utility = None if kind == "medisyn" else RECIPE["utility"]
    content = {**RECIPE, "generator": generator, "image": image, "utility": utility}
    return _written(place, content, f"{what}, for {kind}")


def _written(place: Place, content: object, what: str) -> Case:
    (place.folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    return Case(what, dry_run())


def _changed(draw: random.Random, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = draw.choice(sorted(state))
    match draw.randrange(6):
        case 0:
            del state[name]
        case 1:
            state[name] = state[name].to(draw.choice((torch.int64, torch.bool, torch.float64)))
        case 2:
            state[name] = torch.full_like(state[name], float("nan"))
        case 3:
            state[name] = state[name][:0].contiguous()
        case 4:
            state = {f"x{key}": each for key, each in state.items()}
        case _:
            state = {hostile.text(draw).encode("utf-8", "replace").decode(): torch.zeros(1)}
    return state


class _Payload:
    """What runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


def _plain(draw: random.Random, mark: Path) -> bytes:
    return pickle.dumps({"weight": _Payload(mark)}, draw.randrange(6))


def _saved(draw: random.Random, mark: Path) -> bytes:
    file, old = io.BytesIO(), draw.random() < 0.3
    torch.save(
        {"w": torch.zeros(2), "x": _Payload(mark)}, file, _use_new_zipfile_serialization=not old
    )
    return file.getvalue()


def _zipped(draw: random.Random, mark: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("data.pkl", "archive/data.pkl", "model.json", "code/x.py"):
            archive.writestr(name, pickle.dumps(_Payload(mark), 2))
        archive.writestr("archive/version", draw.choice(("3", "99", "")))
    return file.getvalue()


def _text(draw: random.Random, mark: Path) -> bytes:
    return f"cos\nsystem\n(S'touch {mark}'\ntR.".encode() + hostile.text(draw).encode(
        "utf-8", "replace"
    )


PICKLES: tuple[Callable[[random.Random, Path], bytes], ...] = (_plain, _saved, _zipped, _text)
