"""Mean field on a grid against all pairs of pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.attention_maps.crf import (
    BilateralGrid,
    crf_refine,
    noise_deviation,
    one_hot_probabilities,
)
from factory.attention_maps.settings import CrfSection

SIDE = 32
GREY = np.array([160, 60, 210])
COLOURS = np.array([[150, 90, 80], [190, 120, 90], [120, 50, 50]])


def anatomy(side=SIDE):
    """Two ellipses of class 1, one of class 2 over them."""
    y, x = np.indices((side, side)) / side
    labels = np.zeros((side, side), np.uint8)
    for centre in (0.3, 0.7):
        labels[((x - centre) / 0.15) ** 2 + ((y - 0.5) / 0.3) ** 2 < 1] = 1
    labels[((x - 0.52) / 0.13) ** 2 + ((y - 0.62) / 0.15) ** 2 < 1] = 2
    return labels


def picture(labels, palette, noise, seed=0):
    image = palette[labels] + np.random.default_rng(seed).normal(0, noise, palette[labels].shape)
    return image.clip(0, 255).astype(np.uint8)


def coarse(labels, cell=8):
    """Labels as a map of few cells would show them: the commonest label of each block."""
    side = len(labels) // cell
    blocks = labels.reshape(side, cell, side, cell).swapaxes(1, 2).reshape(side, side, -1)
    common = np.array([[np.bincount(b, minlength=3).argmax() for b in row] for row in blocks])
    return np.kron(common, np.ones((cell, cell))).astype(np.uint8)


def start(labels, cell=4):
    return one_hot_probabilities(coarse(labels, cell), 3, 0.7)


def brute_force(probabilities, image, section):
    """All pairs of pixels, straight from the paper's formulas."""
    count = image.shape[0] * image.shape[1]
    place = np.indices(image.shape[:2]).reshape(2, -1).T.astype(float)
    colour = image.reshape(count, -1).astype(float)
    contrast = max(section.contrast, section.noise_factor * noise_deviation(image))
    near = ((place[:, None] - place) ** 2).sum(2)
    alike = ((colour[:, None] - colour) ** 2).sum(2)
    reach = section.reach * max(image.shape)
    total = np.zeros((count, count))
    for weight, exponent in (
        (section.smooth_weight, near / section.smooth_px**2),
        (section.weight, near / reach**2 + alike / contrast**2),
    ):
        kernel = np.exp(-exponent / 2)
        total += weight * kernel / np.sqrt(np.outer(kernel.sum(1), kernel.sum(1)))
    evidence = np.log(probabilities.reshape(len(probabilities), count).T)
    belief = np.exp(evidence)
    for _ in range(section.iterations):
        belief = np.exp(evidence + total @ belief)
        belief /= belief.sum(1, keepdims=True)
    return belief.T.reshape(probabilities.shape)


@pytest.mark.parametrize(
    ("palette", "noise", "equal", "gap"),
    [
        (GREY, 4, 1.0, 1e-3),
        (GREY, 15, 1.0, 1e-3),
        (COLOURS, 4, 0.99, 5e-3),
        (COLOURS, 15, 0.99, 1e-2),
    ],
)
def test_the_grid_agrees_with_all_pairs(palette, noise, equal, gap):
    labels, section = anatomy(), CrfSection(reach=0.12)
    image = picture(labels, palette, noise)
    found = crf_refine(start(labels), image, section)
    exact = brute_force(start(labels), image, section)
    assert (found.argmax(0) == exact.argmax(0)).mean() >= equal
    assert np.abs(found - exact).mean() < gap
    # The agreement is not for want of anything to do.
    assert (exact.argmax(0) != start(labels).argmax(0)).mean() > 0.05


@pytest.mark.parametrize("palette", [GREY, COLOURS])
def test_the_grid_agrees_with_the_authors_lattice(palette):
    # pydensecrf2 compiles the authors' own code; it is no dependency, install it to compare.
    densecrf = pytest.importorskip("pydensecrf.densecrf")
    labels, section = anatomy(), CrfSection(reach=0.12)
    image = picture(labels, palette, 4)
    contrast = max(section.contrast, section.noise_factor * noise_deviation(image))
    if image.ndim == 2:
        # Three equal channels are three times as far apart, squared.
        shown, contrast = np.repeat(image[..., None], 3, axis=2), contrast * 3**0.5
    else:
        shown = image
    theirs = densecrf.DenseCRF2D(SIDE, SIDE, 3)
    energy = -np.log(start(labels).reshape(3, -1))
    theirs.setUnaryEnergy(np.ascontiguousarray(energy, np.float32))
    theirs.addPairwiseGaussian(sxy=section.smooth_px, compat=section.smooth_weight)
    reach = section.reach * SIDE
    theirs.addPairwiseBilateral(
        sxy=reach, srgb=contrast, rgbim=np.ascontiguousarray(shown), compat=section.weight
    )
    belief = np.array(theirs.inference(section.iterations)).reshape(3, SIDE, SIDE)
    found = crf_refine(start(labels), image, section)
    assert (found.argmax(0) == belief.argmax(0)).mean() >= 0.98


