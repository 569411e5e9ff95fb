"""Every export holds the accepted pairs of a version, each once, with their labels."""

import gc
import io
import json
import sys
import tarfile
import warnings
from dataclasses import replace

import datasets
import mlcroissant
import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from highdicom.seg import segread
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from monai.data import load_decathlon_datalist
from monai.transforms import LoadImage
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from PIL import Image
from pyarrow import parquet
from pycocotools import mask as coco_mask

from factory.errors import InputError
from factory.exports import EXPORTS
from factory.exports.by_domain import Origin
from factory.exports.coco import segmentation
from factory.generators.phantom import PhantomGenerator
from factory.images import ImageSection, apply_window, robust_window
from factory.intended_use import FORBIDDEN
from factory.layouts import recognise
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.section import GridSection
from factory.sources.folder import FolderSource
from factory.sources.image_files import read_stack
from factory.sources.mask_parts.annotations import read_json_mask
from factory.sources.mask_parts.compose import compose
from factory.sources.mask_parts.part import MaskPart
from factory.sources.nnunet import NnunetSource
from factory.store.repository import Store
from factory.store.runs import Run, declare, judge, make, merge, missing
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
    merge(session, (make(drawn, session.fork(), shard) for shard in shards))
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


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_export_that_is_interrupted_leaves_nothing(kind, fault, snapshot, tmp_path):
    whole = EXPORTS[kind]

    def interrupted(part):
        yield from whole.write(part)
        if part.domain == SKIN:  # the second
            raise fault

    with pytest.raises(type(fault)):
        list(replace(whole, write=interrupted)(snapshot, tmp_path / "out"))
    assert not [file for file in tmp_path.rglob("out/**/*") if file.is_file()]
    list(whole(snapshot, tmp_path / "out"))  # nothing is in the way


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
    list(EXPORTS["folder"](snapshot, tmp_path / "copy"))
    where = {"data_dir": str(tmp_path / "copy"), "cache_dir": str(tmp_path / "cache")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the table's file open
        found = datasets.load_dataset("imagefolder", **where)["train"]
        gc.collect()
    assert len(found) == 6
    read = [(np.asarray(p["image"]).tobytes(), np.asarray(p["mask"]).tobytes()) for p in found]
    pairs = snapshot.read()
    kept = zip(pairs.images, pairs.masks, strict=True)
    # In the order in which the file system lists them.
    assert sorted(read) == sorted((image.tobytes(), mask.tobytes()) for image, mask in kept)


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


def decoded(told, size):
    """The region that COCO's polygon or runs mean, by COCO's own code."""
    runs = coco_mask.frPyObjects(told, *size)
    return coco_mask.decode(coco_mask.merge(runs) if isinstance(runs, list) else runs).astype(bool)


def drawn(*boxes):
    """A region of boxes, each inside if it is the first to hold a pixel, outside if the second."""
    region = np.zeros((9, 11), bool)
    for top, bottom, left, right in boxes:
        region[top:bottom, left:right] ^= True
    return region


@pytest.mark.parametrize(
    ("region", "kind"),
    [
        (drawn((2, 5, 3, 7)), list),
        (drawn((0, 9, 0, 11)), list),
        (drawn((8, 9, 10, 11)), list),
        (drawn((2, 5, 3, 7), (5, 8, 5, 6)), list),
        (drawn((1, 8, 1, 9), (3, 5, 3, 5)), dict),
        (drawn((0, 2, 0, 2), (5, 7, 5, 9)), dict),
        (drawn((0, 2, 0, 2), (2, 4, 2, 4)), dict),
    ],
    ids=["box", "all", "pixel", "branch", "hole", "pieces", "corner"],
)
def test_coco_writes_a_region_that_decodes_to_the_same_pixels(region, kind):
    told = segmentation(region)
    assert isinstance(told, kind)
    np.testing.assert_array_equal(decoded(told, region.shape), region)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any))
def test_coco_writes_any_region_so_that_it_decodes_to_the_same_pixels(region):
    np.testing.assert_array_equal(decoded(segmentation(region), region.shape), region)


def test_coco_decodes_to_the_same_masks(snapshot, tmp_path):
    list(EXPORTS["coco"](snapshot, tmp_path / "copy", TOLD))
    for domain in (BREAST, SKIN):
        here = of_domain(snapshot.read(), domain)
        told = json.loads((tmp_path / "copy" / domain / "annotations.json").read_text())
        assert told["categories"] == [{"id": 1, "name": "lesion"}]
        assert told["info"]["description"].startswith("Synthetic pairs")
        masks = {each["id"]: np.zeros((32, 32), np.uint8) for each in told["images"]}
        for each in told["annotations"]:
            region = decoded(each["segmentation"], (32, 32))
            assert each["area"] == region.sum()
            left, top, width, height = each["bbox"]
            assert region[top : top + height, left : left + width].sum() == region.sum()
            masks[each["image_id"]][region] = each["category_id"]
        np.testing.assert_array_equal(list(masks.values()), here.masks)
        for each, image in zip(told["images"], here.images, strict=True):
            picture = read_png((tmp_path / "copy" / domain / each["file_name"]).read_bytes())
            np.testing.assert_array_equal(picture, image[..., 0])


