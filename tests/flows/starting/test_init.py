"""`medpair init` on folders as people keep them, to the recipe that a dry run passes."""

import csv
import json
from pathlib import Path
from unicodedata import normalize

import nibabel
import numpy as np
import pytest
import yaml
from PIL import Image

from factory.layouts.names import words
from factory.sources.mask_parts.compose import compose
from flows.console import init_command
from flows.planning.plan import checked
from flows.planning.recipe import load_recipe
from tasks.services.settings import load_settings

COUNT = 12
SIDE = 40


def disc(seed, side=SIDE):
    """A bright disc on noise, and where it is (bool)."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side]
    centre, radius = rng.uniform(12, side - 12, 2), rng.uniform(5, 10)
    inside = (row - centre[0]) ** 2 + (column - centre[1]) ** 2 < radius**2
    return (rng.uniform(0, 80, (side, side)) + 120 * inside).astype(np.uint8), inside


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    else:
        Image.fromarray(array).save(path)


def save_volume(image_path, mask_path, seed, slices=3):
    pairs = [disc(100 * seed + k) for k in range(slices)]
    save(image_path, np.stack([image for image, _ in pairs], axis=-1).astype(np.int16))
    save(mask_path, np.stack([inside for _, inside in pairs], axis=-1).astype(np.uint8))


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def rows_of(folder):
    with (folder / "metadata.csv").open() as file:
        return list(csv.DictReader(file))


def equal_names(mine):
    for n in range(COUNT):
        image, inside = disc(n)
        save(mine / "images" / f"{n:03d}.png", image)
        save(mine / "masks" / f"{n:03d}.png", inside.astype(np.uint8) * 255)


def suffix(mine, word="_mask", image_ending=".png"):
    for n in range(COUNT):
        image, inside = disc(n)
        save(mine / f"scan{n}{image_ending}", image)
        save(mine / f"scan{n}{word}.png", inside.astype(np.uint8))


def busi(mine):
    for finding in ("benign", "malignant", "normal"):
        for n in range(1, 7):
            image, inside = disc(ord(finding[0]) * 100 + n)
            shown = inside & (finding != "normal")
            upper = shown & (np.arange(SIDE)[:, None] < SIDE // 2)
            stem = mine / "Dataset_BUSI_with_GT" / finding / f"{finding} ({n})"
            save(stem.with_name(f"{stem.name}.png"), image)
            save(stem.with_name(f"{stem.name}_mask.png"), upper.astype(np.uint8) * 255)
            if n == 1:
                lower = (shown & ~upper).astype(np.uint8) * 255
                save(stem.with_name(f"{stem.name}_mask_1.png"), lower)


def left_and_right(mine):
    for n in range(COUNT):
        image, inside = disc(n)
        halves = {"left": np.arange(SIDE) >= 20, "right": np.arange(SIDE) < 20}
        save(mine / "CXR_png" / f"{n:03d}.png", image)
        for side, half in halves.items():
            mask = (inside & half).astype(np.uint8) * 255
            save(mine / "ManualMask" / f"{side}Mask" / f"{n:03d}.png", mask)


def split_folders(mine, splits=("train", "val", "test")):
    for n in range(COUNT):
        image, inside = disc(n)
        split = mine / splits[n % len(splits)]
        save(split / "images" / f"{n:03d}.png", image)
        save(split / "masks" / f"{n:03d}.png", inside.astype(np.uint8))


def nnunet(mine):
    for n in range(COUNT):
        image, inside = disc(n)
        save(mine / "imagesTr" / f"case_{n:03d}_0000.png", image)
        save(mine / "labelsTr" / f"case_{n:03d}.png", inside.astype(np.uint8))
    content = {"channel_names": {"0": "ultrasound"}, "labels": {"background": 0, "cyst": 1}}
    write_json(mine / "dataset.json", content | {"numTraining": COUNT, "file_ending": ".png"})


def nifti(mine):
    for n in range(5):
        name = f"sub-{n:02d}.nii.gz"
        save_volume(mine / "images" / name, mine / "masks" / name, n)


def case_folders(mine):
    for n in range(5):
        case = mine / f"BraTS_{n:03d}"
        save_volume(case / f"BraTS_{n:03d}_flair.nii.gz", case / f"BraTS_{n:03d}_seg.nii.gz", n)


def object_folders(mine):
    for n in range(COUNT):
        image, inside = disc(n)
        case = mine / f"{n:02d}a9{n}"
        save(case / "images" / f"{case.name}.png", image)
        for k, half in enumerate((np.arange(SIDE) >= 20, np.arange(SIDE) < 20)):
            save(case / "masks" / f"{k}f{n}c.png", (inside & half).astype(np.uint8) * 255)


def decathlon(mine):
    entries = []
    for n in range(5):
        image, label = f"imagesTr/hip_{n:03d}.nii.gz", f"labelsTr/hip_{n:03d}.nii.gz"
        save_volume(mine / image, mine / label, n)
        entries.append({"image": f"./{image}", "label": f"./{label}"})
    told = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "Anterior"}}
    write_json(mine / "dataset.json", told | {"training": entries, "test": []})


SQUARE = [[10, 8], [30, 8], [30, 28], [10, 28]]  # x, y of corners: 20 pixels wide


def coco(mine):
    images, annotations = [], []
    for n in range(COUNT):
        save(mine / "images" / f"{n:03d}.jpg", disc(n)[0])
        images.append({"id": n, "file_name": f"{n:03d}.jpg", "height": SIDE, "width": SIDE})
        flat = [[float(number) for point in SQUARE for number in point]]
        runs = {"size": [SIDE, SIDE], "counts": [SIDE * 2, SIDE, SIDE * (SIDE - 3)]}
        for category, segmentation in ((3, flat), (7, runs)):
            each = {"image_id": n, "category_id": category, "segmentation": segmentation}
            annotations.append({"id": len(annotations), **each})
    categories = [{"id": 7, "name": "rim"}, {"id": 3, "name": "cyst"}, {"id": 0, "name": "unused"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_json(mine / "annotations" / "instances.json", content)


def labelme(mine):
    for n in range(COUNT):
        save(mine / f"{n:03d}.png", disc(n)[0])
        shapes = [
            {"label": "cyst", "points": SQUARE, "shape_type": "polygon"},
            {"label": "rim", "points": [[2, 2], [5, 5]], "shape_type": "rectangle"},
            {"label": "note", "points": [[2, 2]], "shape_type": "point"},
        ]
        content = {"shapes": shapes, "imageHeight": SIDE, "imageWidth": SIDE}
        write_json(mine / f"{n:03d}.json", content | {"imagePath": f"{n:03d}.png"})


def via(mine, regions_of=dict, project=False, attribute="type"):
    """VIA's version 1 numbers regions in an object; version 2 lists them, in projects as well."""
    images = {}
    for n in range(COUNT):
        save(mine / "images" / f"{n:03d}.png", disc(n)[0])
        corners = {"all_points_x": [x for x, _ in SQUARE], "all_points_y": [y for _, y in SQUARE]}
        shapes = {
            "cyst": {"name": "polygon"} | corners,
            "rim": {"name": "rect", "x": 2, "y": 2, "width": 3, "height": 3},
            "": {"name": "polyline", "all_points_x": [1, 9], "all_points_y": [30, 30]},
        }
        regions = [
            {
                "shape_attributes": shape,
                "region_attributes": {attribute: label, "note": ""} if attribute else {},
            }
            for label, shape in shapes.items()
        ]
        each = {"filename": f"{n:03d}.png", "size": 100 + n, "file_attributes": {}}
        told = {str(at): region for at, region in enumerate(regions)}
        images[f"{n:03d}.png{100 + n}"] = each | {
            "regions": told if regions_of is dict else regions
        }
    settings = {"_via_settings": {"core": {}}, "_via_attributes": {"region": {}, "file": {}}}
    content = settings | {"_via_img_metadata": images} if project else images
    write_json(mine / "via_region_data.json", content)


