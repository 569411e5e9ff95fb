"""Tables and label maps as spreadsheets and editors on any system write them."""

import json

import pytest
from PIL import Image

from factory.errors import InputError
from factory.sources.files.table import read_table, spacing_mm
from factory.sources.folder import FolderSource, read_rows
from factory.sources.label_map import read_names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1.25;1.25", (1.25, 1.25)),
        ("1,25;1,25", (1.25, 1.25)),
        ("1,25", (1.25, 1.25)),
        ("1,1;1,2", (1.1, 1.2)),
        ("0.5,0.6", (0.5, 0.6)),
        ("[0.5, 0.6]", (0.5, 0.6)),
        ("1, 2", (1, 2)),
        ("0.5 x 0.6 mm", (0.5, 0.6)),
        ("0.5 0.6 3", (0.5, 0.6)),
        ("3e-2", (0.03, 0.03)),
    ],
)
def test_12_spacing_is_read_with_points_and_with_decimal_commas(text, told):
    assert spacing_mm(text) == told


@pytest.mark.parametrize("text", ["36 um", "1,25,3", "-1", "0", "0.5;0", "1e999", "half", "0.5mm2"])
def test_12_a_spacing_that_is_none_is_not_fished_for_digits(text):
    assert spacing_mm(text) is None


@pytest.mark.parametrize(
    ("case", "header", "message"),
    [
        ("13", "image,mask,text,finding", r"metadata\.csv, lines 3, 4: 5 cells under 4 columns"),
        ("29", "image,mask,finding,text", r"metadata\.csv, lines 3, 4: 5 cells under 4 columns"),
    ],
)
def test_13_29_an_unquoted_comma_is_refused_by_line(tmp_path, case, header, message):
    rows = ["a.png,m.png,one,two", "b.png,m.png,opacity, distal,fracture", "c.png,m.png,o,p,f"]
    (tmp_path / "metadata.csv").write_text("\n".join([header, *rows]))
    with pytest.raises(InputError, match=message):
        read_rows(tmp_path)


def test_29_empty_cells_beyond_the_last_column_are_left_alone(tmp_path):
    (tmp_path / "metadata.csv").write_text("image,mask,text\na.png,m.png,clear,,\n\nb.png\n")
    assert [row["text"] for row in read_rows(tmp_path)[:1]] == ["clear"]
    assert read_rows(tmp_path)[1]["mask"] == ""


def test_13_a_quote_that_is_never_closed_is_refused(tmp_path):
    (tmp_path / "metadata.csv").write_text('image,mask\n"a.png,m.png\nb.png,m.png\n')
    with pytest.raises(InputError, match="cannot be read as CSV"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("columns", "near"),
    [
        ("image,mask,lables", "no column 'labels', and 'lables', which is near, is not read"),
        (
            "image,mask,patient_id",
            "no column 'patient', and 'patient_id', which is near, is not read",
        ),
        ("Image,mask", "no column 'image', and 'Image', which is near, is not read"),
        ("image,mask,license", "no column 'licence', and 'license', which is near, is not read"),
    ],
)
def test_a_misspelt_column_is_told_with_the_one_that_is_near(tmp_path, columns, near):
    (tmp_path / "metadata.csv").write_text(f"{columns}\n")
    with pytest.raises(InputError, match=rf"metadata\.csv has {near}") as caught:
        read_rows(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("other", ["volume_ml", "age", "slice", "mask_file_name", "patients"])
def test_columns_of_others_are_left_alone(tmp_path, other):
    (tmp_path / "metadata.csv").write_text(f"image,mask,patient,{other}\na.png,m.png,p,1\n")
    assert read_rows(tmp_path)[0]["patient"] == "p"


def told(folder, text):
    (folder / "metadata.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        FolderSource(path=folder).build()
    return str(caught.value).replace(str(folder), "").splitlines()


def test_everything_wrong_with_a_header_is_told_at_once(tmp_path):
    lines = told(tmp_path, "Image,splt,splt,age\na,b,c,d,e\n")
    assert [line.split(",")[0].split(";")[0].removeprefix("/metadata.csv") for line in lines] == [
        " has no column 'image'",
        " has no column 'split'",
        " has no column 'mask'",
        ": column 'splt' stands there twice",
        "",
    ]
    assert lines[-1].startswith("/metadata.csv, line 2: 5 cells under 4 columns")


def test_everything_wrong_with_rows_is_told_at_once(tmp_path):
    rows = ["", "", "", "", f"{'x' * 300}.png", "b.png", "b.png"]
    splits = ["", "", "", "", "", "trian", "test"]
    table = [
        f"{row},m.png,{split},{'wide' * (split == 'test')}"
        for row, split in zip(rows, splits, strict=True)
    ]
    lines = told(tmp_path, "\n".join(["image,mask,split,spacing", *table]))
    assert lines[0].startswith("/metadata.csv, lines 2, 3, 4 and 1 more: the image column is empty")
    assert lines[1].startswith("/metadata.csv, line 6: the image column has a name of more than")
    assert lines[2].startswith("b.png is listed 2 times")
    assert lines[3].startswith("unknown split 'trian' in b.png; nearest known: 'train'")
    assert lines[4].startswith("b.png: spacing 'wide' is no number of mm")
    assert len(lines) == 5


def test_rows_that_are_wrong_are_told_with_a_domain_that_stays_unclear(tmp_path):
    lines = told(tmp_path, "image,mask,split,modality\na.png,m.png,trian,foto\n")
    assert "none of the known domains fits" in lines[0]
    assert lines[1].startswith("unknown split 'trian' in a.png")


@pytest.mark.parametrize("mark", [";", "\t"])
def test_12_a_table_with_semicolons_or_tabs_is_read(tmp_path, mark):
    lines = [["image", "mask", "spacing"], ["a.png", "m.png", "1,25"]]
    (tmp_path / "metadata.csv").write_text("\n".join(mark.join(line) for line in lines))
    columns, rows = read_table(tmp_path / "metadata.csv")
    assert columns == ("image", "mask", "spacing")
    assert spacing_mm(rows[0]["spacing"]) == (1.25, 1.25)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_17_label_maps_are_read_with_a_byte_order_mark(scene, encoding):
    Image.fromarray(scene.image).save(scene.folder / "a.png")
    Image.fromarray(scene.mask).save(scene.folder / "m.png")
    scene.table(("a.png", "m.png"))
    (scene.folder / "classes.json").write_text(json.dumps({"1": "nodule"}), encoding=encoding)
    assert scene.seen()[0][0] == {1: 192}


def test_a_label_map_nested_without_end_is_refused(tmp_path):
    (tmp_path / "classes.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_names(tmp_path)
