"""What a recipe's `from` may not be; the checkpoint is real, of the tiny preset, untrained."""

import json
import os

import pytest
import torch

from factory.models.checkpoints import UNET_CONFIG, UNET_WEIGHTS


def wider(folder):
    config = json.loads((folder / UNET_CONFIG).read_text())
    (folder / UNET_CONFIG).write_text(json.dumps(config | {"block_out_channels": [32, 64]}))
    return folder


def of_a_newer_coupling(folder):
    config = json.loads((folder / UNET_CONFIG).read_text())
    (folder / UNET_CONFIG).write_text(json.dumps(config | {"coupling": "entangled"}))
    return folder


def cut_short(folder):
    whole = (folder / UNET_WEIGHTS).read_bytes()
    (folder / UNET_WEIGHTS).write_bytes(whole[: len(whole) // 2])
    return folder


class Payload:
    def __reduce__(self):
        return os.mkdir, ("it-ran",)


def pickle_that_runs(folder):
    torch.save({"state": Payload()}, folder.parent / "model.pth")
    return folder.parent / "model.pth"


def pickle_of_more(folder):
    torch.save({"step": 3, "model": {"weight": torch.zeros(1)}}, folder.parent / "model.pth")
    return folder.parent / "model.pth"


def bare_weights(folder):
    torch.save({"weight": torch.zeros(1)}, folder.parent / "model.pth")
    return folder.parent / "model.pth"


SPOILED = {
    "another architecture": (wider, "down_blocks"),
    "a coupling of a newer version": (of_a_newer_coupling, "entangled"),
    "a file cut short": (cut_short, "damaged"),
    "a pickle that runs code": (pickle_that_runs, "could run its code"),
    "a pickle of more than weights": (pickle_of_more, "not a flat state dict"),
    "the weights of one network": (bare_weights, "a checkpoint is a folder"),
}


@pytest.mark.parametrize("train", [None, {"steps": 1}], ids=["use", "fine-tune"])
@pytest.mark.parametrize("case", SPOILED)
def test_a_bad_checkpoint_is_one_line_and_leaves_no_trace(
    case, train, checkpoint, medpair, recipe, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    spoil, expected = SPOILED[case]
    generator = {"kind": "medsegfactory", "preset": "tiny", "from": str(spoil(checkpoint))}
    path = recipe(generator=generator | ({"train": train} if train else {}))
    said = medpair("run", path, "--home", tmp_path / "home")
    assert said.code == 2
    assert len(said.lines) == 1
    assert expected in said.lines[0]
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / "it-ran").exists()


def test_the_checkpoint_is_good_until_it_is_spoiled(checkpoint, medpair, recipe, tmp_path):
    generator = {"kind": "medsegfactory", "preset": "tiny", "from": str(checkpoint)}
    said = medpair("run", recipe(generator=generator), "--dry-run", "--home", tmp_path / "home")
    assert said.code == 0, said.err
