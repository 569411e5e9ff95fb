"""A picture of pairs before a run, of a trained generator or one without weights."""

import pytest
import yaml
from PIL import Image

RECIPE = {
    "format": 1,
    "name": "few",
    "source": {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 6, "val": 4},
    "image": {"size": 32},
    "generator": {"kind": "phantom"},
    "grid": {"facets": {"finding": ["all"]}, "replicates": 3},
    "evaluate": {"judge_steps": 2},
}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "few.yaml"
    file.write_text(yaml.safe_dump(RECIPE))
    return file


def test_a_few_pairs_become_a_picture_and_nothing_is_kept(path, medpair, tmp_path):
    out, home = tmp_path / "out" / "few.png", tmp_path / "home"
    said = medpair("preview", path, "--number", 4, "--out", out, "--json", "--home", home)
    assert said.code == 0, said.err
    assert said.json == {"picture": str(out), "pairs": 4}
    with Image.open(out) as picture:
        assert picture.width > 100
    assert not home.exists()


def test_a_generator_that_is_not_trained_has_nothing_to_show(path, medpair, tmp_path):
    train = ("--set", "generator={kind: medsegfactory, preset: tiny, train: {steps: 2}}")
    said = medpair("preview", path, *train, "--home", tmp_path / "home")
    assert said.code == 2
    assert "is not trained" in said.lines[-1]
