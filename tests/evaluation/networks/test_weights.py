"""Files of networks: whole or not there, whenever the process dies; what is broken is not read."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from evaluation.networks.weights import (
    DamagedError,
    is_saved,
    read_back,
    read_weights,
    restore,
    save_weights,
)

KILLED_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
from torch import nn
import evaluation.networks.weights as module

def killed(state, path, metadata):
    Path(path).write_bytes(b"half of a file")
    os.kill(os.getpid(), signal.SIGKILL)

module.save_file = killed
module.save_weights(nn.Linear(2, 2), {}, Path(sys.argv[1]) / "some.safetensors")
"""


def load(folder):
    network, path = nn.Linear(2, 2), folder / "some.safetensors"
    restore(network, read_weights(path, "network")[1], path, "network")
    return network


def test_a_kill_while_saving_leaves_nothing_that_passes_for_a_network(tmp_path):
    command = [sys.executable, "-c", KILLED_WHILE_SAVING, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -9
    assert not is_saved(tmp_path)
    assert read_back(load, tmp_path) is None
    network = nn.Linear(2, 2)
    save_weights(network, {}, tmp_path / "some.safetensors")
    again = read_back(load, tmp_path)
    assert torch.equal(again.weight, network.weight)


def test_what_is_broken_is_logged_and_not_read(tmp_path, caplog):
    (tmp_path / "some.safetensors").write_bytes(b"")
    assert read_back(load, tmp_path) is None
    assert "train it again" in caplog.text
    save_weights(nn.Linear(3, 3), {}, tmp_path / "some.safetensors")
    assert read_back(load, tmp_path) is None
    with pytest.raises(DamagedError, match="weights of another network"):
        load(tmp_path)
