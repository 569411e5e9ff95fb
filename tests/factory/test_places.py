"""Paths of a table: none that no file can have, none that leads out of the folder."""

import pytest

from factory.errors import InputError
from factory.places import leads_out, path_fault
from factory.sources.folder import FolderSource

IMPOSSIBLE = {
    "a" * 256: "more than 255 bytes",
    "\u00e9" * 128: "more than 255 bytes",  # two bytes each
    "/".join(["a" * 100] * 60): "more than 4095 bytes",
    "a\0b": "NUL",
    "\ud800": "no file system stores",
}


@pytest.mark.parametrize("number", range(len(IMPOSSIBLE)))
def test_a_path_that_no_file_has_is_named(number, tmp_path):
    text, words = list(IMPOSSIBLE.items())[number]
    assert words in path_fault(tmp_path, text)


def test_a_path_of_a_file_has_no_fault(tmp_path):
    assert not path_fault(tmp_path, "images/" + "a" * 255)
    assert not path_fault(tmp_path, "\udcff.png")  # bytes that are no UTF-8, as listings give them


def test_only_what_leaves_the_folder_leads_out(tmp_path):
    for inside in ("a.png", "a/../b.png", "./a.png", "a/b/../../c.png"):
        assert not leads_out(tmp_path, tmp_path / inside)
    for outside in ("../a.png", "a/../../b.png", "/etc/passwd", "..", f"../{tmp_path.name}x/a"):
        assert leads_out(tmp_path, tmp_path / outside)


@pytest.mark.parametrize("column", ["image", "mask"])
@pytest.mark.parametrize("path", ["../other.png", "/etc/passwd", "a/../../other.png#1"])
def test_a_table_may_name_only_files_of_its_folder(column, path, tmp_path):
    cells = {"image": "a.png", "mask": "m.png", column: path}
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "metadata.csv").write_text(
        "image,mask,modality,anatomy,labels\n"
        f"{cells['image']},{cells['mask']},ultrasound,breast,breast tumor\n"
    )
    (folder / "classes.json").write_text('{"1": "breast tumor"}')
    with pytest.raises(
        InputError, match=r"names 1 files outside of its folder, the first .*outside: true"
    ):
        FolderSource(path=folder).build()
    assert FolderSource(path=folder, outside=True).build().cases


def test_a_recipe_that_says_nothing_of_it_keeps_its_record(tmp_path):
    assert "outside" not in FolderSource(path=tmp_path).model_dump()
    assert FolderSource(path=tmp_path, outside=True).model_dump()["outside"]
