"""Pieces, holes and halves of regions drawn by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from factory.attention_maps.regions import (
    heaviest,
    midline,
    pieces,
    sides,
    without_holes,
    without_specks,
)


def drawn(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def test_pieces_are_largest_first_and_meet_at_corners():
    assert [int(p.sum()) for p in pieces(drawn("#...##", ".#..##", "......"))] == [4, 2]
    assert pieces(drawn("...")) == []


def test_specks_are_dropped_by_their_share():
    region = drawn("##..", "##..", "...#")  # 4 of 12 and 1 of 12
    assert without_specks(region, 1 / 12).sum() == 5
    assert without_specks(region, 0.1).sum() == 4
    assert without_specks(region, 0.5).sum() == 0


def test_the_pieces_most_looked_at_are_kept_not_the_largest():
    region = np.zeros((6, 9), bool)
    region[:, :4] = True  # 24 pixels, looked at by 0.1 each
    region[2:4, 6:8] = True  # 4 pixels, by 0.9
    scores = np.where(np.arange(9) < 5, 0.1, 0.9).astype(np.float32) * np.ones((6, 1), np.float32)
    kept = heaviest(region, scores, 1)
    assert kept.sum() == 4
    assert kept[2, 6]
    np.testing.assert_array_equal(heaviest(region, scores, 2), region)
    np.testing.assert_array_equal(heaviest(region, scores, None), region)


def test_holes_are_filled_where_nothing_else_lies():
    ring = drawn("#####", "#...#", "#####")
    fillable = np.ones_like(ring)
    fillable[1, 2] = False  # an opacity inside the lung
    filled = without_holes(ring, fillable)
    assert filled.sum() == 14
    assert not filled[1, 2]
    bay = drawn("####", "#...", "####")  # open at the right
    np.testing.assert_array_equal(without_holes(bay, np.ones_like(bay)), bay)


def test_separate_halves_are_divided_at_the_gap_between_them():
    lungs = drawn("##....##.", "##....##.", "##....##.")
    left, right = sides(lungs)
    assert left.sum() == right.sum() == 6
    assert left[:, :2].all()


def test_halves_grown_together_are_cut_at_the_waist():
    # The bridge is one pixel high, at columns 3 to 5; its middle is nearest the centre.
    lungs = drawn("###...###", "#########", "###...###")
    assert midline(lungs) in (4, 5)
    left, right = sides(lungs)
    assert left.sum() + right.sum() == 21
    assert abs(int(left.sum()) - int(right.sum())) == 1
    assert not left[:, 5:].any()


def test_a_slanted_half_keeps_its_tip_beyond_the_midline():
    lungs = drawn(
        "##........##",
        "#####.....##",
        "#######...##",
        "######....##",
        "#####.....##",
    )
    left, right = sides(lungs)
    assert left.sum() == 25
    assert right.sum() == 10


def test_one_half_alone_leaves_the_other_empty():
    left, right = sides(drawn("##......", "###.....", "##......"))
    assert left.sum() == 7
    assert right.sum() == 0
    assert not np.logical_or(*sides(drawn("....", "...."))).any()


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 9))))
def test_halves_part_the_region(region):
    left, right = sides(region)
    assert not (left & right).any()
    np.testing.assert_array_equal(left | right, region)
    assert 0 <= midline(region) <= region.shape[1]
