from pathlib import Path

from factory.visible_files import visible


def test_what_desktops_leave_is_not_listed(tmp_path: Path) -> None:
    names = ["b.png", "a.png", "._a.png", ".DS_Store", "Thumbs.db", "__MACOSX/a.png", ".git/c.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in visible(tmp_path)] == ["a.png", "b.png"]
    found = (path for path in tmp_path.rglob("*") if path.is_file())
    assert [path.name for path in visible(tmp_path, found)] == ["a.png", "b.png"]
    assert visible(tmp_path / "missing") == []