def drive(mine):
    """Vessels by hand as GIF, beside fields of view that the sets of the retina call masks."""
    field = np.hypot(*(np.mgrid[:SIDE, :SIDE] - SIDE / 2)) < SIDE * 0.45
    for n in range(COUNT):
        split, kind = ("training", "training") if n % 2 else ("test", "test")
        image, inside = disc(n)
        save(mine / split / "images" / f"{n:02d}_{kind}.tif", np.stack([image] * 3, axis=-1))
        save(mine / split / "1st_manual" / f"{n:02d}_manual1.gif", inside.astype(np.uint8) * 255)
        save(mine / split / "mask" / f"{n:02d}_{kind}_mask.gif", field.astype(np.uint8) * 255)
        if split == "test":
            other = np.roll(inside, 1).astype(np.uint8) * 255
            save(mine / split / "2nd_manual" / f"{n:02d}_manual2.gif", other)


def hrf(mine):
    for n in range(COUNT):
        image, inside = disc(n)
        save(mine / "images" / f"{n:02d}_dr.JPG", np.stack([image] * 3, axis=-1))
        save(mine / "manual1" / f"{n:02d}_dr.tif", inside.astype(np.uint8) * 255)
        whole = np.full((SIDE, SIDE, 3), 255, np.uint8)
        whole[:3] = 0
        save(mine / "mask" / f"{n:02d}_dr_mask.tif", whole)


