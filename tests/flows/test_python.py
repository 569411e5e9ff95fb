"""`import medpair`: what the package offers in Python, and that its examples do what they say."""

import doctest
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import medpair as package
from factory.store.runs import declare, judge, make, merge, missing
from flows.context import open_context
from flows.datasets import Version, export
from flows.planning.named_source import source_named
from flows.planning.recipe import load_recipe
from medpair.data_set import DataSet
from tasks.services.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pandas", "torch", "pydantic", "prefect", "mlflow", "dask", "flows", "factory")
# What examples start or draw: Prefect, or pairs of the model that ships.
MARKS = {
    "medpair.running": [pytest.mark.integration],
    "medpair.scoring": [pytest.mark.integration],
    "medpair.generation": [pytest.mark.slow],
    "medpair.filling": [pytest.mark.slow],
    "medpair.painting": [pytest.mark.slow],
}
FILES = [
    pytest.param(name, marks=MARKS.get(name, []))
    for name in sorted({"medpair", *package.FILES.values()})
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def marks_of(block):
    """Of an example on the page."""
    if "score(" in block:
        return MARKS["medpair.scoring"]
    return MARKS["medpair.generation"] if "packaged:" in block else []


BLOCKS = [
    pytest.param(body, id=str(number), marks=marks_of(body))
    for number, body in enumerate(BLOCK.findall((ROOT / "docs/python.md").read_text("utf-8")))
]


@pytest.fixture
def drawn(recipe, tmp_path):
    """Three pairs of a recipe that draws by rule, of two findings."""
    findings = ["benign", "malignant"]
    return package.generate(recipe(), number=3, home=tmp_path / "home", finding=findings)


def test_importing_it_loads_nothing_heavy():
    told = f"import sys, medpair; print([m for m in {HEAVY!r} if m in sys.modules], dir(medpair))"
    said = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout == f"[] {package.__all__}\n"


def test_every_name_it_offers_is_there():
    assert all(getattr(package, name).__doc__ for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'close'"):
        package.close  # noqa: B018


def test_facets_take_turns_and_nothing_is_written(drawn, tmp_path):
    assert drawn.facets["finding"].tolist() == ["benign", "malignant", "benign"]
    assert len(drawn) == 3
    assert drawn.images.shape == (3, 32, 32, 1)
    assert drawn.masks.max() == 1
    assert drawn.classes["phantom-breast-us"]["lesion"] == 1
    assert not (tmp_path / "home").exists()


def test_the_seed_decides_the_pairs(drawn, recipe, tmp_path):
    def again(seed):
        return package.generate(recipe(), 1, seed, home=tmp_path, finding="benign").images[0]

    assert np.array_equal(again(0), drawn.images[0])
    assert not np.array_equal(again(1), drawn.images[0])


def test_a_checkpoint_makes_pairs_of_its_own_size(checkpoint):
    pairs = package.generate(checkpoint, number=2)
    assert pairs.images.shape == (2, 32, 32, 1)
    assert len(set(pairs.facets["seed"])) == 2


def test_fewer_pairs_than_combinations_are_spread_over_them(recipe, tmp_path):
    pairs = package.generate(recipe(), number=2, home=tmp_path, shade=["a", "b", "c", "d"])
    assert pairs.facets["shade"].tolist() == ["a", "c"]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"number": 0}, "number=0: there is nothing to make"),
        ({"seed": -1}, "seed=-1 cannot be used"),
        ({"finding": "nope"}, "unknown finding 'nope'"),
        ({"findings": "benign"}, "unknown facet 'findings'"),
    ],
)
def test_a_wrong_wish_is_one_line(recipe, tmp_path, asked, line):
    with pytest.raises(ValueError, match=line) as refused:
        package.generate(recipe(), home=tmp_path, **asked)
    assert len(str(refused.value).splitlines()) == 1


def test_a_generator_that_is_still_to_be_trained_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="trains its generator, which takes long: run `medpair train`"
    ):
        package.generate("phantom-model", home=tmp_path)


def test_a_data_set_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no data set 'nope'"):
        package.open("nope@v1", home=tmp_path)


def test_real_pairs_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="there is neither a folder nor a recipe nowhere"):
        source_named("nowhere")


def without_masks(pairs, has_mask):
    held = pairs.pairs
    batch = type(held)(held.images, held.masks, held.facets, held.spacing_mm, np.array(has_mask))
    return DataSet("some", pairs.classes, len(batch), lambda: batch)


def test_torch_has_images_in_the_unit_range_and_masks_as_classes(drawn):
    pairs = without_masks(drawn, [True, True, False]).to_torch()
    assert isinstance(pairs, torch.utils.data.Dataset)
    images, masks, facets = next(iter(torch.utils.data.DataLoader(pairs, batch_size=3)))
    assert images.dtype == torch.float32
    assert torch.equal(images, torch.from_numpy(drawn.images).movedim(-1, 1) / 255)
    assert torch.equal(masks[:2], torch.from_numpy(drawn.masks[:2]).long())
    assert (masks[2] == torch.nn.CrossEntropyLoss().ignore_index).all()
    assert facets["finding"] == ["benign", "malignant", "benign"]
    with pytest.raises(IndexError):
        pairs[3]


