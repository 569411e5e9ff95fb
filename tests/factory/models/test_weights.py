import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from factory.errors import InputError
from factory.models.weights import assign_state, read_state, write_state


class Trap:
    """Unpickled, it would create a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_half_precision_is_stored_and_read_back_as_float32(tmp_path):
    layer, file = nn.Linear(3, 2), tmp_path / "layer.safetensors"
    write_state(layer, file, torch.float16)
    assert read_state(file)["weight"].dtype == torch.float16
    again = nn.Linear(3, 2)
    assign_state(again, read_state(file), file)
    assert again.weight.dtype == torch.float32
    assert again.weight.requires_grad
    torch.testing.assert_close(again.weight, layer.weight, atol=1e-3, rtol=1e-3)


def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path):
    file, proof = tmp_path / "checkpoint.pth", tmp_path / "proof"
    torch.save({"weight": torch.zeros(1), "extra": Trap(proof)}, file)
    with pytest.raises(InputError, match="pickle of more than tensors"):
        read_state(file)
    assert not proof.exists()


def test_a_plain_pickle_is_refused(tmp_path):
    file = tmp_path / "checkpoint.pth"
    file.write_bytes(pickle.dumps({"weight": Trap(tmp_path / "proof")}))
    with pytest.raises(InputError):
        read_state(file)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": {"weight": torch.zeros(1)}, "epoch": 3}, "a dict of state_dict, epoch"),
        ([torch.zeros(1)], "holds a list"),
        ({}, "holds a dict"),
    ],
)
def test_a_pickle_that_is_no_flat_state_dict_is_refused(tmp_path, content, words):
    file = tmp_path / "checkpoint.pth"
    torch.save(content, file)
    with pytest.raises(InputError, match=words):
        read_state(file)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_a_damaged_file_is_refused(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=name) as caught:
        read_state(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_state(tmp_path / "weights.safetensors")


def test_a_truncated_file_is_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(100)}, file)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(InputError, match="damaged"):
        read_state(file)


def test_another_architecture_is_refused_with_the_first_keys():
    state = {"weight": torch.zeros(2, 4), "scale": torch.zeros(2)}
    with pytest.raises(InputError, match="another architecture") as caught:
        assign_state(nn.Linear(3, 2), state, Path("some.safetensors"))
    told = str(caught.value)
    assert "1 missing: bias" in told
    assert "1 unexpected: scale" in told
    assert "1 of another shape: weight (2, 4) for (2, 3)" in told
