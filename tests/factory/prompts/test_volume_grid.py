"""Prompts of volumes: every slice follows from its volume and its number, whoever asks for it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from factory.images import ImageSection
from factory.prompts.grid import PromptGrid
from factory.prompts.masks.library import MaskLibrary
from factory.prompts.masks.section import MasksSection
from factory.prompts.masks.warps import classes_shown
from factory.prompts.place import Place
from factory.prompts.section import GridSection
from factory.prompts.table import PromptTable
from factory.prompts.volume_grid import VolumeGrid
from factory.sources.volumes.anatomy import DOMAIN
from factory.sources.volumes.phantom import PhantomVolumeSource

STILL = {"rotate": 0, "scale": 0, "shift": 0, "elastic": 0}
DOMAINS = {DOMAIN.name: DOMAIN}
TRAIN = PhantomVolumeSource(train=4, slices=6).build().read("train", ImageSection(size=32))


def grid(masks=None, replicates=3, coherence=6.0, **changes):
    section = GridSection.model_validate(
        {"masks": masks or {}, "unit": "volume", "replicates": replicates, **changes}
    )
    library = MaskLibrary.of_volumes(TRAIN, DOMAINS, section.masks)
    return VolumeGrid(PromptGrid(section, DOMAINS).painting(library), coherence)


def test_a_volume_is_all_of_its_slices_in_order():
    asked = grid()
    places = [prompt.place for prompt in asked]
    assert len(asked) == 18
    assert [place.slice for place in places] == 3 * list(range(6))
    assert [
        len(set(names)) for names in zip(*[iter(p.volume for p in places)] * 6, strict=True)
    ] == [1] * 3
    assert len({place.volume for place in places}) == 3
    assert {(place.slices, round(place.slice_mm, 3)) for place in places} == {(6, 21.333)}


def test_a_slice_asks_for_the_classes_that_the_mask_shows_there():
    asked = grid(STILL)
    masks = asked.mask_library.warped(list(asked), [prompt.seed for prompt in asked])
    for prompt, shown in zip(asked, classes_shown(masks), strict=True):
        assert prompt.classes == tuple(DOMAIN.classes[index - 1] for index in sorted(shown))
    # Masks as they are: each volume is one of the training set.
    real = {tuple(TRAIN.masks[at : at + 6].ravel()) for at in range(0, 24, 6)}
    assert {tuple(masks[at : at + 6].ravel()) for at in range(0, 18, 6)} <= real


def test_one_warp_bends_all_slices_of_a_volume_and_another_bends_the_next():
    asked = grid(replicates=5)  # four masks take turns: the fifth has that of the first
    masks = asked.mask_library.warped(list(asked), [0] * len(asked))
    first, fifth = masks[:6], masks[24:]
    assert asked[0].mask_origin == asked[24].mask_origin
    assert (first != fifth).any((1, 2)).all()
    alone = asked.mask_library.warped([asked[3]], [99])
    np.testing.assert_array_equal(alone[0], first[3])


def test_the_seed_of_a_volume_is_its_name_and_no_slice_needs_the_others():
    asked = grid()
    place = asked[7].place
    assert place.volume == f"{place.seed:016x}"
    assert Place.of(dict(asked[7].extra)) == place
    assert pickle.loads(pickle.dumps(asked[7])) == asked[7]
    more = grid(replicates=4)
    assert list(more)[:18] == list(asked)


def test_noise_goes_from_node_to_node():
    asked = grid(coherence=2.0)
    noise = [prompt.place.noise for prompt in asked[:6]]
    assert [share for _, _, share in noise] == [0, 0.5, 0, 0.5, 0, 0.5]
    assert noise[0][:2] == noise[1][:2]
    assert noise[1][1] == noise[2][0]  # where one way ends the next begins
    assert noise[2][:2] == noise[3][:2] != noise[0][:2]
    assert len({prompt.place.noise for prompt in asked}) == 18


def test_every_slice_has_detail_of_its_own_whatever_the_coherence():
    detail = [prompt.place.detail for prompt in grid()]
    assert len(set(detail)) == 18
    assert detail == [prompt.place.detail for prompt in grid(coherence=2.0)]


def test_nothing_of_the_place_is_a_condition():
    prompt = grid()[0]
    assert prompt.conditioning == ()
    assert (
        prompt.image_text == f"a photo of {DOMAIN.title} image, with {', '.join(prompt.classes)}."
    )


def test_a_table_keeps_volumes_in_rows_and_columns():
    asked = grid()
    table, rows = PromptTable().extend(asked)
    np.testing.assert_array_equal(rows, np.arange(18))
    assert [table[row] for row in rows] == list(asked)
    assert not len(table.altered())


def test_the_digest_changes_with_what_changes_pixels():
    digests = {
        each.digest
        for each in (grid(), grid(coherence=3.0), grid(replicates=2), grid(STILL), grid(seed=1))
    }
    assert len(digests) == 5
    assert grid().digest == grid().digest


def test_findings_choose_among_the_volumes():
    asked = grid(facets={"finding": ["lesion"]}, replicates=2)
    lesions = TRAIN.facets.loc[TRAIN.facets["finding"] == "lesion", "volume"]
    assert {prompt.mask_origin[0] for prompt in asked} == set(lesions)
    assert any("lesion" in prompt.classes for prompt in asked)


def test_spacing_is_that_of_the_volume_the_mask_is_of():
    asked = grid()
    np.testing.assert_allclose(asked.mask_library.spacing_mm(list(asked)), np.full((18, 2), 10))


def test_orientation_is_that_of_the_volume_the_mask_is_of():
    assert {prompt.place.orientation for prompt in grid()} == {"LPS"}
    sagittal = replace(TRAIN, facets=TRAIN.facets.assign(orientation="PIR"))
    library = MaskLibrary.of_volumes(sagittal, DOMAINS, MasksSection())
    section = GridSection.model_validate({"masks": {}, "unit": "volume", "replicates": 3})
    asked = VolumeGrid(PromptGrid(section, DOMAINS).painting(library), 6.0)
    assert {prompt.place.orientation for prompt in asked} == {"PIR"}
    # The same volumes: where they lie in the patient draws nothing else.
    assert [p.place.noise for p in asked] == [p.place.noise for p in grid()]


def test_a_slice_of_a_store_that_kept_no_orientation_has_none():
    told = dict(grid()[0].extra)
    del told["orientation"]
    assert Place.of(told).orientation == ""


def test_volumes_without_masks_are_refused_in_a_line():
    with pytest.raises(ValidationError, match=r"no masks are given: add grid\.masks"):
        GridSection(unit="volume")


def test_older_grids_are_recorded_as_they_were():
    assert set(GridSection().model_dump()) == {
        "facets", "exclude", "replicates", "seed", "retrieve"
    }  # fmt: skip
    kept = GridSection(unit="volume", masks=MasksSection(), coherence=4).model_dump(mode="json")
    assert (kept["unit"], kept["coherence"]) == ("volume", 4)
