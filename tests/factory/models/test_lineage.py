"""What is said of a generator's past, from the card of its checkpoint."""

import json
from pathlib import Path

import factory
from factory.models.lineage import training_history

HERE = "9" * 64


def test_a_generator_says_what_it_had_seen():
    card = {"source_digest": HERE, "pairs": 97, "from": None}
    assert training_history(card, HERE) == (
        "the training split of this source, 97 pairs, and no other image; on the validation split "
        "its loss was watched"
    )
    other = training_history({**card, "from": "phantoms"}, "other")
    assert other.startswith("the training split of another source (999999999999), 97 pairs")
    assert other.endswith("whatever the checkpoint 'phantoms' had seen")


def test_a_part_of_a_union_is_no_other_source():
    card = {"source_digest": HERE, "pairs": 97, "from": None}
    told = training_history(card, "union", (HERE, "another part"))
    assert told.startswith("the training split of one part of this source, 97 pairs")


def test_what_is_not_known_is_not_claimed():
    assert training_history({}, HERE).startswith("not known")
    assert training_history(None, HERE).startswith("no image")


def test_the_checkpoint_that_ships_has_such_a_card():
    file = Path(factory.__file__).parent / "weights" / "phantoms" / "card.json"
    assert "another source (43edf4d47c42), 5600 pairs" in training_history(
        json.loads(file.read_text()), ""
    )
