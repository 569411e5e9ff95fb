"""Pairs that others made, held against real ones: some without masks, some that cannot be."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evaluation.settings import EvaluateSection
from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.folder import FolderSource
from factory.sources.phantom import PhantomSource
from flows.planning.external_folder import FolderContext
from tasks.services.settings import Settings

SMALL = ImageSection(size=32)


def change(folder, **columns):
    """Columns of metadata.csv by row number: mask={0: ""}."""
    table = pd.read_csv(folder / "metadata.csv", dtype=str, keep_default_na=False)
    for name, values in columns.items():
        for row, value in values.items():
            table.loc[row, name] = value
    table.to_csv(folder / "metadata.csv", index=False)


def held(folder, real):
    """A folder held against the real pairs of a source."""
    return FolderContext(folder=folder, against=real, image=SMALL, settings=Settings())


@pytest.fixture
def theirs(heads, tmp_path):
    """The same heads a little noisier, as if somebody had made them."""
    folder = shutil.copytree(heads, tmp_path / "theirs")
    rng = np.random.default_rng(3)
    for path in (folder / "images").iterdir():
        image = np.asarray(Image.open(path)).astype(float)
        noisy = (image + rng.normal(0, 5, image.shape)).clip(0, 255)
        Image.fromarray(noisy.astype(np.uint8)).save(path)
    return folder


@pytest.fixture
def maskless(theirs, tmp_path):
    """The images alone, with a table that says nothing but where they are."""
    folder = tmp_path / "maskless"
    shutil.copytree(theirs / "images", folder / "images")
    names = [f"images/{path.name}" for path in sorted((folder / "images").iterdir())]
    pd.DataFrame({"image": names, "mask": ""}).to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.mark.integration
def test_images_without_masks_count_where_no_mask_is_asked_for(
    heads, theirs, maskless, medpair, tmp_path, monkeypatch
):
    few = EvaluateSection(judge_steps=20, finding_classifier_steps=0, ms_ssim_pairs=10)
    monkeypatch.setattr("flows.evaluate.EvaluateSection", lambda: few)
    home = tmp_path / "home"
    change(theirs, mask=dict.fromkeys((1, 4, 7), ""), labels=dict.fromkeys((1, 4, 7), ""))

    def evaluated(folder):
        words = "--against", heads, "--size", "32", "--home", home, "--json"
        said = medpair("evaluate", folder, *words)
        assert said.code == 0, said.err
        return said.json

    told = evaluated(theirs)
    assert (told["pairs"], told["maskless"]) == (12, 3)
    scores = told["scores"]
    for name in ("sharpness", "mmd_texture", "frechet_first_order", "memorised_share"):
        assert scores[name]["n"] == 12, name
    for name in ("consistency", "plausible_share", "mmd_geometry", "mmd_handcrafted"):
        assert scores[name]["n"] == 9, name
    assert 0 <= scores["consistency"]["value"] <= 1
    sql = "select count(*) as n, count(*) filter (isfinite(value)) as masks from pair_scores "
    asked = "scores", sql + "where metric = 'plausible'", "--home", home, "--json"
    assert medpair(*asked).json["rows"] == [{"n": 12, "masks": 9}]

    told = evaluated(maskless)
    assert (told["pairs"], told["maskless"]) == (12, 12)
    scores = told["scores"]
    assert {"sharpness", "ms_ssim", "memorised_share", "mmd_texture"} <= set(scores)
    assert not {"consistency", "plausible_share", "mmd_geometry", "asked_present"} & set(scores)
    assert scores["mmd_texture"]["n"] == 12
    assert medpair(*asked).json["rows"] == [{"n": 24, "masks": 9}]


def test_a_folder_is_read_as_the_domain_of_the_real_pairs(heads, maskless):
    context = held(maskless, FolderSource(path=heads))
    context.check()
    pairs = context.pairs
    assert len(pairs) == 12
    assert not pairs.has_mask.any()
    assert set(pairs.facets["domain"]) == set(context.real.domains)


def test_data_sets_of_their_own_are_matched_by_their_classes(heads, theirs):
    for folder in (heads, theirs):
        change(folder, anatomy=dict.fromkeys(range(12), "knee"))
    context = held(theirs, FolderSource(path=heads))
    assert list(context.real.domains) == ["heads"]
    context.check()
    assert set(context.pairs.facets["domain"]) == {"heads"}


@pytest.fixture
def several(tmp_path):
    """A table per domain, as the export `folder` writes them."""
    for domain in ("phantom-breast-us", "phantom-dermoscopy"):
        place = tmp_path / "copy" / domain
        place.mkdir(parents=True)
        for name in ("image.png", "mask.png"):
            Image.new("L", (32, 32), 1).save(place / name)
        row = {"image": "image.png", "mask": "mask.png", "modality": "", "domain": domain}
        pd.DataFrame([row]).to_csv(place / "metadata.csv", index=False)
        (place / "classes.json").write_text(json.dumps({"1": "lesion"}))
    return tmp_path / "copy"


def test_the_table_names_the_domain_among_several(several):
    real = PhantomSource(train=2, val=2)
    for folder in (several, several / "phantom-dermoscopy"):
        context = held(folder, real)
        context.check()
        told = {place.parent.name for place in folder.rglob("metadata.csv")}
        assert set(context.pairs.facets["domain"]) == told


def test_pairs_of_no_real_domain_are_refused(theirs):
    with pytest.raises(InputError, match="nothing to hold them against") as refused:
        held(theirs, PhantomSource(train=2, val=2)).check()
    assert "\n" not in str(refused.value)


def test_other_classes_of_one_domain_are_refused(heads, theirs):
    names = {"0": "background", "1": "skull"}
    for folder in (heads, theirs):
        change(folder, anatomy=dict.fromkeys(range(12), "knee"))
    change(theirs, labels=dict.fromkeys(range(12), "skull"))
    (theirs / "classes.json").write_text(json.dumps(names))
    with pytest.raises(InputError, match=r"\['skull'\], the real ones of heads"):
        held(theirs, FolderSource(path=heads)).check()
    namesake = theirs.rename(theirs.parent / "again") / "heads"
    shutil.copytree(namesake.parent, namesake, ignore=shutil.ignore_patterns("heads"))
    with pytest.raises(InputError, match="their masks cannot be compared"):
        held(namesake, FolderSource(path=heads)).check()


def boxes(folder, classes):
    """Pairs with a box of the first class and one of the second, numbered in this order."""
    sizes = {"kidney": 8, "cyst": 4}
    rows = []
    for number, split in enumerate(("train", "train", "val")):
        mask = np.zeros((32, 32), np.uint8)
        for value, name in enumerate(classes, start=1):
            mask[: sizes[name], 8 * value : 8 * value + 8] = value
        image = np.random.default_rng(number).integers(0, 40, (32, 32)) + 60 * mask
        for part, pixels in (("images", image), ("masks", mask)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / part / f"{number}.png")
        rows.append(
            {
                "image": f"images/{number}.png",
                "mask": f"masks/{number}.png",
                "split": split,
                "patient": f"p{number}",
                "modality": "ultrasound",
                "anatomy": "flank",
            }
        )
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    (folder / "classes.json").write_text(json.dumps(dict(enumerate(classes, start=1))))
    return folder


def test_35_classes_numbered_the_other_way_round_are_matched_by_name(tmp_path):
    real = boxes(tmp_path / "real", ("kidney", "cyst"))
    context = held(boxes(tmp_path / "fake", ("cyst", "kidney")), FolderSource(path=real))
    context.check()
    assert set(context.pairs.facets["domain"]) == {"real"}
    assert set(context.pairs.facets["labels"]) == {"kidney;cyst"}
    pixels = np.bincount(context.pairs.masks[0].ravel())
    assert pixels.tolist()[1:] == [64, 32]


def only_training(folder):
    """The same pairs without a split that could be held out."""
    change(folder, split=dict.fromkeys(range(12), "train"))
    return folder


@pytest.mark.parametrize("command", ["evaluate", "headroom"])
def test_34_real_pairs_that_hold_nothing_out_are_told_before_anything_starts(
    command, heads, theirs, medpair, tmp_path
):
    home, real = tmp_path / "home", only_training(shutil.copytree(heads, tmp_path / "real"))
    words = (theirs, "--against", real) if command == "evaluate" else (real,)
    said = medpair(command, *words, "--size", "32", "--home", home)
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert "no val pairs with a mask" in said.lines[0]
    assert "correct the column split" in said.lines[0]
    assert "Traceback" not in said.err
    assert not home.exists()


def spoil_size(folder):
    Image.new("L", (32, 40)).save(folder / "masks" / "02.png")


def spoil_value(folder):
    mask = np.asarray(Image.open(folder / "masks" / "02.png")) * 7
    Image.fromarray(mask).save(folder / "masks" / "02.png")


def spoil_pixels(folder):
    Image.fromarray(np.full((40, 40), np.nan, np.float32)).save(folder / "images" / "02.tif")
    change(folder, image={2: "images/02.tif"})


FAULTS = {
    "no folder": (shutil.rmtree, "there is no such folder"),
    "no table": (lambda f: (f / "metadata.csv").unlink(), "metadata.csv is missing"),
    "no such mask": (
        lambda f: (f / "masks" / "02.png").unlink(),
        "images/02.png has no mask: masks/02.png does not exist",
    ),
    "no such image": (
        lambda f: (f / "images" / "02.png").unlink(),
        "images/02.png: there is no such file",
    ),
    "a mask of another size": (spoil_size, "they must lie on one grid"),
    "a class that nobody knows": (spoil_value, "masks/02.png holds the value 7"),
    "no finite value": (spoil_pixels, "images/02.tif holds no finite value"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_scored_is_refused_in_a_line_before_anything_starts(
    fault, heads, theirs, medpair, tmp_path
):
    spoil, reason = FAULTS[fault]
    spoil(theirs)
    home = tmp_path / "home"
    said = medpair("evaluate", theirs, "--against", heads, "--size", "32", "--home", home)
    assert said.code == 2, said.err
    assert len(said.lines) == 1
    assert reason in said.lines[0]
    assert not home.exists()


def test_bad_real_pairs_are_listed_as_well(heads, theirs):
    spoil_size(heads)
    spoil_value(theirs)
    with pytest.raises(InputError) as refused:
        held(theirs, FolderSource(path=heads)).check()
    assert len(str(refused.value).splitlines()) == 2


def test_keys_of_a_recipe_mean_nothing_to_a_folder(heads, theirs, medpair, tmp_path):
    said = medpair(
        *("evaluate", theirs, "--against", heads, "--set", "evaluate.seed=1"),
        *("--home", tmp_path / "home"),
    )
    assert said.code == 2
    assert len(said.lines) == 1
    assert "has none; leave it out" in said.lines[0]


def test_images_of_any_size_and_depth_mix(heads, theirs):
    Image.fromarray(np.full((60, 20), 9, np.uint8)).save(theirs / "images" / "00.png")
    Image.fromarray(np.zeros((60, 20), np.uint8)).save(theirs / "masks" / "00.png")
    deep = np.linspace(1000, 5000, 1600).reshape(40, 40).astype(np.uint16)
    Image.fromarray(deep).save(theirs / "images" / "01.png")
    context = held(theirs, FolderSource(path=heads))
    context.check()
    pairs = context.pairs
    assert pairs.images.shape == (12, 32, 32, 1)
    row = pairs.facets["name"].tolist().index("images/01.png")
    assert pairs.images[row].max() > 250
