import numpy as np
import pandas as pd

from evaluation.pairs import Block, Pairs, by_domain, column, domain_of, take, units_of, with_masks
from factory.pairs import PairBatch


def test_the_factorys_batches_are_pairs(discs):
    batch = PairBatch.of(discs(2).images, discs(2).masks, discs(2).facets)
    assert isinstance(batch, Pairs)
    assert isinstance(discs(2), Pairs)
    np.testing.assert_array_equal(take(batch, np.array([1])).images, batch.images[1:])


def test_taking_numbers_the_rows_afresh(discs):
    part = take(discs(4), np.array([False, True, False, True]))
    assert part.facets["patient"].tolist() == ["p1", "p3"]
    assert part.facets.index.tolist() == [0, 1]


def test_a_blank_patient_is_its_own_unit(discs):
    block = discs(5)
    facets = block.facets.assign(patient=["a", "", "a", "", None])
    units = units_of(Block(block.images, block.masks, facets, block.spacing_mm, block.has_mask))
    assert units[0] == units[2]
    assert len(set(units)) == 4


def test_a_volume_called_as_the_number_of_a_row_is_no_unit_with_it(discs):
    block = discs(3)
    facets = block.facets.assign(patient="", volume=["2", "", ""])
    units = units_of(Block(block.images, block.masks, facets, block.spacing_mm, block.has_mask))
    assert len(set(units)) == 3


def test_pairs_without_facets_are_one_domain_of_single_units(discs):
    block = discs(3)
    bare = pd.DataFrame(index=range(3))
    bare = Block(block.images, block.masks, bare, block.spacing_mm, block.has_mask)
    assert domain_of(bare).tolist() == ["", "", ""]
    assert len(set(units_of(bare))) == 3


def test_a_column_of_nothing_is_blank(discs):
    block = discs(2)
    block.facets["patient"] = np.nan
    assert column(block, "patient").tolist() == ["", ""]
    assert len(set(units_of(block))) == 2


def test_domains_come_in_order_of_name(discs):
    block = discs(3)
    block.facets["domain"] = ["b", "a", "b"]
    assert [(name, at.tolist()) for name, at in by_domain(block)] == [("a", [1]), ("b", [0, 2])]


def test_absent_masks_are_left_out_and_empty_ones_are_not(discs):
    block = discs(3)
    block.masks[1] = 0
    block.has_mask[2] = False
    assert len(with_masks(block)) == 2
