"""The refinement on a chest whose true mask is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter

from factory.attention_maps.affinity_net import AffinityNet
from factory.attention_maps.refinement import AttentionRecord, Refinement, normalised, resized
from factory.attention_maps.settings import (
    STEPS,
    AffinitySection,
    RefinementSection,
    StructureSection,
)
from factory.errors import InputError
from factory.training.affinity import train_affinity

SIDE, CELLS = 64, 16
LABELS = {"background": 0, "right lung": 1, "left lung": 2, "heart": 3}
CHEST = {
    "lung": StructureSection(sides=("right lung", "left lung"), area=(0.03, 0.4)),
    "heart": StructureSection(area=(0.02, 0.3), components=1),
}
AFFINITY = AffinitySection(stride=2, radius=4, walk=32, steps=5, batch=2)


def chest():
    """True mask: the right lung at the image's left, as radiographs are shown."""
    y, x = np.indices((SIDE, SIDE)) / SIDE
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for centre, index in ((0.27, 1), (0.75, 2)):
        mask[((x - centre) / 0.16) ** 2 + ((y - 0.5) / 0.33) ** 2 < 1] = index
    mask[((x - 0.53) / 0.14) ** 2 + ((y - 0.65) / 0.14) ** 2 < 1] = 3
    return mask


def radiograph(noise=6.0):
    grey = np.array([150, 60, 60, 210])[chest()]
    drawn = grey + np.random.default_rng(0).normal(0, noise, grey.shape)
    return drawn.clip(0, 255).astype(np.uint8)


def by_cell(values):
    cell = SIDE // CELLS
    return values.reshape(CELLS, cell, CELLS, cell).mean((1, 3))


def coarse_maps():
    """What a network of 16 x 16 cells would attend to: blurred, on a floor, of unlike strength."""
    lung, heart = (gaussian_filter(by_cell(np.isin(chest(), of)), 1.2) for of in ((1, 2), (3,)))
    noise = np.random.default_rng(1).normal(0, 0.02, (2, CELLS, CELLS))
    return (np.stack([0.5 + 0.5 * lung, 0.2 + 0.1 * heart]) * (1 + noise)).astype(np.float32)


def coarse_contrasts():
    """What would change without the word: nothing elsewhere, so the floor is gone."""
    shown = [by_cell(np.isin(chest(), of).astype(np.float32)) for of in ((1, 2), (3,))]
    return np.stack([gaussian_filter(each, 0.8) for each in shown]).astype(np.float32)


def self_attention():
    """Cells of one label look at each other, and a little at all."""
    cells = chest()[1::2, 1::2].ravel()
    alike = (cells[:, None] == cells) + 0.05
    return (alike / alike.sum(1, keepdims=True)).astype(np.float32)


def record(**changes):
    seen = {
        "image": radiograph(),
        "maps": coarse_maps(),
        "names": ("lung", "heart"),
        "self_maps": {(32, 32): self_attention(), (8, 8): np.eye(64, dtype=np.float32)},
        "contrasts": coarse_contrasts(),
    }
    return AttentionRecord(**{**seen, **changes})


def refinement(*steps, structures=CHEST, **changes):
    section = RefinementSection(
        steps=steps or STEPS, structures=structures, affinity=AFFINITY, **changes
    )
    torch.manual_seed(0)
    return Refinement(section, LABELS, AffinityNet(AFFINITY).eval())


def mean_overlap(mask):
    overlaps = [
        ((mask == i) & (chest() == i)).sum() / ((mask == i) | (chest() == i)).sum()
        for i in (1, 2, 3)
    ]
    return float(np.mean(overlaps))


def test_every_step_betters_the_thresholded_attention():
    overlaps = {step: mean_overlap(mask) for step, mask in refinement().refine(record()).items()}
    assert list(overlaps) == ["attention", "contrast", "crf", "selfattention", "affinity"]
    assert 0.7 < overlaps["attention"] < 0.87 < overlaps["contrast"]
    for step in ("crf", "selfattention", "affinity"):
        assert overlaps[step] > 0.95


