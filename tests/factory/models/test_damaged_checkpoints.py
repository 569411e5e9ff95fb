"""A checkpoint whose files were changed is loaded or refused in a line, whatever a library raises."""

import json
import os
import shutil
from pathlib import Path

import pytest

import factory
from factory.errors import InputError
from factory.models.checkpoints import (
    CARD,
    SCHEDULER_CONFIG,
    UNET_CONFIG,
    load_components,
    read_card,
)

PACKAGED = Path(factory.__file__).parent / "weights" / "phantoms"
RECORDED = Path(__file__).parents[3] / "benchmarks" / "recorded"


@pytest.fixture
def folder(tmp_path):
    """The packaged checkpoint as links, each of which can be replaced."""
    return Path(shutil.copytree(PACKAGED, tmp_path / "model", copy_function=os.symlink))


def replaced(folder, name, content):
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(content)


def changed(folder, name, **changes):
    replaced(folder, name, json.dumps(json.loads((PACKAGED / name).read_text()) | changes))


CARDS = {
    "domains as a text": {"domains": "chest"},
    "a domain that lacks all": {"domains": [{}]},
    "domains that are none": {"domains": [1, None]},
    "an image of no size": {"image": {"size": "large", "channels": 1}},
    "ancestors that are none": {"ancestry": [{"source": 1}]},
}


@pytest.mark.parametrize("what", CARDS)
def test_a_card_that_says_what_no_card_does_is_refused(what, folder):
    changed(folder, CARD, **CARDS[what])
    with pytest.raises(InputError, match=r"card\.json is damaged") as caught:
        read_card(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "place", [PACKAGED, *sorted(RECORDED.glob("*/card.json"))], ids=lambda p: p.parent.name
)
def test_a_card_of_a_training_is_read(place):
    assert read_card(place if place.is_dir() else place.parent)["domains"]


JSON = {"deep": "[" * 100_000, "digits": '{"a": ' + "9" * 5000 + "}", "list": "[]", "nothing": ""}


@pytest.mark.parametrize("what", JSON)
def test_json_that_no_reader_takes_is_refused(what, folder):
    replaced(folder, UNET_CONFIG, JSON[what])
    with pytest.raises(InputError, match=r"config\.json"):
        load_components(folder)


def test_a_folder_in_place_of_a_file_is_refused(folder):
    (folder / UNET_CONFIG).unlink()
    (folder / UNET_CONFIG).mkdir()
    with pytest.raises(InputError, match=r"no unet/config\.json"):
        load_components(folder)


BROKEN = {
    "a tokenizer of another shape": ("tokenizer/tokenizer.json", '{"version": "1.0", "model": 3}'),
    "an encoder of words for numbers": ("text_encoder/config.json", '{"hidden_size": "wide"}'),
    "an unknown function": ("text_encoder/config.json", '{"hidden_act": "nothing"}'),
    "a schedule of no steps": (SCHEDULER_CONFIG, '{"num_train_timesteps": "many"}'),
    "an autoencoder of texts": ("vae/config.json", '{"block_out_channels": "wide"}'),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_a_library_cannot_build_is_refused_by_its_file(what, folder):
    name, content = BROKEN[what]
    replaced(folder, name, content)
    with pytest.raises(InputError) as caught:
        load_components(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
