"""Paths of a table: none that no file can have, none that leads out of the folder."""

import errno
import os

import pytest

from factory.errors import InputError
from factory.places import check_empty, leads_out, named_place, path_fault, whole_folder
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


def test_what_the_file_system_says_against_a_place_is_told(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for place in ("a" * 300, "a\0b", "\ud800", "file/below", "loop/below", "file"):
        with pytest.raises(InputError) as caught, named_place(tmp_path / place):
            (tmp_path / place).mkdir()
        assert "another place" in str(caught.value)


def test_a_pipe_is_refused_before_anybody_waits_for_its_reader(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for place in ("pipe", "link"):
        with pytest.raises(InputError, match="is a pipe"), named_place(tmp_path / place):
            pytest.fail("the block was entered")


def test_a_full_disk_is_no_fault_of_the_place(tmp_path):
    with pytest.raises(OSError, match="full"), named_place(tmp_path):
        raise OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_whole_or_as_it_was(there, tmp_path):
    folder = tmp_path / "deep" / "out"
    if there:
        (folder / ".git").mkdir(parents=True)

    def interrupted():
        with whole_folder(folder) as made:
            (made / "half.png").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert folder.exists() == there
    with whole_folder(folder) as made:
        (made / "masks").mkdir()
        (made / "masks" / "a.png").touch()
        check_empty(folder)
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert kept == {"masks", "masks/a.png"} | ({".git"} if there else set())


def test_a_folder_is_empty_but_for_what_desktops_leave(tmp_path):
    (tmp_path / ".DS_Store").touch()
    check_empty(tmp_path)
    check_empty(tmp_path / "new")
    (tmp_path / "mine.png").touch()
    for full in (tmp_path, tmp_path / "mine.png"):
        with pytest.raises(InputError, match="is not empty"):
            check_empty(full)
