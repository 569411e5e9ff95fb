from pathlib import Path

import pytest

from factory.training.resume import save_whole


def test_a_save_that_is_killed_leaves_nothing_that_passes_for_finished(tmp_path: Path) -> None:
    def killed(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    done = tmp_path / "vae"
    with pytest.raises(KeyboardInterrupt):
        save_whole(killed, done)
    assert not done.exists()

    def finished(folder: Path) -> None:
        (folder / "weights").write_text("all of them")

    save_whole(finished, done)
    assert [file.name for file in done.iterdir()] == ["weights"]
    assert [file.name for file in tmp_path.iterdir()] == ["vae"]
