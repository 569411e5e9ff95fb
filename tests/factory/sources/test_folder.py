import csv
import json
import logging
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources import decoding
from factory.sources.cases import Cases
from factory.sources.folder import FolderSource

SMALL = ImageSection(size=32)
CLASSES = {"0": "background", "1": "lungs"}


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def noise(seed: int, shape: tuple[int, ...] = (40, 48)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape)


def chest(folder: Path, count: int = 6, **columns: str) -> Path:
    """A folder of chest X-rays with the real layout; `columns` overwrite those of every row."""
    rows = []
    for i in range(count):
        mask = np.zeros((40, 48), np.uint8)
        mask[10:30, 8 : 20 + i] = 1
        save(folder / f"images/{i}.png", noise(i))
        save(folder / f"masks/{i}.png", mask)
        finding = ("normal", "tuberculosis")[i % 2]
        rows.append(row(f"{i}", patient=f"p{i}", finding=finding) | columns)
    table(folder, rows)
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder


def row(name: str, **columns: str) -> dict[str, str]:
    known = {"modality": "X-ray", "anatomy": "chest", "labels": "lungs", "split": "train"}
    return {"image": f"images/{name}.png", "mask": f"masks/{name}.png", **known, **columns}


def table(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def change(folder: Path, number: int, **columns: str) -> None:
    rows = rows_of(folder)
    rows[number] |= columns
    table(folder, rows)


def build(folder: Path, **options: Any) -> Cases:
    return FolderSource(path=folder, **options).build()


def refused(folder: Path, message: str, **options: Any) -> None:
    """Both the dry run and the reading must name the fault, in one line."""
    source = build(folder, **options)
    (line,) = source.problems(ImageSection())
    assert re.search(message, line)
    assert "\n" not in line
    with pytest.raises(InputError, match=message):
        source.read("train", SMALL)


def test_a_folder_is_read_as_pairs_of_its_domain(tmp_path: Path) -> None:
    source = build(chest(tmp_path, spacing="0.5;0.4"))
    pairs = source.read("train", SMALL)
    assert list(source.domains) == ["chest-xray-lungs"]
    assert pairs.images.shape == (6, 32, 32, 1)
    assert pairs.facets["name"].tolist() == [f"images/{i}.png" for i in range(6)]
    assert pairs.facets["labels"].unique().tolist() == ["lungs"]
    assert pairs.facets["finding"].tolist() == ["normal", "tuberculosis"] * 3
    assert pairs.facets["window_low"].isna().all()
    # 48 columns become 32, so a pixel spans 1.5 times as much.
    assert pairs.spacing_mm == pytest.approx(np.array([[0.75, 0.6]] * 6))
    assert pairs.has_mask.all()
    assert source.problems(ImageSection()) == []


def test_a_split_without_rows_is_an_empty_batch(tmp_path: Path) -> None:
    assert build(chest(tmp_path)).read("test", SMALL).images.shape == (0, 32, 32, 1)


def test_an_empty_mask_is_a_pair_without_labels(tmp_path: Path) -> None:
    save(chest(tmp_path) / "masks/0.png", np.zeros((40, 48)))
    change(tmp_path, 0, labels="")
    pairs = build(tmp_path).read("train", SMALL)
    assert pairs.facets["labels"][0] == ""
    assert len(pairs) == 6


def test_grey_rgb_and_jpeg_of_any_size_mix(tmp_path: Path) -> None:
    chest(tmp_path)
    save(tmp_path / "images/1.png", noise(1, (90, 20, 3)))
    save(tmp_path / "masks/1.png", np.zeros((90, 20)))
    save(tmp_path / "images/2.jpg", noise(2))
    change(tmp_path, 2, image="images/2.jpg")
    assert build(tmp_path).problems(ImageSection()) == []
    for channels in (1, 3):
        section = ImageSection(size=32, channels=channels)
        assert build(tmp_path).read("train", section).images.shape == (6, 32, 32, channels)


def test_a_deep_picture_is_windowed_and_the_window_kept(tmp_path: Path) -> None:
    chest(tmp_path)
    deep = np.linspace(1000, 5000, 40 * 48).reshape(40, 48).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "images/0.png")
    pairs = build(tmp_path).read("train", SMALL)
    assert pairs.facets["window_low"][0] == pytest.approx(1020, abs=1)
    assert pairs.facets["window_high"][0] == pytest.approx(4980, abs=1)
    assert pairs.images[0].max() >= 250


