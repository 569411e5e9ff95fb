from dataclasses import replace

import numpy as np
import pytest

from evaluation.metrics.pixels.regions import REGIONS

NAMES = ("region_contrast", "contour_gradient", "region_spread")
DOMAINS = ["phantom-chest-xray", "phantom-breast-us", "phantom-fluorescence", "phantom-cardiac-mri"]


def shuffled(pairs):
    return replace(pairs, masks=np.roll(pairs.masks, 1, axis=0))


def moved(pairs, by):
    masks = np.zeros_like(pairs.masks)
    masks[:, by:, by:] = pairs.masks[:, :-by, :-by]
    return replace(pairs, masks=masks)


@pytest.mark.parametrize("domain", DOMAINS)
def test_masks_on_the_wrong_tissue_are_noticed(domain, phantoms, measured):
    made, train, held_out = phantoms(domain)
    right = measured(REGIONS, made, train, held_out)
    for name in NAMES:
        assert right[name].value < 2 * right[f"{name}_real"].high
        assert right[name].value < 0.7
    for wrong in (shuffled(made), moved(made, 4)):
        found = measured(REGIONS, wrong, train, held_out)
        beyond = [
            name
            for name in NAMES
            if found[name].low > max(right[name].high, found[f"{name}_real"].high)
        ]
        assert "contour_gradient" in beyond
        assert len(beyond) >= 2


def test_wrong_masks_on_real_films_are_noticed(films, measured):
    made, train, held_out = films
    right = measured(REGIONS, made, train, held_out)
    for wrong in (shuffled(made), moved(made, 4)):
        found = measured(REGIONS, wrong, train, held_out)
        for name in NAMES:
            assert found[name].low > right[name].high > right[name].value


def test_pairs_without_a_mask_do_not_count(phantoms, measured):
    made, train, held_out = phantoms("phantom-breast-us")
    some = replace(made, has_mask=np.arange(len(made)) < 9)
    alone = replace(made, has_mask=np.zeros(len(made), bool))
    found = measured(REGIONS, some, train, alone)
    assert (
        0
        < found["region_contrast"].n
        < measured(REGIONS, made, train, held_out)["region_contrast"].n
    )
    assert not found["region_contrast_real"].known
