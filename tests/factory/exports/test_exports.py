"""Every export holds the accepted pairs of a version, each once, with their labels."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pandas as pd
import pytest
from huggingface_hub import DatasetCard
from monai.data import load_decathlon_datalist
from monai.transforms import LoadImage
from PIL import Image

from factory.errors import InputError
from factory.exports import EXPORTS
from factory.exports.by_domain import Origin
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection, apply_window, robust_window
from factory.intended_use import FORBIDDEN
from factory.pairs import PairBatch
from factory.prompts.facets import GridSection
from factory.prompts.grid import PromptGrid
from factory.sources.folder import FolderSource
from factory.sources.nnunet import NnunetSource
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, make, missing
from factory.store.shards import Layout

SECTION = ImageSection(size=32)
COLOUR = ImageSection(size=32, channels=3)
BREAST, SKIN = "phantom-breast-us", "phantom-dermoscopy"


def version(folder, image, domains, masked=True):
    """Three pairs of each domain."""
    generator = PhantomGenerator(image)
    store = Store(str(folder), "set").create()
    grid = PromptGrid(GridSection(facets={"domain": domains}, replicates=3), generator.domains)
    label_maps = {domain.name: domain.label_map for domain in grid.domains.values()}
    layout = Layout(32, 32, image.channels, 4, 8)
    run = Run("a", grid, layout, generator.digest, label_maps, {}, {}, masked)

    def drawn(prompts, seeds):
        pairs = generator.generate(prompts, seeds)
        spacing = np.full((len(pairs), 2), [0.5, 0.25], np.float32)
        if masked:
            return replace(pairs, spacing_mm=spacing)
        return replace(pairs, masks=0 * pairs.masks, has_mask=np.zeros(len(pairs), bool))

    shards = missing(declare(store, run))
    session = store.writable(run.branch)
    session.merge(*(make(drawn, session.fork(), shard) for shard in shards))
    store.commit(session, "pairs", {})
    return judge(store, run.branch)


@pytest.fixture
def snapshot(tmp_path):
    return version(tmp_path / "pairs", SECTION, [BREAST, SKIN])


TOLD = Origin("v3", "CC-BY-4.0", {"consistency >= 0.5": "consistency 0.6 meets >= 0.5"})


def of_domain(pairs, domain):
    return pairs[(pairs.facets["domain"] == domain).to_numpy()]


def same_pairs(found, expected):
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.masks, expected.masks)


@pytest.mark.parametrize("kind", EXPORTS)
def test_an_export_counts_the_accepted_pairs(kind, snapshot, tmp_path):
    assert sum(EXPORTS[kind](snapshot, tmp_path / "copy")) == len(snapshot.read()) == 6


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_has_a_card_that_hugging_face_knows(kind, snapshot, tmp_path):
    list(EXPORTS[kind](snapshot, tmp_path / "copy", replace(TOLD, layout=kind)))
    assert len(list((tmp_path / "copy").rglob("README.md"))) == 3  # of each domain, and of both
    card = DatasetCard.load(tmp_path / "copy" / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.tags == ["medical", "synthetic"]
    assert card.data.size_categories == ["n<1K"]
    told = card.text
    for words in ("set@v3", snapshot.id, f"--as {kind}", "consistency 0.6 meets", FORBIDDEN):
        assert words in told
    assert "| lesion | 6 |" in told


def test_a_licence_without_an_identifier_is_named(snapshot, tmp_path):
    list(EXPORTS["folder"](snapshot, tmp_path / "copy", Origin(licence="of the hospital")))
    card = DatasetCard.load(tmp_path / "copy" / "README.md")
    assert (card.data.license, card.data.license_name) == ("other", "of the hospital")


@pytest.mark.parametrize("kind", ["folder", "nnunet", "monai"])
def test_every_picture_says_that_it_is_synthetic(kind, snapshot, tmp_path):
    list(EXPORTS[kind](snapshot, tmp_path / "copy", TOLD))
    pictures = list((tmp_path / "copy").rglob("*.png"))
    assert len(pictures) == 12
    for path in pictures:
        with Image.open(path) as picture:
            info = picture.info
        assert info["Title"].startswith("Synthetic ")
        assert info["Description"] == f"Synthetic pairs: data set set v3, snapshot {snapshot.id}"
        assert info["Software"].startswith("medpair-factory ")
    for path in (tmp_path / "copy").rglob("dataset.json"):
        told = json.loads(path.read_text())
        assert told["description"].startswith("Synthetic pairs")
        assert told["licence"] == "CC-BY-4.0"


def test_a_folder_reads_back_as_the_pairs_it_was_written_from(snapshot, tmp_path):
    list(EXPORTS["folder"](snapshot, tmp_path / "copy"))
    whole = snapshot.read()
    for domain in (BREAST, SKIN):
        place = tmp_path / "copy" / domain
        here = of_domain(whole, domain)
        found = FolderSource(path=place).build().read("train", SECTION)
        assert set(found.facets["domain"]) == {domain}
        same_pairs(found, here)
        np.testing.assert_array_equal(found.spacing_mm, here.spacing_mm)
        table = pd.read_csv(place / "metadata.csv", keep_default_na=False)
        assert list(table["prompt"]) == list(here.facets["prompt"])
        assert set(table["snapshot"]) == {snapshot.id}
        assert json.loads((place / "classes.json").read_text())["1"] == "lesion"


def test_hugging_face_finds_its_columns(snapshot, tmp_path):
    """As its folder builder reads a table: a path replaces a column of that name before it."""
    list(EXPORTS["folder"](snapshot, tmp_path / "copy"))
    place = tmp_path / "copy" / SKIN
    table = pd.read_csv(place / "metadata.csv")
    columns = list(table.columns)
    for path, name in (("file_name", "image"), ("mask_file_name", "mask")):
        assert columns.index(path) > columns.index(name)
        assert all((place / file).is_file() for file in table[path])
    assert columns.index("mask") > columns.index("image")
    assert table["synthetic"].all()


def test_hugging_face_itself_reads_pictures_and_masks(snapshot, tmp_path):
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    list(EXPORTS["folder"](snapshot, tmp_path / "copy"))
    found = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "copy"))["train"]
    assert len(found) == 6
    assert np.array_equal(np.asarray(found[0]["mask"]), snapshot.read().masks[0])


def test_nifti_files_show_the_same_way_up_and_know_their_spacing(snapshot, tmp_path):
    list(EXPORTS["nifti"](snapshot, tmp_path / "copy"))
    for domain in (BREAST, SKIN):
        place, here = tmp_path / "copy" / domain, of_domain(snapshot.read(), domain)
        source = FolderSource(path=place, domain=domain, slices="all").build()
        assert source.problems(ImageSection()) == []
        found = source.read("train", SECTION)
        # The source windows every volume by itself, so grey levels are spread, not lost.
        spread = [apply_window(image, robust_window(image)) for image in here.images]
        same_pairs(found, replace(here, images=np.array(spread)))
        np.testing.assert_array_equal(found.spacing_mm, here.spacing_mm)
        (row, *_) = here.facets["row"]
        volume = nibabel.load(place / "images" / f"{row:06d}.nii.gz")
        told = volume.header["descrip"].item().decode()
        assert told == f"Synthetic, snapshot {snapshot.id}, set"
        assert nibabel.aff2axcodes(volume.affine) == ("L", "P", "S")
        np.testing.assert_array_equal(np.asarray(volume.dataobj)[..., 0].T, here.images[0, ..., 0])


def test_nifti_has_no_colour(tmp_path):
    coloured = version(tmp_path / "pairs", COLOUR, [SKIN])
    with pytest.raises(InputError, match="one value per pixel"):
        list(EXPORTS["nifti"](coloured, tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("image", [SECTION, COLOUR], ids=["grey", "colour"])
def test_an_nnunet_data_set_reads_back_as_the_pairs_it_was_written_from(image, tmp_path):
    snapshot = version(tmp_path / "pairs", image, [SKIN])
    place = tmp_path / "nnUNet_raw" / "Dataset700_Skin"
    assert sum(EXPORTS["nnunet"](snapshot, place)) == 3
    source = NnunetSource(path=place, domain=SKIN).build()
    assert source.problems(ImageSection()) == []
    found = [source.read(split, image) for split in ("train", "val", "test")]
    rows = [int(name.removeprefix("pair_")) for part in found for name in part.facets["name"]]
    same_pairs(PairBatch.concatenate(found), snapshot.read()[rows])
    told = json.loads((place / "dataset.json").read_text())
    assert told["labels"] == {"background": 0, "lesion": 1}
    channels = ["R", "G", "B"] if image is COLOUR else ["8-bit dermoscopy"]
    assert list(told["channel_names"].values()) == channels
    assert (told["numTraining"], told["file_ending"]) == (3, ".png")
    assert snapshot.id in told["description"]


def verified(folder):
    """Number of training cases of a raw data set, checked as `verify_dataset_integrity` does."""
    told = json.loads((folder / "dataset.json").read_text())
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= told.keys()
    ending, labels = told["file_ending"], sorted(told["labels"].values())
    assert labels == list(range(len(labels)))
    images, masks = (sorted((folder / name).iterdir()) for name in ("imagesTr", "labelsTr"))
    cases = {path.name.removesuffix(f"_0000{ending}") for path in images}
    assert cases == {path.name.removesuffix(ending) for path in masks}
    assert len(cases) == len(images) == told["numTraining"]
    for pair in zip(images, masks, strict=True):
        image, mask = (np.asarray(Image.open(path)) for path in pair)
        assert image.shape[:2] == mask.shape
        assert (image.shape[2] if image.ndim == 3 else 1) == len(told["channel_names"])
        assert set(np.unique(mask)) <= set(labels)
    return len(cases)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (
            "Dataset601_Demo",
            {"Dataset601_DemoPhantomBreastUs", "Dataset602_DemoPhantomDermoscopy"},
        ),
        ("Raw", {"Raw/Dataset501_PhantomBreastUs", "Raw/Dataset502_PhantomDermoscopy"}),
    ],
)
def test_several_domains_are_whole_data_sets_side_by_side(named, found, snapshot, tmp_path):
    raw = tmp_path / "nnUNet_raw"
    assert sum(EXPORTS["nnunet"](snapshot, raw / named)) == 6
    holding = {path.parent for path in raw.rglob("dataset.json")}
    assert holding == {raw / name for name in found}
    assert [verified(folder) for folder in sorted(holding)] == [3, 3]


def test_nnunet_itself_finds_no_fault(snapshot, tmp_path):
    pytest.importorskip("nnunetv2", reason="nnU-Net needs an environment of its own")
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity

    list(EXPORTS["nnunet"](snapshot, tmp_path / "Dataset601_Demo"))
    for folder in tmp_path.glob("Dataset60*"):
        verify_dataset_integrity(str(folder), num_processes=1)


def test_nnunet_finds_data_sets_by_the_names_of_their_folders(snapshot, tmp_path):
    alone = version(tmp_path / "alone", SECTION, [SKIN])
    with pytest.raises(InputError, match="Dataset501_Set") as refused:
        list(EXPORTS["nnunet"](alone, tmp_path / "skin"))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "skin").exists()
    with pytest.raises(InputError, match="three digits"):
        list(EXPORTS["nnunet"](snapshot, tmp_path / "Dataset999_Demo"))


@pytest.mark.parametrize("there", ["Dataset602_Other", "Dataset601_Demo"])
def test_nnunet_takes_a_number_once(there, snapshot, tmp_path):
    (tmp_path / there).mkdir()
    with pytest.raises(InputError, match=f"has {there}, and nnU-Net takes") as refused:
        list(EXPORTS["nnunet"](snapshot, tmp_path / "Dataset601_Demo"))
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.glob("Dataset*")) == [there]


@pytest.mark.parametrize("image", [SECTION, COLOUR], ids=["grey", "colour"])
def test_monai_reads_the_list_and_the_pictures(image, tmp_path):
    snapshot = version(tmp_path / "pairs", image, [SKIN])
    assert sum(EXPORTS["monai"](snapshot, tmp_path / "copy")) == 3
    entries = load_decathlon_datalist(tmp_path / "copy" / "dataset.json", True, "training")
    whole = snapshot.read()
    assert [entry["prompt"] for entry in entries] == list(whole.facets["prompt"])
    load = LoadImage(image_only=True, dtype=np.uint8)
    # MONAI reads pictures with the columns first.
    images = [load(entry["image"]).numpy().swapaxes(0, 1) for entry in entries]
    masks = [load(entry["label"]).numpy().swapaxes(0, 1) for entry in entries]
    same_pairs(
        replace(whole, images=np.reshape(images, whole.images.shape), masks=np.array(masks)), whole
    )
    assert json.loads((tmp_path / "copy" / "dataset.json").read_text())["labels"]["1"] == "lesion"


@pytest.mark.parametrize("kind", ["nnunet", "monai"])
def test_images_without_masks_are_no_segmentation_data_set(kind, tmp_path):
    unmasked = version(tmp_path / "pairs", SECTION, [SKIN], masked=False)
    with pytest.raises(InputError, match="has a mask"):
        list(EXPORTS[kind](unmasked, tmp_path / "Dataset501_Skin"))
    assert not (tmp_path / "Dataset501_Skin").exists()
    assert sum(EXPORTS["folder"](unmasked, tmp_path / "copy")) == 3
    assert list((tmp_path / "copy" / "masks").iterdir()) == []
    assert "mask_file_name" not in pd.read_csv(tmp_path / "copy" / "metadata.csv").columns