def test_our_own_reader_of_coco_gives_back_the_masks_that_were_written(snapshot, tmp_path):
    list(EXPORTS["coco"](snapshot, tmp_path / "copy", TOLD))
    for domain in (BREAST, SKIN):
        file = tmp_path / "copy" / domain / "annotations.json"
        images, masks = json.loads(file.read_text())["images"], of_domain(snapshot.read(), domain)
        for image, mask in zip(images, masks.masks, strict=True):
            shapes = read_json_mask(MaskPart(file, str(image["id"])), file.name, file)
            read = np.zeros((32, 32), bool)
            for name, inside in shapes.regions:
                assert name == "lesion"
                read |= inside[0]
            np.testing.assert_array_equal(read, mask > 0)


def read_png(content):
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


def test_webdataset_shards_hold_the_files_of_a_pair_side_by_side(snapshot, tmp_path):
    list(EXPORTS["webdataset"](snapshot, tmp_path / "copy", TOLD))
    here = of_domain(snapshot.read(), SKIN)
    with tarfile.open(tmp_path / "copy" / SKIN / "shard-000000.tar") as shard:
        files = {name: shard.extractfile(name).read() for name in shard.getnames()}
    keys = [f"{row:06d}" for row in here.facets["row"]]
    assert list(files) == [f"{key}.{end}" for key in keys for end in ("png", "mask.png", "json")]
    for key, image, mask, prompt in zip(
        keys, here.images, here.masks, here.facets["prompt"], strict=True
    ):
        np.testing.assert_array_equal(read_png(files[f"{key}.png"]), image[..., 0])
        np.testing.assert_array_equal(read_png(files[f"{key}.mask.png"]), mask)
        told = json.loads(files[f"{key}.json"])
        assert (told["prompt"], told["synthetic"], told["spacing"]) == (prompt, True, "0.5;0.25")
        assert told["classes"]["1"] == "lesion"


def test_parquet_holds_the_pictures_and_says_so(snapshot, tmp_path):
    list(EXPORTS["huggingface"](snapshot, tmp_path / "copy", TOLD))
    here = of_domain(snapshot.read(), SKIN)
    (path,) = (tmp_path / "copy" / SKIN).glob("*.parquet")
    table = parquet.read_table(path)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == table.column_names
    assert features["image"] == features["mask"] == {"_type": "Image"}
    rows = table.to_pylist()
    assert [row["prompt"] for row in rows] == list(here.facets["prompt"])
    images, masks = ([read_png(row[name]["bytes"]) for row in rows] for name in ("image", "mask"))
    np.testing.assert_array_equal(images, here.images[..., 0])
    np.testing.assert_array_equal(masks, here.masks)
    assert {row["licence"] for row in rows} == {"CC-BY-4.0"}


# Of pandas 3.1, in mlcroissant's reader of Parquet.
read_by_mlcroissant = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")


def records(folder, name):
    """A record set as mlcroissant reads it, with plain names and text."""
    data_set = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert data_set.metadata.issues.errors == set()
    return [
        {
            key.rpartition("/")[2]: value.decode() if isinstance(value, bytes) else value
            for key, value in record.items()
        }
        for record in data_set.records(name)
    ]


@read_by_mlcroissant
def test_mlcroissant_reads_back_the_pairs_and_where_they_come_from(snapshot, tmp_path):
    list(EXPORTS["croissant"](snapshot, tmp_path / "copy", TOLD))
    for domain in (BREAST, SKIN):
        folder, here = tmp_path / "copy" / domain, of_domain(snapshot.read(), domain)
        found = records(folder, "pairs")
        images, masks = ([np.asarray(row[name]) for row in found] for name in ("image", "mask"))
        np.testing.assert_array_equal(images, here.images[..., 0])
        np.testing.assert_array_equal(masks, here.masks)
        for name in ("prompt", "seed", "finding"):
            assert [row[name] for row in found] == here.facets[name].astype(str).tolist()
        assert all(row["synthetic"] is True for row in found)
        classes = {row["value"]: row["name"] for row in records(folder, "classes")}
        assert classes == {0: "background", 1: "lesion"}
        (origin,) = records(folder, "provenance")
        assert origin["generator_digest"] == snapshot.attributes["generator"]
        assert (origin["snapshot"], origin["version"]) == (snapshot.id, "v3")
        told = json.loads((folder / "croissant.json").read_text())
        assert (told["license"], told["version"]) == ("CC-BY-4.0", "3.0.0")
        assert "synthetic" in told["keywords"]
        assert told["description"].startswith("Synthetic pairs: data set set v3")