def test_pixels_without_a_value_are_dark(tmp_path: Path) -> None:
    chest(tmp_path)
    deep = np.linspace(0, 1, 40 * 48, dtype=np.float32).reshape(40, 48)
    deep[20:, :] = np.nan
    Image.fromarray(deep).save(tmp_path / "images/0.tif")
    change(tmp_path, 0, image="images/0.tif")
    assert build(tmp_path).problems(ImageSection()) == []
    image = build(tmp_path).read("train", SMALL).images[0, ..., 0]
    assert image[:15].max() > 200
    assert image[17:].max() == 0


def volume(folder: Path) -> Path:
    """One MRI volume of 32 x 40 x 4 voxels, classes in slices 1 and 2 only."""
    mask = np.zeros((32, 40, 4), np.uint8)
    mask[5:20, 5:20, 1] = 1
    mask[5:20, 5:20, 2] = 4
    image = noise(0, mask.shape).astype(np.int16) * 4 - 100
    affine = np.diag([0.5, 0.7, 9, 1])
    (folder / "images").mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(image, affine), folder / "images/a.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, affine), folder / "images/a-mask.nii.gz")
    names = ("liver", "right kidney", "left kidney", "spleen")
    columns = {"modality": "MRI", "anatomy": "abdomen", "labels": ";".join(names), "split": "train"}
    table(folder, [{"image": "images/a.nii.gz", "mask": "images/a-mask.nii.gz", **columns}])
    (folder / "classes.json").write_text(json.dumps({n: i + 1 for i, n in enumerate(names)}))
    return folder


def test_a_volume_becomes_its_labelled_slices_with_one_window(tmp_path: Path) -> None:
    pairs = build(volume(tmp_path)).read("train", SMALL)
    assert pairs.facets["slice"].tolist() == [1, 2]
    assert pairs.facets["labels"].tolist() == ["liver", "spleen"]
    assert pairs.facets["volume"].unique().tolist() == ["images/a.nii.gz"]
    assert pairs.facets["name"].tolist() == ["images/a.nii.gz[1]", "images/a.nii.gz[2]"]
    assert pairs.facets["window_high"].nunique() == 1
    assert -100 <= pairs.facets["window_low"][0] < pairs.facets["window_high"][0] <= 920
    # Stored with rows and columns exchanged: the front of the body is turned up; 40 -> 32 pixels.
    assert pairs.spacing_mm[0] == pytest.approx([0.7 * 40 / 32, 0.5 * 40 / 32])
    assert pairs.facets["slice_mm"].tolist() == [9.0, 9.0]
    assert len(build(tmp_path, slices="all").read("train", SMALL)) == 4


def test_an_image_may_lack_its_mask_where_that_is_said(tmp_path: Path) -> None:
    chest(tmp_path)
    change(tmp_path, 2, mask="")
    source = build(tmp_path, masks="optional")
    assert source.problems(ImageSection()) == []
    pairs = source.read("train", SMALL)
    assert pairs.has_mask.tolist() == [True, True, False, True, True, True]
    assert not pairs.masks[2].any()
    assert pairs.facets["labels"].tolist() == ["lungs", "lungs", "", "lungs", "lungs", "lungs"]
    assert pairs.facets["finding"][2] == "normal"
    whole = chest(tmp_path / "whole")
    assert (pairs.images == build(whole).read("train", SMALL).images).all()


def test_a_mask_that_is_named_and_missing_is_refused_all_the_same(tmp_path: Path) -> None:
    (chest(tmp_path) / "masks/2.png").unlink()
    refused(tmp_path, r"images/2\.png has no mask: masks/2\.png does not exist", masks="optional")


