"""Where one pair comes from, and the command that makes it again."""

import shlex

import numpy as np
from PIL import Image

from factory.store.repository import MAIN, arrays


def test_where_a_pair_comes_from_and_its_command_makes_it_again(
    medpair, place, tmp_path, monkeypatch
):
    told = medpair("datasets", "show", "tiny@v2", "--pair", "2", "--home", place.folder, "--json")
    assert told.code == 0, told.err
    origin, snapshot = told.json, place.store.snapshot("v2")
    prompt = snapshot.table[2]
    assert (origin["seed"], origin["prompt"]) == (prompt.seed, prompt.digest)
    assert origin["texts"] == [prompt.image_text, prompt.mask_text]
    assert origin["verdict"] in ("accepted", "rejected")
    assert origin["facets"]["finding"] == "benign"
    assert origin["mask"] == "drawn by the generator"
    assert origin["generator"] == f"phantom {snapshot.attributes['generator']}"
    assert "draws by rule" in origin["checkpoints"]["no checkpoint"]
    assert origin["scores"] == {"nearest_distance": 0.25}
    assert origin["checksum"] == f"{int(snapshot.checksum[2]):016x}, as written"
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(origin["again"])
    assert program == "medpair"
    made = medpair(*words)
    assert made.code == 0, made.err
    assert "the same to the bit" in made.out
    pair = snapshot.read(np.array([2]))
    for file, pixels in (("image", pair.images[0, ..., 0]), ("mask", pair.masks[0])):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "pair-2" / f"{file}.png")), pixels)
    assert medpair(*words).code == 2  # the folder holds something now


def test_every_word_of_a_pair_is_printed(medpair, place):
    said = medpair("datasets", "show", "tiny", "--pair", "2", "--home", place.folder)
    words = " ".join(said.out.split())
    for name in ("verdict:", "text of the image: a photo of", "seed:", "made again by: medpair"):
        assert name in words


def test_a_damaged_pair_is_called_so_and_a_row_that_is_not_there_is_refused(medpair, place):
    session = place.store.writable(MAIN)
    arrays(session)["image"][3, 5, 5] ^= 1
    place.store.commit(session, "damage", {})
    told = medpair("datasets", "show", "tiny", "--pair", "3", "--home", place.folder, "--json")
    assert told.json["checksum"].endswith("its bytes are DAMAGED")
    said = medpair("datasets", "show", "tiny", "--pair", "12", "--home", place.folder)
    assert (said.code, len(said.lines)) == (2, 1)
    assert "its rows are 0 to 11" in said.lines[0]