@read_by_mlcroissant
def test_croissant_has_null_for_a_mask_that_is_absent(tmp_path):
    unmasked = version(tmp_path / "pairs", SECTION, [SKIN], masked=False)
    assert sum(EXPORTS["croissant"](unmasked, tmp_path / "copy")) == 3
    found = records(tmp_path / "copy", "pairs")
    assert [row["mask"] for row in found] == [None] * 3
    assert np.array_equal(np.asarray(found[0]["image"]), unmasked.read().images[0, ..., 0])


def test_croissant_needs_its_library(snapshot, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlcroissant", None)
    with pytest.raises(InputError, match=r"medpair-factory\[croissant\]"):
        list(EXPORTS["croissant"](snapshot, tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("kind", ["nnunet", "monai", "coco"])
def test_images_without_masks_are_no_segmentation_data_set(kind, tmp_path):
    unmasked = version(tmp_path / "pairs", SECTION, [SKIN], masked=False)
    with pytest.raises(InputError, match="has a mask"):
        list(EXPORTS[kind](unmasked, tmp_path / "Dataset501_Skin"))
    assert not (tmp_path / "Dataset501_Skin").exists()
    assert sum(EXPORTS["folder"](unmasked, tmp_path / "copy")) == 3
    assert list((tmp_path / "copy" / "masks").iterdir()) == []
    assert "mask_file_name" not in pd.read_csv(tmp_path / "copy" / "metadata.csv").columns


def dicom_files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.dcm")}


def test_dicom_holds_the_pairs_to_the_pixel_as_others_read_them(snapshot, tmp_path):
    list(EXPORTS["dicom"](snapshot, tmp_path / "copy", TOLD))
    whole = snapshot.read()
    for domain in (BREAST, SKIN):
        here = of_domain(whole, domain)
        for at, row in enumerate(here.facets["row"]):
            name = f"{row:06d}.dcm"
            image = pydicom.dcmread(tmp_path / "copy" / domain / "images" / name)
            mask = segread(tmp_path / "copy" / domain / "masks" / name)
            np.testing.assert_array_equal(image.pixel_array, here.images[at, ..., 0])
            frames = mask.get_pixels_by_source_instance(
                [image.SOPInstanceUID], combine_segments=True, assert_missing_frames_are_empty=True
            )
            np.testing.assert_array_equal(frames[0], here.masks[at])
            assert mask.StudyInstanceUID == image.StudyInstanceUID
            assert mask.get_segment_description(1).segment_label == "lesion"
            assert list(image.PixelSpacing) == [0.5, 0.25]


def test_dicom_says_that_it_is_synthetic_and_is_the_same_twice(snapshot, tmp_path):
    for copy in ("a", "b"):
        list(EXPORTS["dicom"](snapshot, tmp_path / copy, TOLD))
    files = dicom_files(tmp_path / "a")
    assert len(files) == 12
    assert files == dicom_files(tmp_path / "b")
    for path in files:
        told = pydicom.dcmread(tmp_path / "a" / path)
        assert told.PatientID.startswith("SYNTHETIC-")
        assert told.SeriesDescription.startswith("SYNTHETIC ")
        assert told.ImageComments.startswith("SYNTHETIC")
        assert snapshot.id in told.ImageComments
        assert told.ImageType[0] == "DERIVED"
        assert told.SOPInstanceUID.startswith("2.25.")
    assert len({pydicom.dcmread(tmp_path / "a" / path).SOPInstanceUID for path in files}) == 12


def test_dicom_in_colour_and_as_init_reads_it(tmp_path):
    coloured = version(tmp_path / "pairs", COLOUR, [SKIN])
    list(EXPORTS["dicom"](coloured, tmp_path / "copy"))
    found, whole = recognise(tmp_path / "copy"), coloured.read()
    assert found.labels == ("lesion",)
    assert len({row.patient for row in found.rows}) == len(found.rows) == 3
    for at, row in enumerate(found.rows):
        image = tmp_path / "copy" / row.image
        np.testing.assert_array_equal(read_stack(image, "it").pixels[0], whole.images[at])
        part = MaskPart(tmp_path / "copy" / row.masks[0].path)
        mask = compose([part], {"lesion": 1}, str, image)
        np.testing.assert_array_equal(mask.pixels[0], whole.masks[at])
