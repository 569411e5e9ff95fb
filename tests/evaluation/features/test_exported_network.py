"""Real networks, exported into a temporary folder as a user would, and files that are none."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from evaluation.errors import InputError
from evaluation.features.export_safety import problem
from evaluation.features.exported_network import load_exported

AUTO = torch.export.Dim.AUTO


class Means(nn.Module):
    """Mean brightness of every channel in [0, 1]: features that are known by hand."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images):
        return images.float().mean((2, 3)) * self.scale


class Odd(nn.Module):
    def __init__(self, give):
        super().__init__()
        self.give = give

    def forward(self, images):
        return self.give(images)


@pytest.fixture
def export(tmp_path):
    def exported(network=None, shape=(2, 3, 8, 8), dynamic=None, dtype=torch.float32, name="net"):
        path = tmp_path / f"{name}.pt2"
        inputs = (torch.zeros(shape, dtype=dtype),)
        shapes = None if dynamic is None else (dict.fromkeys(dynamic, AUTO),)
        program = torch.export.export((network or Means()).eval(), inputs, dynamic_shapes=shapes)
        torch.export.save(program, path)
        return path

    return exported


def drawn(count, size=8, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return images, np.zeros((count, size, size), np.uint8)


@pytest.mark.parametrize("dynamic", [None, (0,)], ids=["static", "dynamic"])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_any_number_of_grey_images_goes_through_any_batch(export, dynamic, count):
    images, masks = drawn(count)
    extractor = load_exported(export(dynamic=dynamic))
    table = extractor.groups(images, masks)["network"]
    expected = np.repeat(images.mean((1, 2)) / 255, 3, axis=1)
    assert table.shape == (count, 3)
    np.testing.assert_allclose(table, expected, rtol=1e-5)


def test_colour_stays_colour_and_bytes_stay_bytes(export):
    images, masks = drawn(3, channels=3)
    extractor = load_exported(export(dtype=torch.uint8))
    table = extractor.groups(images, masks)["network"]
    np.testing.assert_allclose(table, images.mean((1, 2)), rtol=1e-5)


def test_a_grey_network_reads_brightness(export):
    images, masks = drawn(2, channels=3)
    table = load_exported(export(shape=(2, 1, 8, 8))).groups(images, masks)["network"]
    brightness = images.mean((1, 2)) @ [0.299, 0.587, 0.114] / 255
    np.testing.assert_allclose(table[:, 0], brightness, rtol=1e-5)


def test_images_are_shrunk_with_antialiasing(export):
    # Every second column white: half grey once shrunk; plain bilinear sampling would keep stripes.
    images = np.zeros((1, 32, 32, 1), np.uint8)
    images[:, :, ::2] = 255
    flat = Odd(lambda images: images.flatten(1))
    table = load_exported(export(flat)).groups(images, images[..., 0])["network"]
    assert table.shape == (1, 3 * 8 * 8)
    np.testing.assert_allclose(table.reshape(3, 8, 8)[:, :, 1:-1], 0.5, atol=0.03)
    theirs = functional.interpolate(
        torch.from_numpy(images[..., 0])[None].float() / 255,
        (8, 8),
        mode="bilinear",
        antialias=True,
    )
    np.testing.assert_allclose(table[0, :64], theirs.flatten(), atol=1e-6)


def test_a_network_of_any_size_gets_images_as_they_are(export):
    seen = Odd(lambda images: images.amax((1, 2, 3))[:, None])
    extractor = load_exported(export(seen, shape=(2, 3, 16, 16), dynamic=(0, 2, 3)))
    assert extractor.program.size is None
    images, masks = drawn(3, size=40)
    table = extractor.groups(images, masks)["network"]
    np.testing.assert_allclose(table[:, 0], images.max((1, 2, 3)) / 255, rtol=1e-6)


def test_the_fingerprint_is_of_the_content_and_inception_keeps_its_name(export):
    one, other = export(name="one"), export(Means(2.0), name="other")
    assert load_exported(one).fingerprint != load_exported(other).fingerprint
    copy = one.with_name("copy.pt2")
    copy.write_bytes(one.read_bytes())
    assert load_exported(copy).fingerprint == load_exported(one).fingerprint
    found = load_exported(one, "inception")
    assert found.name == "inception"
    assert not found.scaled
    # Replaced under the same name, it is read anew.
    one.write_bytes(other.read_bytes())
    os.utime(one, ns=(1, 1))
    assert load_exported(one).fingerprint == load_exported(other).fingerprint


FAULTS = {
    "two results": (Odd(lambda x: (x.mean((2, 3)), x.sum((2, 3)))), "gives 2 results"),
    "one row for all": (Odd(lambda x: x.mean((0, 2, 3))[None]), "not one tensor with a row"),
    "not finite": (Odd(lambda x: x.mean((2, 3)) / 0 * 0), "not finite"),
    "whole numbers": (Odd(lambda x: x.mean((2, 3)).argmax(1)), "whole or not finite"),
    "far too wide": (Odd(lambda x: x.flatten(1).repeat(1, 30)), "5760 numbers per image"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_gives_no_features_is_one_clear_line(fault, export):
    network, words = FAULTS[fault]
    with pytest.raises(InputError, match=words) as caught:
        load_exported(export(network)).groups(*drawn(1))
    assert "net.pt2" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "dynamic", "words"),
    [
        ((2, 3, 8), None, "not a batch of images"),
        ((2, 4, 8, 8), None, "neither grey nor RGB"),
        ((2, 3, 8, 8), (2,), "fix both height and width"),
    ],
)
def test_what_takes_no_images_is_refused(export, shape, dynamic, words):
    network = Odd(lambda x: x.flatten(1).sum(1, keepdim=True))
    with pytest.raises(InputError, match=words):
        load_exported(export(network, shape, dynamic))


def test_two_inputs_are_one_too_many(tmp_path):
    both = Odd(lambda x: x["a"].mean((2, 3)) + x["b"].mean((2, 3)))
    zeros = torch.zeros(2, 3, 8, 8)
    program = torch.export.export(both, ({"a": zeros, "b": zeros},))
    torch.export.save(program, tmp_path / "two.pt2")
    with pytest.raises(InputError, match="takes 2 inputs, not one batch"):
        load_exported(tmp_path / "two.pt2")


def test_a_missing_or_foreign_file_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match=r"inception:.*none.pt2 does not exist") as caught:
        load_exported(tmp_path / "none.pt2", "inception")
    assert "torch.export.save" in str(caught.value)
    foreign = tmp_path / "model.onnx"
    foreign.write_bytes(b"\x08\x07 not a zip")
    with pytest.raises(InputError, match=r"not an archive of torch.export.save"):
        load_exported(foreign)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"data.pkl', which is neither weights nor"):
        load_exported(tmp_path / "weights.pth")


