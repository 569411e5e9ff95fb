"""A frozen list: alike, matched, without any word of the truth, and never another one."""

import io
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evaluation.lake.lake import Lake
from factory.errors import DamagedError, InputError
from flows.api import recipe_of
from flows.readers.answer_book import AnswerBook
from flows.readers.choice import matched
from flows.readers.freezing import Wanted, new_reading
from flows.readers.frozen_list import FrozenList, open_key
from tasks.reports.consents import record_consent
from tests.flows.readers.conftest import TINY, publish


def test_half_of_the_images_are_real_and_all_are_prepared_alike(reading, settings):
    key = open_key(reading, settings)
    assert Counter(truth.synthetic for truth in key.truths.values()) == {True: 6, False: 6}
    for item in reading.content.items:
        for pixels in (reading.image(item), reading.mask(item)):
            assert (pixels.shape, pixels.dtype) == ((32, 32), np.uint8)
        with Image.open(reading.folder / "images" / f"{item.id}.png") as picture:
            assert picture.info == {}
            assert (picture.mode, picture.format) == ("L", "PNG")


def test_synthetic_pixels_are_those_of_the_store(reading, settings):
    key, snapshot = open_key(reading, settings), TINY.snapshot(settings)
    for item, truth in key.truths.items():
        if truth.synthetic:
            pair = snapshot.read(np.array([truth.row]))
            assert (reading.image(reading.items[item]) == pair.images[0, ..., 0]).all()
            assert (reading.mask(reading.items[item]) == pair.masks[0]).all()


def test_the_folder_of_a_reading_holds_no_truth(reading, settings):
    """Nothing in it tells which are synthetic: no word, no order of names, no order of writing."""
    key = open_key(reading, settings)
    text = (reading.folder / "list.json").read_text()
    assert not any(word in text for word in ("synthetic", "real", "row", "seed", key.salt))
    files = sorted((reading.folder / "images").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert [file.stem for file in files] == sorted(key.truths)  # which are random
    assert settings.reading_keys not in reading.folder.parents
    assert (settings.reading_keys / "first.json").stat().st_mode & 0o077 == 0


def test_the_list_commits_to_its_key(reading, settings):
    file = settings.reading_keys / "first.json"
    told = json.loads(file.read_text())
    for truth in told["truths"].values():
        truth["synthetic"] = not truth["synthetic"]
    file.write_text(json.dumps(told))
    with pytest.raises(DamagedError, match="not the one that its list was frozen with"):
        open_key(reading, settings)


def test_each_reader_has_an_order_of_its_own_and_keeps_it(reading, settings):
    again = FrozenList.open("first", settings)
    assert again.digest == reading.digest
    assert again.order("anna") == reading.order("anna")
    assert again.order("anna") != again.order("bo")
    assert sorted(again.order("anna")) == sorted(reading.items)


def test_a_changed_image_is_told_and_its_answers_stay(reading, settings):
    item = reading.content.items[0]
    other = io.BytesIO()
    Image.new("L", (32, 32)).save(other, format="png")
    (reading.folder / "images" / f"{item.id}.png").write_bytes(other.getvalue())
    with pytest.raises(DamagedError, match="changed after it was frozen"):
        FrozenList.open("first", settings)


def test_a_list_that_was_changed_throughout_is_not_the_one_that_was_begun(reading, settings):
    """Somebody leaves an image out, files and all: the list agrees with itself, not with its answers."""
    file = reading.folder / "list.json"
    told = json.loads(file.read_text())
    told["items"] = told["items"][1:]
    file.write_text(json.dumps(told))
    with pytest.raises(DamagedError, match="changed after it was frozen"):
        AnswerBook(FrozenList.open("first", settings)).answers()


def test_a_text_says_the_same_of_real_and_synthetic_images(settings):
    made = new_reading(TINY, Wanted(images=12, question="text"), settings)
    key = open_key(made, settings)
    told = Counter((item.text, key.truths[item.id].synthetic) for item in made.content.items)
    assert made.name == "tiny-v1"
    assert told == {
        (f"{finding}; shows lesion", synthetic): 3
        for finding in ("benign", "malignant")
        for synthetic in (True, False)
    }
    assert made.mask(made.content.items[0]) is None


def test_real_pixels_are_shown_only_where_the_recipe_lets_them(shown, tmp_path):
    settings = publish(tmp_path / "home", shown | {"show_real": False})
    with pytest.raises(InputError, match="show_real: false") as told:
        new_reading(TINY, Wanted(), settings)
    assert "\n" not in str(told.value)
    assert not settings.readings.exists()


def test_what_the_recipe_said_last_holds_for_versions_made_before(shown, tmp_path):
    settings = publish(tmp_path / "home", shown | {"show_real": False})
    lake = Lake(settings.lake)
    for said in (True, True, False):
        record_consent(lake, "tiny", said)
        assert recipe_of(TINY, settings).show_real is said
        if said:
            name = f"after-{len(list(settings.home.glob('readings/*')))}"
            assert new_reading(TINY, Wanted(images=12, name=name), settings).name == name
    with pytest.raises(InputError, match="show_real: false"):
        new_reading(TINY, Wanted(images=12, name="refused"), settings)
    assert list(lake.read("consents").sort_values("recorded_at")["show_real"]) == [True, False]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(images=12, name="first"), "already"),
        (Wanted(images=40, name="more"), "give --images 16"),
        (Wanted(images=7, name="odd"), "an even number"),
        (Wanted(name="a/b"), "not a plain name"),
    ],
    ids=["twice", "too many", "odd", "path"],
)
def test_what_cannot_be_frozen_is_told_in_a_line(reading, settings, wanted, why):
    with pytest.raises(InputError, match=why) as told:
        new_reading(TINY, wanted, settings)
    assert "\n" not in str(told.value)
    assert [path.name for path in settings.readings.iterdir()] == ["first"]


def test_domains_and_kinds_take_turns():
    rows = pd.DataFrame({"domain": list("aaaaab"), "kind": list("xxxxyx"), "row": range(6)})
    real = rows.rename(columns={"row": "at"}).iloc[[0, 1, 4, 5]]
    found = matched(rows, real, np.random.default_rng(0))
    told = list(zip(found["domain"], found["kind"], strict=True))
    assert told == [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")]
    assert set(found["row"]) <= set(rows["row"])