def test_a_volume_without_a_mask_gives_all_its_slices(tmp_path: Path) -> None:
    change(volume(tmp_path), 0, mask="")
    source = build(tmp_path, masks="optional")
    assert source.problems(ImageSection()) == []
    pairs = source.read("train", SMALL)
    assert pairs.facets["slice"].tolist() == [0, 1, 2, 3]
    assert not pairs.has_mask.any()
    assert set(pairs.facets["labels"]) == {""}


def test_class_indices_follow_the_names_not_the_numbers(tmp_path: Path) -> None:
    chest(tmp_path)
    for i in range(6):
        mask = np.asarray(Image.open(tmp_path / f"masks/{i}.png"))
        save(tmp_path / f"masks/{i}.png", mask * 255)
    (tmp_path / "classes.json").write_text(json.dumps({"0": "background", "255": "lungs"}))
    pairs = build(tmp_path).read("train", SMALL)
    assert np.unique(pairs.masks).tolist() == [0, 1]


def test_classes_are_also_found_in_the_parent_and_in_dataset_json(tmp_path: Path) -> None:
    one = chest(tmp_path / "one")
    (one / "classes.json").unlink()
    (tmp_path / "classes.json").write_text(json.dumps({"one": {"1": "lungs"}, "two": {"1": "x"}}))
    assert list(build(one).domains) == ["chest-xray-lungs"]
    (tmp_path / "classes.json").unlink()
    (one / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "lungs": 1}}))
    assert list(build(one).domains) == ["chest-xray-lungs"]


def test_without_any_label_map_the_vocabulary_decides(tmp_path: Path) -> None:
    (chest(tmp_path) / "classes.json").unlink()
    assert list(build(tmp_path).domains) == ["chest-xray-lungs"]


def test_an_unknown_data_set_becomes_a_domain_of_its_own(tmp_path: Path) -> None:
    folder = chest(
        tmp_path / "Knee X-rays (2024)", anatomy="knee", labels="femur;tibia", finding=""
    )
    (folder / "classes.json").write_text(json.dumps({"2": "tibia", "1": "femur"}))
    change(folder, 0, finding="fracture", labels="femur")
    (domain,) = build(folder).domains.values()
    assert domain.name == "knee-x-rays-2024"
    assert domain.title == "knee X-ray"
    assert domain.classes == ("femur", "tibia")
    assert domain.findings == {"fracture": ("femur",)}
    assert not domain.colour


def test_findings_of_the_data_join_those_of_the_vocabulary(tmp_path: Path) -> None:
    chest(tmp_path)
    change(tmp_path, 0, finding="effusion")
    domain = build(tmp_path).domains["chest-xray-lungs"]
    assert domain.findings["effusion"] == ("lungs",)
    assert list(domain.findings) == ["normal", "tuberculosis", "effusion"]


def test_a_domain_can_be_given(tmp_path: Path) -> None:
    chest(tmp_path, modality="", anatomy="")
    assert list(build(tmp_path, domain="chest-xray-lungs").domains) == ["chest-xray-lungs"]


def test_given_splits_are_kept(tmp_path: Path) -> None:
    chest(tmp_path)
    change(tmp_path, 3, split="test")
    assert build(tmp_path).read("test", SMALL).facets["patient"].tolist() == ["p3"]