class Payload:
    def __reduce__(self):
        return Path.touch, (Path("it-ran"),)


def rewritten(path, change):
    """The archive with some of its files changed: `change` gets and gives (name, content)."""
    with zipfile.ZipFile(path) as archive:
        files = [change(name, archive.read(name)) for name in archive.namelist()]
    made = path.with_name("changed.pt2")
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return made


def pickled_inputs(name, content):
    if not name.endswith(".pt"):
        return name, content
    buffer = io.BytesIO()
    torch.save((Payload(),), buffer)
    return name, buffer.getvalue()


def pickled_weight(name, content):
    return name, content.replace(b'"use_pickle": false', b'"use_pickle": true')


def compiled_code(name, content):
    if name.endswith("byteorder"):
        return name.replace("byteorder", "data/aotinductor/model/code.so"), content
    return name, content


def file_operation(name, content):
    return name, content.replace(b"torch.ops.aten.mean.dim", b"torch.ops.aten.from_file.default")


def any_attribute(name, content):
    return name, content.replace(b"torch.ops.aten.mean.dim", b"torch.os.system")


def evaluated_text(name, content):
    return name, content.replace(b'"Symbol(', b'"eval(chr(49)) * Symbol(')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pickled_inputs, "sample inputs are pickled"),
        (pickled_weight, "is a pickled object"),
        (compiled_code, "code.so"),
        (file_operation, "calls torch.ops.aten.from_file"),
        (any_attribute, "calls torch.os.system"),
        (evaluated_text, "its graph evaluates .eval"),
    ],
)
def test_what_could_run_code_is_never_loaded(change, words, export, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = rewritten(export(dynamic=(0,)), change)
    with pytest.raises(InputError, match=words):
        load_exported(path)
    assert not Path("it-ran").exists()


def test_an_archive_that_was_only_packed_anew_is_fine(export):
    path = rewritten(export(), lambda name, content: (name, content))
    assert problem(path.read_bytes()) is None


def test_an_archive_without_a_program_is_none(export):
    path = rewritten(export(), lambda n, c: (n.replace("models/model.json", "extra/a"), c))
    assert problem(path.read_bytes()) == "it holds no exported program"
    broken = rewritten(export(), lambda n, c: (n, c[:9] if n.endswith(".json") else c))
    assert "not an archive" in problem(broken.read_bytes())
    with pytest.raises(json.JSONDecodeError):
        json.loads(b'{"config"')