def test_another_bandwidth_disagrees():
    labels = anatomy()
    image = picture(labels, GREY, 4)
    exact = brute_force(start(labels), image, CrfSection(reach=0.12))
    wrong = crf_refine(start(labels), image, CrfSection(reach=0.12, contrast=200))
    assert (wrong.argmax(0) == exact.argmax(0)).mean() < 0.97


def overlap(found, labels, index):
    a, b = found == index, labels == index
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("noise", [0, 8, 25, 40])
def test_coarse_labels_gain_true_borders_and_noise_does_no_harm(noise):
    labels = anatomy(64)
    before = coarse(labels, 4)
    probabilities = one_hot_probabilities(before, 3, 0.7)
    after = crf_refine(probabilities, picture(labels, GREY, noise)).argmax(0)
    for index in (1, 2):
        gained = overlap(after, labels, index) - overlap(before, labels, index)
        assert gained > (0.05 if noise <= 8 else 0)


def test_a_constant_image_is_smoothed_alike_on_all_sides():
    probabilities = np.full((2, 17, 17), 0.5, np.float32)
    probabilities[:, 8, 8] = [0.1, 0.9]
    flat = np.full((17, 17), 90, np.uint8)
    found = crf_refine(probabilities, flat, CrfSection(iterations=2, weight=0))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, found[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(found, found.transpose(0, 2, 1), atol=1e-6)
    assert found[1, 8, 8] > found[1, 8, 9] > found[1, 8, 11] > 0.5
    # With appearance too, the image has no say: any brightness gives the same.
    black = crf_refine(probabilities, np.zeros_like(flat))
    np.testing.assert_allclose(crf_refine(probabilities, flat), black, atol=1e-6)


@settings(max_examples=10)
@given(st.permutations(range(3)), st.integers(0, 99))
def test_permuting_labels_permutes_the_result(order, seed):
    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet(np.ones(3), (9, 11)).transpose(2, 0, 1).astype(np.float32)
    image = draw.integers(0, 256, (9, 11), dtype=np.uint8)
    found = crf_refine(probabilities, image, CrfSection(iterations=3))
    permuted = crf_refine(probabilities[order], image, CrfSection(iterations=3))
    np.testing.assert_allclose(permuted, found[order], atol=1e-5)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_without_weights_nothing_changes():
    probabilities = one_hot_probabilities(np.eye(5, dtype=np.uint8), 2, 0.8)
    section = CrfSection(weight=0, smooth_weight=0)
    image = np.arange(25, dtype=np.uint8).reshape(5, 5)
    np.testing.assert_allclose(crf_refine(probabilities, image, section), probabilities, atol=1e-6)


def test_hard_labels_leave_the_rest_to_the_others():
    found = one_hot_probabilities(np.array([[2]], np.uint8), 3, 0.7)
    np.testing.assert_allclose(found[:, 0, 0], [0.15, 0.15, 0.7], rtol=1e-6)
    assert one_hot_probabilities(np.array([[0]], np.uint8), 1, 0.7).tolist() == [[[1.0]]]


@pytest.mark.parametrize("noise", [0, 8, 25])
def test_noise_is_measured_beside_anatomy(noise):
    image = picture(anatomy(64), GREY, noise)
    assert noise_deviation(image) == pytest.approx(noise, abs=1.5)
    assert noise_deviation(np.stack([image * 0, image], 2)) == pytest.approx(noise, abs=1.5)


def test_two_far_points_do_not_meet_on_the_grid():
    grid = BilateralGrid(np.array([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]]))
    sums = grid(np.array([[1.0], [3.0], [5.0]], np.float32))
    assert sums[0] == pytest.approx(sums[1])
    assert sums[2] / sums[0] == pytest.approx(5 / 4, rel=0.05)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="must be of one size"):
        crf_refine(np.ones((1, 4, 4), np.float32), np.zeros((4, 5), np.uint8))