def test_missing_splits_are_made_by_patient_and_near_duplicates_stay_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chest(tmp_path, count=20, split="")
    shutil.copy(tmp_path / "images/0.png", tmp_path / "images/1.png")
    source = build(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert Counter(source.splits) == Counter(build(tmp_path, split_seed=0).splits)
    assert "1 near-duplicate pairs" in caplog.text
    assert set(source.splits) == {"train", "val", "test"}
    assert source.splits[0] == source.splits[1]
    assert build(tmp_path, split_seed=1).splits != source.splits


def test_rows_can_be_divided_anew_whatever_the_table_says(tmp_path: Path) -> None:
    chest(tmp_path, count=20)
    change(tmp_path, 3, split="training")
    source = build(tmp_path, resplit=True)
    assert source.problems(ImageSection()) == []
    assert Counter(source.splits) == {"train": 14, "val": 3, "test": 3}
    assert build(tmp_path, resplit=True, split_seed=1).splits != source.splits
    # As if the column were empty: the same patients in the same splits, and the same digest.
    chest(tmp_path / "empty", count=20, split="")
    assert build(tmp_path / "empty").splits == source.splits
    assert build(tmp_path / "empty").digest == source.digest


def test_a_patient_in_two_splits_is_no_leak_once_divided_anew(tmp_path: Path) -> None:
    chest(tmp_path, count=9)
    change(tmp_path, 2, patient="p1", split="test")
    source = build(tmp_path, resplit=True)
    assert source.problems(ImageSection()) == []
    assert source.splits[1] == source.splits[2]


def test_near_duplicates_across_given_splits_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chest(tmp_path, count=4)
    change(tmp_path, 3, split="test")
    shutil.copy(tmp_path / "images/0.png", tmp_path / "images/3.png")
    with caplog.at_level(logging.WARNING):
        assert build(tmp_path).splits == ("train", "train", "train", "test")
    assert "1 near-duplicate pairs of images lie in different splits" in caplog.text
    assert "0.png and images/3.png" in caplog.text or "0 and" in caplog.text
    assert "kept in one split" not in caplog.text


def test_a_blank_patient_is_its_own_unit_and_said_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = build(chest(tmp_path, count=20, patient="", split=""))
    assert caplog.text.count("20 of 20 rows name no patient") == 1
    assert Counter(source.splits) == {"train": 14, "val": 3, "test": 3}


def test_slices_of_one_volume_stay_together_without_a_patient(tmp_path: Path) -> None:
    source = build(chest(tmp_path, count=9, patient="", split="", volume="scan"))
    assert len(set(source.splits)) == 1


def test_a_limit_takes_training_patients_and_is_nested(tmp_path: Path) -> None:
    chest(tmp_path, count=12)
    for i in range(12):
        change(tmp_path, i, patient=f"p{i // 2}", split="val" if i > 9 else "train")
    chosen = [
        set(build(tmp_path, limit=k).read("train", SMALL).facets["patient"]) for k in range(1, 6)
    ]
    assert [len(patients) for patients in chosen] == [1, 2, 3, 4, 5]
    assert all(small < large for small, large in pairwise(chosen))
    assert len(build(tmp_path, limit=2).read("train", SMALL)) == 4
    assert len(build(tmp_path, limit=2).read("val", SMALL)) == 2
    assert build(tmp_path, limit=3, limit_seed=1).digest != build(tmp_path, limit=3).digest


def test_the_digest_is_of_the_content_wherever_it_lies(tmp_path: Path) -> None:
    chest(tmp_path / "a")
    digest = build(tmp_path / "a").digest
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert build(tmp_path / "b").digest == digest
    save(tmp_path / "b/images/5.png", noise(99))
    assert build(tmp_path / "b").digest != digest
    change(tmp_path / "a", 0, finding="tuberculosis")
    assert build(tmp_path / "a").digest != digest


def test_options_that_change_no_pair_change_no_digest(tmp_path: Path) -> None:
    digest = build(chest(tmp_path / "a")).digest
    assert build(tmp_path / "a", masks="optional").digest == digest
    assert build(chest(tmp_path / "b", split=""), resplit=True).digest != digest
    assert build(tmp_path / "b", resplit=True).digest == build(tmp_path / "b").digest
    change(tmp_path / "a", 0, mask="")
    assert build(tmp_path / "a", masks="optional").digest != digest


def test_the_digest_of_one_folder_is_pinned(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for part in ("images", "masks"):
        (tmp_path / part / "0.png").write_bytes(b"not read, only its bytes count")
    table(tmp_path, [row("0", patient="p0", finding="normal", text="clear")])
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    assert build(tmp_path).digest[:16] == "c5b83a80c2f81779"


def test_the_licence_of_the_rows_is_kept(tmp_path: Path) -> None:
    assert build(chest(tmp_path / "a")).licence == "unknown"
    assert build(chest(tmp_path / "b", licence="CC0")).licence == "CC0"


def broken_mask_value(folder: Path) -> None:
    mask = np.zeros((40, 48))
    mask[3, 3] = 7
    save(folder / "masks/2.png", mask)


def broken_mask_depth(folder: Path) -> None:
    Image.fromarray(np.full((40, 48), 0.5, np.float32)).save(folder / "masks/2.tif")
    change(folder, 2, mask="masks/2.tif")


def broken_image_values(folder: Path) -> None:
    Image.fromarray(np.full((40, 48), np.nan, np.float32)).save(folder / "images/2.tif")
    change(folder, 2, image="images/2.tif")


BROKEN: Mapping[str, tuple[Any, str]] = {
    "missing image": (lambda f: (f / "images/2.png").unlink(), r"images/2\.png: there is no such"),
    "missing mask": (
        lambda f: (f / "masks/2.png").unlink(),
        r"images/2\.png has no mask: masks/2\.png does not exist",
    ),
    "no mask named": (lambda f: change(f, 2, mask=""), r"images/2\.png has no mask: the table"),
    "corrupt image": (
        lambda f: (f / "images/2.png").write_bytes(b"\x89PNG broken"),
        r"images/2\.png: cannot be read as an image",
    ),
    "cut mask": (
        lambda f: (f / "masks/2.png").write_bytes((f / "masks/2.png").read_bytes()[:60]),
        r"masks/2\.png: cannot be read as an image",
    ),
    "unknown class in mask": (
        broken_mask_value,
        r"masks/2\.png holds the value 7, .* chest-xray-lungs \(known: 0 background, 1 lungs\)",
    ),
    "no value at all": (broken_image_values, r"images/2\.tif holds no finite value"),
    "half a class": (broken_mask_depth, r"masks/2\.tif holds the value 0\.5"),
    "coloured mask": (
        lambda f: save(f / "masks/2.png", noise(0, (40, 48, 3))),
        r"masks/2\.png holds the colour #[0-9a-f]{6}, which is no class",
    ),
    "other size": (
        lambda f: save(f / "masks/2.png", np.zeros((48, 40))),
        r"images/2\.png has 1 x 40 x 48 .* its mask 1 x 48 x 40",
    ),
    "too small": (
        lambda f: (
            save(f / "images/2.png", noise(0, (8, 48))),
            save(f / "masks/2.png", noise(0, (8, 48)) * 0),
        ),
        r"images/2\.png has 48 x 8 pixels, and below 16",
    ),
    "unknown label": (
        lambda f: change(f, 2, labels="lung"),
        r"unknown class 'lung' in images/2\.png; nearest known: 'lungs'",
    ),
    "unknown split": (
        lambda f: change(f, 2, split="training"),
        r"unknown split 'training' in images/2\.png; nearest known: 'train'",
    ),
    "spacing": (lambda f: change(f, 2, spacing="fine"), r"images/2\.png: spacing 'fine'"),
    "patient in two splits": (
        lambda f: change(f, 2, patient="p1", split="test"),
        r"patient 'p1' is in train and test",
    ),
    "listed twice": (
        lambda f: change(f, 2, image="images/1.png", mask="masks/1.png", patient="p1"),
        r"images/1\.png is listed 2 times",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_bad_file_or_row_is_refused_by_name(tmp_path: Path, fault: str) -> None:
    chest(tmp_path, spacing="")
    spoil, message = BROKEN[fault]
    spoil(tmp_path)
    refused(tmp_path, message)


def test_every_bad_file_is_listed_at_once(tmp_path: Path) -> None:
    chest(tmp_path)
    (tmp_path / "images/0.png").unlink()
    (tmp_path / "masks/0.png").write_bytes(b"")
    (tmp_path / "masks/1.png").unlink()
    broken_mask_value(tmp_path)
    change(tmp_path, 5, split="x")
    assert len(build(tmp_path).problems(ImageSection())) == 5


def test_a_limit_above_the_patients_is_a_problem(tmp_path: Path) -> None:
    refused(chest(tmp_path), "limit asks for 7 of 6 training patients", limit=7)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: shutil.rmtree(f), "there is no such folder"),
        (lambda f: (f / "metadata.csv").unlink(), r"metadata\.csv is missing"),
        (lambda f: (f / "metadata.csv").write_text("image,mask\n"), "lists no images"),
        (lambda f: (f / "metadata.csv").write_text("image,masks\na,b\n"), "no column 'mask'"),
        (lambda f: (f / "metadata.csv").write_bytes(b"image,mask\n\xff\xfe,b\n"), "cannot be read"),
        (lambda f: (f / "metadata.csv").write_text("image,mask\n,b\n"), "line 2: the image column"),
        (
            lambda f: (f / "metadata.csv").write_text(f"image,mask\n{'x' * 300}.png,b\n"),
            "line 2: the image column has a name of more than 255 bytes",
        ),
        (
            lambda f: (f / "metadata.csv").write_text("image,image,mask\na,b,c\n"),
            "column 'image' stands there twice",
        ),
        (lambda f: (f / "classes.json").write_text("{"), "cannot be read as JSON"),
        (
            lambda f: (f / "classes.json").write_text('{"1": "a", "1": "b"}'),
            "key '1' stands twice",
        ),
        (lambda f: (f / "classes.json").write_text('{"1": "\\ud800"}'), "cannot be shown"),
        (lambda f: (f / "classes.json").write_text('{"1": "a\\u0000"}'), "cannot be shown, and"),
        (lambda f: (f / "classes.json").write_text("[]"), "holds list, expected an object"),
        (lambda f: (f / "classes.json").write_text('{"1": ["a"]}'), "is not a class"),
        (lambda f: (f / "classes.json").write_text('{"1": "a", "2": "a"}'), "each name once"),
        (lambda f: (f / "classes.json").write_text('{"0": "background"}'), "at least one class"),
        (lambda f: (f / "classes.json").write_text('{"1": "a;b"}'), "holds , or ;"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path, spoil: Any, message: str) -> None:
    folder = chest(tmp_path / "set")
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        build(folder)
    assert "\n" not in str(caught.value)


def test_an_unknown_domain_and_a_class_it_lacks_are_refused(tmp_path: Path) -> None:
    chest(tmp_path)
    with pytest.raises(InputError, match="unknown domain 'chest-xray'"):
        build(tmp_path, domain="chest-xray")
    with pytest.raises(InputError, match="unknown class 'lungs' in the label map"):
        build(tmp_path, domain="abdomen-mri-chaos")


def test_an_unclear_domain_is_refused_where_nobody_names_the_classes(tmp_path: Path) -> None:
    folder = chest(tmp_path, anatomy="knee", labels="femur")
    (folder / "classes.json").unlink()
    with pytest.raises(InputError, match="none of the known domains fits"):
        build(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "domain", "counts"),
    [
        ("cxr_montgomery", "chest-xray-lungs", (97, 20, 21)),
        ("cxr_shenzhen", "chest-xray-lungs", (385, 0, 0)),
        ("us_busi", "breast-us-busi", (94, 20, 21)),
        ("us_hc18", "fetal-head-us", (174, 42, 44)),
        ("mri_chaos_t2", "abdomen-mri-chaos", (385, 86, 0)),
        ("mri_hippocampus", "hippocampus-mri", (1364, 260, 481)),
        ("nuclei_dsb2018", "nuclei-microscopy", (164, 39, 37)),
    ],
)
def test_the_real_sets_are_read_as_they_are(
    shared_data: Path, name: str, domain: str, counts: tuple[int, int, int]
) -> None:
    source = build(shared_data / name)
    assert list(source.domains) == [domain]
    batches = [source.read(split, SMALL) for split in ("train", "val", "test")]
    assert tuple(len(batch) for batch in batches) == counts
    assert not set(batches[0].facets["name"]) & set(batches[1].facets["name"])


def test_every_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chest(tmp_path, split="")
    read, count = decoding.read_stack, Counter[str]()

    def counted(path: Path, *rest: Any) -> Any:
        count[str(path)] += 1
        return read(path, *rest)

    monkeypatch.setattr(decoding, "read_stack", counted)
    source = build(tmp_path)
    assert source.problems(SMALL) == []
    whole = [len(source.read(split, SMALL)) for split in ("train", "val", "test")]
    assert sum(whole) == len(source.cases)
    assert source.alike is not None
    assert set(count.values()) == {1}
    # What is read once more is decoded once more, and is the same.
    again = source.read("train", SMALL)
    np.testing.assert_array_equal(again.images, build(tmp_path).read("train", SMALL).images)
