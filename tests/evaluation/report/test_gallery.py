import re

import numpy as np
import pandas as pd

from evaluation.report.gallery import (
    Beside,
    accepted_shelves,
    cards,
    outlines,
    rejected_shelf,
    tile,
)
from evaluation.report.page import page

CLASSES = {"discs": ("disc",)}


def numbers(count):
    return pd.DataFrame(
        {
            "dice": np.linspace(0.1, 0.9, count),
            "nearest": np.arange(count) % 3,
            "nearest_distance": 0.5,
            "copied": False,
        }
    )


def numbered(pairs, start=40):
    pairs.facets["row"] = np.arange(start, start + len(pairs))
    return pairs


def test_best_typical_and_worst_pairs_are_named_by_their_row(discs):
    pairs = numbered(discs(9))
    best, typical, worst = accepted_shelves(pairs, Beside(CLASSES, numbers(9), discs(3)))
    assert [card.name for card in best.cards] == ["row 48", "row 47"]
    assert typical.cards[0].name == "row 44"
    assert [card.name for card in worst.cards] == ["row 40", "row 41", "row 42", "row 43"]
    assert "Dice 0.900" in best.cards[0].notes
    assert [tile.label for tile in best.cards[0].tiles] == ["image", "mask", "nearest real"]


def test_no_real_pixels_where_they_may_not_be_shown(discs):
    best, *_ = accepted_shelves(numbered(discs(5)), Beside(CLASSES, numbers(5)))
    assert [tile.label for tile in best.cards[0].tiles] == ["image", "mask"]


def test_pairs_without_a_judge_are_drawn_at_random(discs):
    (shelf,) = accepted_shelves(discs(6), Beside(CLASSES, pd.DataFrame()))
    assert len(shelf.cards) == 4
    assert accepted_shelves(discs(0), Beside(CLASSES, pd.DataFrame())) == ()


def test_rejected_pairs_say_why_and_of_many_reasons_each_is_shown(discs):
    reasons = ["near copy"] * 5 + ["asked class absent"]
    shelf = rejected_shelf(numbered(discs(6)), reasons, Beside(CLASSES, numbers(6), discs(3)))
    assert "4 of 6" in shelf.caption
    told = {card.notes[0] for card in shelf.cards}
    assert told == {"rejected: near copy", "rejected: asked class absent"}


def test_a_mask_is_an_outline_along_its_pixels():
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 3:7] = 1
    (line,) = outlines(mask, ("disc",))
    xy = np.array(re.findall(r"([\d.]+) ([\d.]+)", line.path), float)
    assert (xy[:, 0].min(), xy[:, 0].max()) == (3.0, 7.0)
    assert (xy[:, 1].min(), xy[:, 1].max()) == (2.0, 6.0)
    assert (line.name, line.colour) == ("disc", "#ffb74d")
    # A class at the border is closed there, and one without a name has its number.
    (edge,) = outlines(np.ones((4, 4), np.uint8), ())
    assert edge.name == "class 1"
    assert edge.path.endswith("Z")


def test_large_images_are_made_smaller_and_outlines_keep_their_pixels(discs):
    found = tile(np.zeros((600, 300, 1), np.uint8), "image", "black")
    assert (found.width, found.height) == (300, 600)
    assert len(found.source) < 2000


def test_alternative_texts_say_what_is_to_be_seen(discs):
    pairs = numbered(discs(1))
    (card,) = cards(pairs, np.array([0]), Beside(CLASSES, pd.DataFrame()))
    assert card.tiles[0].alt.startswith("Synthetic image, discs")
    assert card.tiles[1].alt == "The same image with the outline of disc"
    assert "fill: none" in page("style.css.j2")