def test_monai_has_dictionaries_of_the_pairs_that_have_a_mask(drawn):
    from monai.data import DataLoader, Dataset
    from monai.transforms import Flipd

    pairs = without_masks(drawn, [False, True, True])
    assert isinstance(pairs.to_monai(), Dataset)
    batch = next(iter(DataLoader(pairs.to_monai(Flipd(["image", "label"], 1)), batch_size=2)))
    assert batch["image"].shape == batch["label"].shape == (2, 1, 32, 32)
    flipped = torch.from_numpy(drawn.masks[1:, None, :, ::-1].copy())
    assert torch.equal(torch.as_tensor(batch["label"]), flipped.long())
    with pytest.raises(ValueError, match="no pair of some has a mask"):
        without_masks(drawn, [False] * 3).to_monai()


@pytest.mark.skipif(find_spec("xarray") is not None, reason="xarray is installed")
def test_xarray_is_asked_for_where_it_is_missing(drawn):
    with pytest.raises(ValueError, match="pip install xarray"):
        drawn.to_xarray()


def test_xarray_has_facets_as_coordinates(drawn):
    pytest.importorskip("xarray", reason="needs xarray, which is optional")
    kept = without_masks(drawn, [True] * 3)
    kept.pairs.facets["row"] = [4, 5, 6]
    found = kept.to_xarray()
    assert found["image"].dims == ("pair", "row", "column", "channel")
    assert found["mask"].dims == ("pair", "row", "column")
    assert found["facet_row"].values.tolist() == [4, 5, 6]
    benign = found.sel(pair=found["finding"] == "benign")
    assert np.array_equal(benign["mask"].values, drawn.masks[[0, 2]])


@pytest.fixture(scope="module")
def place(tiny, tmp_path_factory):
    """A folder with a recipe, a version of it in .medpair, and the same pairs as files."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    settings = load_settings(folder / ".medpair")
    with open_context(load_recipe(folder / "tiny.yaml"), settings) as context:
        tag_version(context.store.create(), context.run, context.build_generator())
    export(Version("tiny", "v1"), "folder", folder / "pairs", settings)
    return folder


def tag_version(store, run, generator):
    """What a run does to the store, without its servers, scores and gates."""
    todo = missing(declare(store, run))
    session = store.writable(run.branch)
    merge(session, [make(generator.generate, session.fork(), shard) for shard in todo])
    store.commit(session, "pairs", {"kind": "pairs"})
    store.tag("v1", judge(store, run.branch).id)


@pytest.fixture
def there(place, monkeypatch):
    """In that folder, with its home as the only one."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(place)
    os.environ.pop("MEDPAIR_HOME", None)
    return place


@pytest.mark.parametrize("name", FILES)
def test_the_examples_of_the_docstrings_do_what_they_say(name, there):
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("block", BLOCKS)
def test_the_page_about_python_does_what_it_says(block, there):
    exec(compile(block, "docs/python.md", "exec"), {})  # noqa: S102  # our own page


@pytest.fixture
def given(checkpoint):
    """A call's first arguments for `fill`: checkpoint, image, mask, region."""
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 1), np.uint8)
    mask, region = np.zeros((32, 32), np.uint8), np.zeros((32, 32), bool)
    mask[4:10, 4:10], region[8:20, 8:20] = 1, True
    return [checkpoint, image, mask, region]


def test_a_filled_pair_is_the_given_one_outside_of_the_region(given):
    _, image, mask, region = given
    pairs = package.fill(*given, 2, seed=3, steps=2)
    assert np.array_equal(pairs.images[:, ~region], [image[~region]] * 2)
    assert np.array_equal(pairs.masks[:, ~region], [mask[~region]] * 2)
    assert not np.array_equal(pairs.images[0], pairs.images[1])
    assert np.array_equal(package.fill(*given, 2, seed=3, steps=2).images, pairs.images)
    assert set(pairs.facets["fill_of"]) == {"given in Python"}


@pytest.mark.parametrize(
    ("at", "value", "line"),
    [
        (1, np.zeros((16, 16, 1), np.uint8), "image has shape .16, 16, 1., and the model makes 32"),
        (1, np.zeros((32, 32, 1)), "type float64, and the model makes uint8 of 1 channels"),
        (2, np.full((32, 32), 9, np.uint8), "the values 9, which are no classes"),
        (3, np.zeros((32, 32), bool), "no region is marked"),
    ],
    ids=["size", "type", "classes", "empty"],
)
def test_what_cannot_be_filled_is_one_line(given, at, value, line):
    given[at] = value
    with pytest.raises(ValueError, match=line) as refused:
        package.fill(*given, steps=2)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"domain": "nope"}, "domain='nope', and the checkpoint knows phantom-breast-us"),
        ({"number": 0}, "0 pairs cannot be looked at"),
        ({"warp": {"bend": 1}}, "warp.bend=1 cannot be used"),
        ({"finding": "normal"}, "an image with finding 'normal' shows no class"),
    ],
    ids=["domain", "number", "warp", "finding"],
)
def test_what_cannot_be_painted_is_one_line(given, asked, line):
    with pytest.raises(ValueError, match=line) as refused:
        package.paint(given[0], given[2], **asked)
    assert len(str(refused.value).splitlines()) == 1