def test_contrast_takes_away_what_the_word_does_not_change():
    maps = coarse_maps()
    maps[1, :4, :4] = maps[1].max()  # the network also looks into a corner for the heart
    seen = record(maps=maps)
    masks = refinement("attention", "contrast").refine(seen)
    assert (masks["attention"][:12, :12] == LABELS["heart"]).any()
    assert not (masks["contrast"][:12, :12] == LABELS["heart"]).any()
    assert (masks["contrast"] == LABELS["heart"]).any()


def test_a_lower_cut_is_more_generous():
    usual, low = (refinement(level=level).refine(record()) for level in (0, -0.4))
    for step in ("attention", "contrast"):  # the CRF then finds the image's own borders from both
        assert (low[step] > 0).sum() > (usual[step] > 0).sum()


def test_a_word_that_changes_nothing_has_no_place():
    changes = coarse_contrasts()
    noise = np.random.default_rng(2).random(changes[1].shape)
    changes[1] = noise.astype(np.float32) / 100  # of a prediction
    verdict = refinement("attention", "contrast")(record(contrasts=changes))
    assert verdict.doubts == ("class not found",)
    assert "heart has no pixel" in verdict.reason


def test_attention_has_one_vote_beside_contrast():
    """Attention that is wrong about the heart is outvoted, where contrast knows better."""
    maps = coarse_maps()
    maps[1, :6, :6] = 4 * maps[1].max()
    seen = record(maps=maps)
    steps = refinement("attention", "contrast", "crf", "gate")
    masks = steps.refine(seen)
    assert not ((masks["attention"] == 3) & (masks["crf"] == 3)).any()
    assert "attention and" not in (steps(seen).reason or "")


@pytest.mark.parametrize("step", ["crf", "selfattention", "affinity"])
def test_each_step_works_with_the_others_switched_off(step):
    masks = refinement("attention", step).refine(record())
    assert list(masks) == ["attention", step]
    assert mean_overlap(masks[step]) > mean_overlap(masks["attention"]) + 0.03


def test_a_good_mask_has_no_reason_against_it():
    verdict = refinement()(record())
    assert verdict.reason is None
    assert verdict.mask.dtype == np.uint8
    assert verdict.mask.shape == (SIDE, SIDE)
    assert set(np.unique(verdict.mask)) == {0, 1, 2, 3}


def test_the_order_of_the_maps_does_not_matter():
    other_way = {"maps": coarse_maps()[::-1].copy(), "contrasts": coarse_contrasts()[::-1].copy()}
    swapped = record(**other_way, names=("heart", "lung"))
    np.testing.assert_array_equal(refinement()(swapped).mask, refinement()(record()).mask)


def flat_heart(seen):
    maps = seen.maps.copy()
    maps[1] = 0.2 + 0.002 * maps[1]
    return maps


def nan_heart(seen):
    maps = seen.maps.copy()
    maps[1, 3, 3] = np.nan
    return maps


@pytest.mark.parametrize("steps", [("attention",), STEPS])
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (flat_heart, "the map of heart is flat"),
        (nan_heart, "the map of heart is not finite"),
        (lambda seen: seen.maps * 0, "the map of lung is flat"),
    ],
)
def test_a_map_that_says_nothing_is_a_reason_on_any_step(steps, spoil, complaint):
    verdict = refinement(*steps)(record(maps=spoil(record())))
    assert complaint in verdict.reason
    assert "heart has no pixel" in verdict.reason
    assert not (verdict.mask == LABELS["heart"]).any()


def test_the_gate_knows_the_priors():
    structures = {**CHEST, "heart": StructureSection(area=(0.2, 0.5))}
    assert "heart covers" in refinement(structures=structures)(record()).reason
    assert refinement("attention", "crf", structures=structures)(record()).reason is None


def test_the_gate_counts_pieces():
    maps = coarse_maps()
    maps[1, :2, 12:14] = maps[1].max()  # a second place that looks like a heart
    seen = record(maps=maps)
    assert (
        "heart is in 2 pieces, expected at most 1" in refinement("attention", "gate")(seen).reason
    )
    assert refinement("attention")(seen).reason is None


