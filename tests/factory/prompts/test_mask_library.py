"""Masks of training pairs, given to prompts; the pairs are few enough to know them."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from factory.errors import InputError
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.library import MaskLibrary
from factory.prompts.masks.section import MasksSection
from factory.prompts.prompt import Prompt
from factory.prompts.section import GridSection
from factory.prompts.table import PromptTable
from factory.vocabulary import load_vocabulary

CHEST = load_vocabulary().domains["phantom-chest-xray"]
LUNGS = ("left lung", "right lung")
ILL = "pneumonia"
STILL = {"rotate": 0, "scale": 0, "shift": 0, "elastic": 0}


def real(count=4, side=32):
    """Two lungs that move down from pair to pair; every other pair has pneumonia."""
    masks = np.zeros((count, side, side), np.uint8)
    for i in range(count):
        masks[i, 8 + i : 20 + i, 4:12], masks[i, 8 + i : 20 + i, 20:28] = 1, 2
    facets = pd.DataFrame(
        {
            "name": [f"pair-{i}" for i in range(count)],
            "domain": CHEST.name,
            "finding": [["normal", ILL][i % 2] for i in range(count)],
        }
    )
    return PairBatch.of(np.zeros((count, side, side, 1), np.uint8), masks, facets)


PAIRS = real()


def library(pairs=PAIRS, **section):
    return MaskLibrary.of(pairs, {CHEST.name: CHEST}, MasksSection(**section))


def grid(pairs=PAIRS, masks=STILL, finding=("",), replicates=4, **changes):
    facets = {"finding": list(finding), **changes.pop("facets", {})}
    section = GridSection.model_validate(
        {"facets": facets, "masks": masks, "replicates": replicates, **changes}
    )
    asked = PromptGrid(section, {CHEST.name: CHEST})
    return asked if masks is None else asked.painting(library(pairs, **masks))


def origins(prompts):
    return [prompt.mask_origin[0] for prompt in prompts]


def test_a_finding_takes_masks_of_its_own_pairs_and_none_takes_all():
    assert sorted(origins(grid(finding=[ILL], replicates=2))) == ["pair-1", "pair-3"]
    assert sorted(origins(grid())) == [f"pair-{i}" for i in range(4)]


def test_replicates_take_turns_and_more_of_them_change_no_prompt():
    few, many = grid(replicates=3), grid(replicates=9)
    assert list(many)[:3] == list(few)
    assert origins(many)[4:8] == origins(many)[:4]
    assert len({prompt.seed for prompt in many}) == 9


def test_the_mask_is_no_condition_but_belongs_to_the_identity():
    (prompt,) = grid(replicates=1, facets={"view": ["frontal"]})
    assert prompt.conditioning == (("view", "frontal"),)
    assert "pair" not in prompt.image_text + prompt.mask_text
    told = prompt.facets()
    assert told["mask_warp"] == "none"
    assert told["mask_from"] == prompt.mask_origin[0]
    (turned,) = grid(masks=STILL | {"rotate": 5}, replicates=1)
    assert turned.facets()["mask_warp"] == "rotate 5"
    assert turned.digest != prompt.digest


def test_a_grid_without_masks_is_called_what_it_was():
    assert "masks" not in GridSection().model_dump()
    kept = GridSection(masks=MasksSection()).model_dump(mode="json", by_alias=True)
    assert kept["masks"]["from"] == "train"
    assert GridSection.model_validate(kept).masks == MasksSection()
    plain = grid(masks=None)
    assert plain[0].mask_origin is None
    assert plain.digest[:16] == "f9e567cab9f8d42b"  # before masks could be given


def test_what_a_warp_follows_from_is_in_the_digest():
    first = grid()
    assert grid().digest == first.digest
    assert grid(masks=STILL | {"elastic": 0.01}).digest != first.digest
    # One pixel of one mask changes that mask; one that widens the ranges changes them all.
    masks = PAIRS.masks.copy()
    masks[2, 9:11, 5] = 2
    assert grid(replace(PAIRS, masks=masks)).digest != first.digest


def test_masks_come_back_as_they_were_without_a_warp():
    prompts = list(grid())
    found = library(**STILL).warped(prompts, [prompt.seed for prompt in prompts])
    for name, mask in zip(origins(prompts), found, strict=True):
        np.testing.assert_array_equal(mask, PAIRS.masks[int(name[-1])])


def test_a_warp_is_the_same_in_any_company_and_on_another_machine():
    asked = grid(masks={}, replicates=6)
    prompts, seeds = list(asked), [prompt.seed for prompt in asked]
    found = asked.mask_library.warped(prompts, seeds)
    assert any(not (mask == PAIRS.masks).all((1, 2)).any() for mask in found)
    there = pickle.loads(pickle.dumps(asked.mask_library))
    read, _ = PromptTable().extend(asked)
    order = [5, 0, 3]
    again = there.warped([read[i] for i in order], [seeds[i] for i in order])
    np.testing.assert_array_equal(again, found[order])


def test_only_the_masks_in_use_travel():
    used = grid(replicates=2)
    assert {mask.name for mask in used.mask_library.masks} == set(origins(used))


def test_pairs_without_a_mask_give_none():
    known = library(replace(PAIRS, has_mask=np.array([True, False, True, True])))
    assert [mask.name for mask in known.masks] == ["pair-0", "pair-2", "pair-3"]


def test_classes_follow_the_mask_unless_they_are_named():
    masks = PAIRS.masks.copy()
    masks[0][masks[0] == 2] = 0
    pairs = replace(PAIRS, masks=masks)
    shown = {prompt.mask_origin[0]: prompt.classes for prompt in grid(pairs)}
    assert shown == {"pair-0": LUNGS[:1], **{f"pair-{i}": LUNGS for i in (1, 2, 3)}}
    named = grid(pairs, facets={"classes": [";".join(LUNGS)]}, replicates=3)
    assert sorted(origins(named)) == ["pair-1", "pair-2", "pair-3"]


def test_what_no_training_mask_shows_is_refused():
    with pytest.raises(InputError, match="no training pair of phantom-chest-xray shows just heart"):
        grid(facets={"classes": ["heart"]})
    with pytest.raises(InputError, match="with finding 'cardiomegaly' has a mask") as told:
        grid(finding=["cardiomegaly"])
    assert "\n" not in str(told.value)


def test_a_prompt_without_a_mask_of_the_library_is_a_fault():
    stranger = Prompt.about(CHEST, CHEST.classes)
    with pytest.raises(InputError, match="no mask of the training pairs as they are now"):
        library().warped([stranger], [0])
    with pytest.raises(ValueError, match="painting"):
        PromptGrid(GridSection(masks=MasksSection()), {CHEST.name: CHEST})[0]