def two_observers(mine, first="_1stHO", second="_2ndHO"):
    """As CHASE_DB1 does: two observers' masks beside the image, told by their names alone."""
    for n in range(COUNT):
        image, inside = disc(n)
        name = f"Image_{n // 2 + 1:02d}{'LR'[n % 2]}"
        save(mine / f"{name}.jpg", np.stack([image] * 3, axis=-1))
        save(mine / f"{name}{first}.png", inside.astype(np.uint8) * 255)
        save(mine / f"{name}{second}.png", np.roll(inside, 1).astype(np.uint8) * 255)


def colours(mine, *wanted):
    """Red, or red and white, on black."""
    for n in range(COUNT):
        image, inside = disc(n)
        mask = np.zeros((SIDE, SIDE, 3), np.uint8)
        mask[inside] = (255, 0, 0)
        if "white" in wanted:
            mask[2:6, 2:6] = 255
        save(mine / "images" / f"{n:03d}.png", image)
        save(mine / "masks" / f"{n:03d}.png", mask)


LAYOUTS = {
    "equal names": (equal_names, {"classes": {"255": "structure"}, "images": 12, "masks": 12}),
    "suffix": (suffix, {"classes": {"1": "structure"}, "images": 12}),
    "isic": (
        lambda mine: suffix(mine, "_segmentation", ".jpg"),
        {"classes": {"1": "structure"}, "images": 12},
    ),
    "busi": (
        busi,
        {"findings": {"benign": 6, "malignant": 6, "normal": 6}, "images": 18, "masks": 21},
    ),
    "left and right": (left_and_right, {"classes": {"1": "left", "2": "right"}, "masks": 24}),
    "split folders": (split_folders, {"splits": {"train": 4, "val": 4, "test": 4}}),
    "nnunet": (nnunet, {"classes": {"1": "cyst"}, "modality": "ultrasound"}),
    "nifti": (nifti, {"images": 5, "slices": 15}),
    "case folders": (case_folders, {"images": 5, "slices": 15}),
    "object folders": (
        object_folders,
        {"classes": {"255": "structure"}, "images": 12, "masks": 24},
    ),
    "decathlon": (decathlon, {"classes": {"1": "Anterior"}, "modality": "MRI", "slices": 15}),
    "coco": (coco, {"classes": {"1": "cyst", "2": "rim"}, "images": 12}),
    "labelme": (labelme, {"classes": {"1": "cyst", "2": "rim"}, "images": 12}),
    "tiff": (lambda mine: suffix(mine, "_mask", ".tif"), {"images": 12}),
    "via": (via, {"classes": {"1": "cyst", "2": "rim"}, "images": 12}),
    "via project": (
        lambda mine: via(mine, list, project=True),
        {"classes": {"1": "cyst", "2": "rim"}, "images": 12},
    ),
    "via unnamed": (
        lambda mine: via(mine, list, attribute=""),
        {"classes": {"1": "structure"}, "images": 12},
    ),
    "drive": (drive, {"classes": {"255": "structure"}, "images": 12, "masks": 12}),
    "hrf": (hrf, {"classes": {"255": "structure"}, "images": 12, "masks": 12}),
    "two observers": (two_observers, {"classes": {"255": "structure"}, "masks": 12}),
    "two raters": (
        lambda mine: two_observers(mine, "_rater1", "_rater2"),
        {"classes": {"255": "structure"}, "images": 12, "masks": 12},
    ),
    "one colour": (colours, {"classes": {"#ff0000": "structure"}, "images": 12}),
    "colours": (
        lambda mine: colours(mine, "white"),
        {"classes": {"255": "structure 255", "#ff0000": "structure #ff0000"}, "images": 12},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_understood_without_an_answer(layout, mine, start):
    write, expected = LAYOUTS[layout]
    write(mine)
    told, inputs = start()
    assert {key: told[key] for key in expected} == expected
    assert len(inputs.reference.train) > 0
    assert len(inputs.reference.held_out) > 0
    assert inputs.reference.train.masks.any()


@pytest.mark.parametrize("write", [drive, hrf])
def test_a_field_of_view_is_not_the_mask(write, mine, start):
    write(mine)
    told, _ = start()
    assert all("manual" in row["mask"] for row in rows_of(mine))
    assert any("field of view" in note and "--several" in note for note in told["notes"])
    told, _ = start("--several", "field of view", "--force")
    assert all("mask/" in row["mask"] for row in rows_of(mine))


def test_of_two_readers_the_first_is_meant_and_the_other_can_be(mine, start):
    drive(mine)
    start()
    assert {row["mask"].split("/")[1] for row in rows_of(mine)} == {"1st_manual"}
    told, _ = start("--several", "2nd manual", "--force")
    assert told["images"] == COUNT // 2
    assert "6 images have no mask '2nd manual'" in " ".join(told["notes"])


def test_both_eyes_are_of_one_patient(mine, start):
    two_observers(mine)
    told, _ = start()
    assert told["patients"] == COUNT // 2
    patients = [row["patient"] for row in rows_of(mine)]
    assert patients[0] == patients[1] == "Image_01"


@pytest.mark.parametrize(
    ("endings", "second"),
    [(("_1stHO", "_2ndHO"), "2nd ho"), (("_expert 1", "_expert 2"), "expert 2")],
)
def test_of_two_observers_beside_an_image_either_can_be_meant(endings, second, mine, start):
    two_observers(mine, *endings)
    start()
    assert all(endings[0] in row["mask"] for row in rows_of(mine))
    start("--several", second, "--force")
    assert all(endings[1] in row["mask"] for row in rows_of(mine))


def test_vessels_of_a_test_set_without_them_are_told(mine, start):
    drive(mine)
    for path in (mine / "test").glob("*_manual/*"):
        path.unlink()
    told, _ = start()
    assert told["images"] == COUNT // 2
    assert "6 images have no mask '1st manual'" in " ".join(told["notes"])


@pytest.mark.parametrize("write", [nnunet, decathlon, coco, labelme, via])
def test_images_without_a_label_are_told(write, mine, start):
    write(mine)
    ending = ".nii.gz" if write is decathlon else ".png"
    for n in (90, 91):
        image = np.zeros((SIDE, SIDE, 3), np.int16) if write is decathlon else disc(n)[0]
        save(mine / "imagesTs" / f"case_{n}_0000{ending}", image)
    told, _ = start()
    (note,) = (note for note in told["notes"] if "no label" in note)
    assert note.startswith("2 images have no label and are left out: imagesTs/case_90_0000")


def test_regions_without_a_name_are_the_class_that_is_given(mine, start):
    via(mine, list, attribute="")
    _, inputs = start("--classes", "cyst")
    (domain,) = inputs.grid.domains.values()
    assert domain.classes == ("cyst",)
    assert inputs.reference.train.masks.any()


def test_masks_of_one_image_are_joined(mine, start):
    busi(mine)
    start()
    (row,) = (row for row in rows_of(mine) if row["image"].endswith("benign (1).png"))
    base = "Dataset_BUSI_with_GT/benign/benign (1)"
    assert row["mask"] == f"{base}_mask.png;{base}_mask_1.png"
    assert {row["labels"] for row in rows_of(mine) if row["finding"] == "normal"} == {""}


def test_the_joined_mask_holds_both_parts(mine, start):
    busi(mine)
    _, inputs = start()
    cases = inputs.source
    at = next(i for i, case in enumerate(cases.cases) if case.name.endswith("benign (1).png"))
    _, inside = disc(ord("b") * 100 + 1)
    joined = next(iter(cases.decoded(cases.cases[at]).pairs(inputs.recipe.image)))[1]
    whole = Image.fromarray(inside.astype(np.uint8)).resize((32, 32), Image.Resampling.NEAREST)
    assert np.array_equal(joined, np.asarray(whole))


@pytest.mark.parametrize("write", [coco, labelme, via])
def test_annotations_are_read_where_they_are(write, mine, start):
    write(mine)
    _, inputs = start()
    assert not list(mine.rglob("*mask*"))
    case = inputs.source.cases[0]
    stack = compose(case.parts, {"cyst": 1, "rim": 2}, str, case.images[0])
    assert stack.pixels.shape == (1, SIDE, SIDE)
    assert stack.pixels[0, 20, 20] == 1
    assert stack.pixels[0, 3, 2] == 2
    assert stack.pixels[0, 35, 35] == 0
    assert (stack.pixels == 1).sum() == 20 * 20


def test_structures_are_classes_joined_or_chosen(mine, start):
    left_and_right(mine)
    told, _ = start("--classes", "left lung, right lung")
    assert told["classes"] == {"1": "left lung", "2": "right lung"}
    told, _ = start("--several", "join", "--force")
    assert told["classes"] == {"255": "structure"}
    told, _ = start("--several", "left", "--force")
    assert told["masks"] == COUNT


def nested(mine, names=("lesion", "organ", "core")):
    """An organ, a lesion in it in most images, and the lesion's core, by names in any order."""
    lesion, organ, core = names
    row, column = np.mgrid[:SIDE, :SIDE]
    for n in range(COUNT):
        distance = np.hypot(row - 20, column - 14 - n)
        save(mine / f"scan{n}.png", disc(n)[0])
        # Where there is no lesion, the organ is smaller than lesions of other images.
        for name, radius in ((organ, 10 if n % 4 else 4), (lesion, 6), (core, 3)):
            if n % 4 or name == organ:
                save(mine / f"scan{n}_mask_{name}.png", (distance < radius).astype(np.uint8) * 255)


@pytest.mark.parametrize("names", [("lesion", "organ", "core"), ("z", "b", "a"), ("b", "c", "d")])
def test_what_lies_in_another_structure_lies_on_top_of_it(names, mine, start):
    nested(mine, names)
    told, inputs = start()
    lesion, organ, core = names
    shown = {name for row in rows_of(mine) for name in row["labels"].split(";")}
    assert shown == set(names)
    order = [part.rpartition("_")[2].split(".")[0] for part in rows_of(mine)[1]["mask"].split(";")]
    assert order == [organ, lesion, core]
    (note,) = (note for note in told["notes"] if "lies on top" in note)
    for pair in (f"{lesion} over {organ}", f"{core} over {lesion}", f"{core} over {organ}"):
        assert pair in note
    assert np.unique(inputs.reference.train.masks).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_structures_keep_the_letters_of_their_names(form, mine, start):
    for word in ("_mask_Drüse", "_mask_Äußere Größe", "_mask_Печень"):
        suffix(mine, normalize(form, word))
    told, _ = start()
    assert words("Mask肝臓2") == ("mask", "肝臓", "2")
    assert sorted(told["classes"].values()) == ["drüse", "äußere größe", "печень"]


def test_masks_that_do_not_overlap_stay_as_they_are_named(mine, start):
    left_and_right(mine)
    told, _ = start()
    assert not [note for note in told["notes"] if "on top" in note]
    assert rows_of(mine)[0]["mask"].index("leftMask") < rows_of(mine)[0]["mask"].index("rightMask")


def test_masks_that_are_joined_into_one_class_lie_as_they_like(mine, start):
    nested(mine)
    told, _ = start("--several", "join")
    assert not [note for note in told["notes"] if "on top" in note]


def nnunet_of_two(mine):
    nnunet(mine)
    file = mine / "dataset.json"
    content = json.loads(file.read_text())
    write_json(file, content | {"labels": content["labels"] | {"rim": 2}})


def equal_masks(mine):
    for word in ("_mask_cyst", "_mask_rim"):
        suffix(mine, word)


@pytest.mark.parametrize(("write", "lost"), [(nnunet_of_two, "rim"), (equal_masks, "cyst")])
def test_a_class_that_no_mask_shows_is_told(write, lost, mine, start):
    write(mine)
    told, _ = start()
    assert any(f"no mask shows {lost!r}" in note for note in told["notes"])


def test_missing_splits_are_taken_from_training(mine, start):
    split_folders(mine, ("training", "testing"))
    told, inputs = start()
    assert told["splits"] == {"train": 5, "val": 1, "test": 6}
    assert len(inputs.reference.held_out) == 1


def test_free_words_for_modality_and_anatomy(mine, start):
    equal_names(mine)
    told, inputs = start("--modality", "thermography", "--anatomy", "left hoof")
    assert told["anatomy"] == "left hoof"
    (domain,) = inputs.grid.domains.values()
    assert (domain.name, domain.modality, domain.anatomy) == ("mine", "thermography", "left hoof")


def test_known_words_find_the_known_domain(mine, start):
    equal_names(mine)
    words = ["--modality", "ultrasound", "--anatomy", "breast", "--classes", "breast tumor"]
    _, inputs = start(*words)
    assert list(inputs.grid.domains) == ["busi-breast-us"]


def test_the_table_may_lie_elsewhere(mine, start, tmp_path):
    equal_names(mine)
    start("--out", tmp_path / "tables")
    assert not (mine / "metadata.csv").exists()
    assert rows_of(tmp_path / "tables")[0]["image"] == "../mine/images/000.png"


def test_nothing_is_overwritten_without_force(mine, start, medpair):
    equal_names(mine)
    start()
    said = medpair("init", mine)
    assert said.code == 2
    assert [line for line in said.lines if "metadata.csv" in line and "--force" in line]
    assert len(said.lines) == 3
    start("--force")


def test_a_folder_with_a_table_is_one_that_a_recipe_reads(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    equal_names(mine)
    assert medpair("init", mine).code == 0
    Path("mine.yaml").unlink()  # as exports are: metadata.csv and classes.json, and no recipe
    said = medpair("init", mine)
    assert said.code == 2
    asked = said.lines[-1].partition("--set ")[2].strip("'")
    assert load_recipe("phantoms", [asked]).source.build().cases


def test_everything_wrong_is_told_at_once_by_fact(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    equal_names(mine)
    for n in range(3):
        save(mine / "masks" / f"{n:03d}.png", np.zeros((8, 9), np.uint8))
    (mine / "masks" / "003.png").unlink()
    for n in (5, 6):
        (mine / "images" / f"{n:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    said = medpair("init", mine)
    assert said.code == 2
    assert len(said.lines) == 3
    assert any("000.png, images/001.png, images/002.png" in line for line in said.lines)
    assert any("images/005.png, images/006.png" in line for line in said.lines)
    assert any("images/003.png" in line for line in said.lines)
    assert not (mine / "metadata.csv").exists()


def test_a_folder_without_masks_is_refused(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(mine / "a.png", disc(0)[0])
    said = medpair("init", mine)
    assert said.code == 2
    assert "which mask belongs to which image" in said.err


def test_files_that_only_say_dicom_are_refused_by_name(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine.mkdir()
    (mine / "IM0001.dcm").touch()
    said = medpair("init", mine)
    assert said.code == 2
    assert "cannot be read as DICOM" in said.err
    assert "IM0001.dcm" in said.err


def test_images_without_a_mask_are_left_out_and_told(mine, start):
    equal_names(mine)
    (mine / "masks" / "003.png").unlink()
    told, _ = start()
    assert told["images"] == COUNT - 1
    assert "images/003.png" in told["notes"][0]


def test_one_class_written_in_two_ways_is_told(mine, start):
    equal_names(mine)
    for n in range(0, COUNT, 2):
        path = mine / "masks" / f"{n:03d}.png"
        save(path, np.asarray(Image.open(path)) // 255)
    told, _ = start()
    assert sorted(told["classes"]) == ["1", "255"]
    assert "others 0 and 255" in told["notes"][-1]


def test_too_few_names_are_refused(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left_and_right(mine)
    said = medpair("init", mine, "--classes", "lungs")
    assert said.code == 2
    assert "1, 2" in said.err


def test_answers_are_asked_for_on_a_terminal(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    equal_names(mine)
    asked = []

    def answer(question, default):
        asked.append((question, default))
        return "fetal head" if "pixels" in question else default

    monkeypatch.setattr(init_command, "_asking", lambda json_wanted: answer)
    said = medpair("init", mine)
    assert said.code == 0, said.err
    assert json.loads((mine / "classes.json").read_text())["255"] == "fetal head"
    assert len(asked) == 3


def test_what_is_shown_fits_eighty_columns(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    busi(mine)
    said = medpair("init", mine)
    assert said.code == 0, said.err
    assert max(map(len, said.out.splitlines())) <= 80
    with Image.open("mine-contact-sheet.png") as sheet:
        assert sheet.width > 500
    assert yaml.safe_load((tmp_path / "mine.yaml").read_text())["source"]["path"] == "mine"


TINY = {
    "image.size": 32,
    "generator.train.steps": 2,
    "generator.train.batch": 2,
    "generator.train.autoencoder": "{kind: coarse, steps: 2, batch: 2}",
    "generator.train.augment.copies": 1,
    "generator.train.text": "{steps: 2, batch: 4}",
    "generator.sample.steps": 2,
    "grid.replicates": 2,
    "evaluate.judge_steps": 2,
    "evaluate.finding_classifier_steps": 2,
    "gates": "{}",
    "utility": "null",
}


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("layout", ["busi", "left and right"])
def test_two_commands_lead_to_a_published_version(
    layout, mine, medpair, tmp_path, monkeypatch, record_property
):
    record_property("commands", 2)
    monkeypatch.chdir(tmp_path)
    LAYOUTS[layout][0](mine)
    assert medpair("init", mine).code == 0
    # A model that learnt nothing shows no class, and pairs without the class asked for are refused.
    asked = {"grid.facets.classes": '["", "left;right"]'} if layout == "left and right" else {}
    sets = [word for key, value in (TINY | asked).items() for word in ("--set", f"{key}={value}")]
    said = medpair("run", "mine.yaml", *sets, "--json", "--home", tmp_path / "home")
    assert said.code == 0, said.err
    assert said.json["version"] == "v1"


@pytest.mark.slow
def test_the_recipe_passes_a_dry_run(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    equal_names(mine)
    assert medpair("init", mine).code == 0
    assert medpair("run", "mine.yaml", "--dry-run", "--home", tmp_path / "home").code == 0


def test_a_folder_called_in_any_alphabet_gives_its_data_set_and_domain_a_name(
    medpair, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    equal_names(tmp_path / "Drüsengröße")
    assert medpair("init", "Drüsengröße").code == 0
    inputs = checked(load_recipe("drusengrosse.yaml"), load_settings(Path("home")))
    assert list(inputs.grid.domains) == ["drusengrosse"]


def test_sizes_are_widths_by_heights(mine, medpair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for n in range(COUNT):
        image, inside = disc(n)
        save(mine / "images" / f"{n}.png", np.vstack([image, image])[: 50 + n])
        save(mine / "masks" / f"{n}.png", np.vstack([inside, inside])[: 50 + n].astype(np.uint8))
    said = medpair("init", mine)
    assert "12, grey, 40 x 50 to 40 x 61 pixels (width x height)" in " ".join(said.out.split())
    said = medpair("init", mine, "--force", "--json")
    assert said.json["sizes"][0] == {"width": 40, "height": 50}


def test_names_of_classes_are_printed_as_they_are(medpair, mine, tmp_path, monkeypatch):
    nnunet(mine)
    file = mine / "dataset.json"
    content = json.loads(file.read_text())
    content["labels"] = {"background": 0, "[/] cyst": 1}
    file.write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    said = medpair("init", mine, "--modality", "ultrasound", "--anatomy", "breast")
    assert said.code == 0, said.err
    assert "[/] cyst" in said.out