def test_the_gate_hears_steps_that_disagree():
    # The affinity of a picture of something else pulls the lungs out of shape.
    assert "agree by Dice" in refinement(agreement=0.99)(record()).reason


def test_specks_are_dropped_and_holes_filled_where_solid():
    maps = np.full((1, SIDE, SIDE), 0.1, np.float32)
    maps[0, 8:40, 8:40] = 1
    maps[0, 20:24, 20:24] = 0.1
    maps[0, 60, 60] = 1
    seen = record(maps=maps, names=("heart",))
    hollow = refinement("attention", structures={})(seen).mask
    assert (hollow == 3).sum() == 32 * 32 - 16
    solid = refinement("attention", structures={"heart": StructureSection(solid=True)})(seen).mask
    assert (solid == 3).sum() == 32 * 32


def test_one_lung_alone_is_read_by_its_own_name():
    maps = coarse_maps()
    maps[0, :, CELLS // 2 :] = maps[0].min()
    verdict = refinement("attention")(record(maps=maps))
    assert "left lung has no pixel" in verdict.reason


@settings(max_examples=15)
@given(arrays(np.float32, (2, 6, 6), elements=st.integers(0, 4).map(float)))
def test_what_passes_shows_every_class_that_was_asked_for(maps):
    verdict = refinement("attention", "gate")(record(maps=maps))
    if verdict.reason is None:
        assert set(np.unique(verdict.mask)) >= {1, 2, 3}


def test_seeds_are_right_where_they_are_certain():
    found = refinement().confident_labels(record())
    truth = np.array([0, 1, 1, 2])[chest()]  # numbers of the maps, not of the classes
    certain = found != 255
    assert set(np.unique(found)) >= {0, 1, 2}
    assert certain.mean() > 0.5
    assert (found == truth)[certain].mean() > 0.97


def test_a_net_trained_on_the_seeds_is_of_use():
    made = refinement("attention", "crf", "affinity")
    assert made.net is not None
    seen = record()
    list(train_affinity(made.net, [seen.image] * 2, [made.confident_labels(seen)] * 2, seed=0))
    assert mean_overlap(made.refine(seen)["affinity"]) > 0.95


def test_colour_images_are_refined_too():
    colour = np.stack([radiograph()] * 3, axis=2)
    made = Refinement(refinement().section, LABELS, AffinityNet(AFFINITY, channels=3).eval())
    assert mean_overlap(made(record(image=colour)).mask) > 0.95


def test_what_a_step_needs_is_asked_for_in_one_line():
    with pytest.raises(InputError, match="needs a trained AffinityNet"):
        Refinement(RefinementSection(), LABELS)(record(names=("heart", "left lung")))
    with pytest.raises(InputError, match="needs self-attention maps"):
        refinement("attention", "selfattention")(record(self_maps={}))
    with pytest.raises(InputError, match="what changes where a word is left out"):
        refinement("attention", "contrast")(record(contrasts=None))
    with pytest.raises(InputError, match="unknown class 'lung' in the label map"):
        refinement("attention", structures={})(record())


@pytest.mark.parametrize("steps", [(), ("crf",), ("attention", "gate", "crf"), ("attention",) * 2])
def test_steps_out_of_order_are_refused(steps):
    with pytest.raises(ValueError, match="cannot be taken"):
        RefinementSection(steps=steps)


def test_no_map_makes_no_mask():
    with pytest.raises(ValueError, match="no mask can be made of no map"):
        record(maps=np.zeros((0, 4, 4), np.float32), names=())
    with pytest.raises(ValueError, match="one map"):
        record(names=("lung",))


def test_maps_are_resized_about_their_centres():
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert resized(maps, (2, 2)).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    large = resized(maps, (8, 8))
    np.testing.assert_allclose(large + large[:, ::-1, ::-1], 15, rtol=1e-5)
    assert normalised(maps).max() == 1
    assert normalised(np.full((1, 2, 2), 3, np.float32)).sum() == 0
