from dataclasses import replace

import numpy as np
import pytest
import skimage.feature
import skimage.measure
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter, gaussian_laplace

from evaluation.features.handcrafted import Handcrafted, RobustScale
from evaluation.features.mask_shape import boundary, geometry
from evaluation.features.texture import (
    FLOOR,
    LEVELS,
    SCALES,
    co_occurrence,
    first_order,
    laplacian,
)
from evaluation.fidelity.frechet import frechet

MASKS = arrays(np.uint8, (2, 12, 12), elements=st.integers(0, 2))
GEOMETRY = ["present", "area", "row", "column", "elongation", "compactness", "euler"]


def shapes(mask, classes=1):
    """Geometry of the first class of one mask, by name."""
    return dict(zip(GEOMETRY, geometry(mask[None].astype(np.uint8), classes)[0], strict=False))


def canvas(*boxes, size=32):
    mask = np.zeros((size, size), np.uint8)
    for rows, columns in boxes:
        mask[rows, columns] = 1
    return mask


def scaled(reference, *sets):
    """Distances of pairs to the reference, by group."""
    extract = Handcrafted(("disc",))
    tables = [extract.groups(pairs.images, pairs.masks) for pairs in (reference, *sets)]
    found = []
    for table in tables[1:]:
        fits = {g: RobustScale.fit(tables[0][g]) for g in table}
        found.append(
            {g: frechet(fits[g].apply(table[g]), fits[g].apply(tables[0][g])) for g in table}
        )
    return found


def changed(pairs, images=None, masks=None):
    return replace(
        pairs,
        images=pairs.images if images is None else images,
        masks=pairs.masks if masks is None else masks,
    )


def test_a_rectangle_of_4_by_8_pixels():
    found = shapes(canvas((slice(2, 6), slice(10, 18))))
    assert found["present"] == 1
    assert found["area"] == pytest.approx(np.sqrt(32 / 1024))
    # Rows 2 to 5 have their middle at 4.0 of 32, columns 10 to 17 at 14.0.
    assert (found["row"], found["column"]) == (4 / 32, 14 / 32)
    # Variances of extents 4 and 8: 16/12 and 64/12, hence √(1 - 1/4).
    assert found["elongation"] == pytest.approx(np.sqrt(0.75))
    # 24 sides of pixels stand for a perimeter of 24 · π/4.
    assert found["compactness"] == pytest.approx(4 * np.pi * 32 / (24 * np.pi / 4) ** 2)
    assert found["euler"] == 1.0  # log2(1 + 1)


def test_a_disc_is_compact_and_round():
    y, x = np.mgrid[:64, :64]
    found = shapes(np.hypot(y - 31.5, x - 31.5) < 20)
    assert found["compactness"] == pytest.approx(1, abs=0.05)
    assert found["elongation"] < 0.05


def test_holes_count_against_components():
    ring = canvas((slice(2, 12), slice(2, 12)))
    ring[5:8, 5:8] = 0
    assert shapes(ring)["euler"] == 0
    two = canvas((slice(2, 4), slice(2, 4)), (slice(8, 10), slice(8, 10)))
    assert shapes(two)["euler"] == pytest.approx(np.log2(3))


def test_an_absent_class_has_presence_and_area_and_nothing_else():
    found = geometry(canvas((slice(2), slice(2)))[None], 2)[0, 7:]
    assert found[:2].tolist() == [0, 0]
    assert np.isnan(found[2:]).all()
    grey = np.full((1, 32, 32), 9, np.float32)
    assert np.isnan(boundary(grey, canvas()[None], 1)).all()


@settings(max_examples=20)
@given(MASKS)
def test_geometry_agrees_with_scikit_image(masks):
    table = geometry(masks, 2).reshape(2, 2, 7)
    for case in range(2):
        for label in (1, 2):
            region = masks[case] == label
            found = dict(zip(GEOMETRY, table[case, label - 1], strict=True))
            assert found["present"] == region.any()
            if not region.any():
                continue
            theirs = skimage.measure.regionprops(region.astype(np.uint8))[0]
            centre = (np.array(theirs.centroid) + 0.5) / 12
            np.testing.assert_allclose([found["row"], found["column"]], centre)
            assert found["area"] ** 2 * 144 == pytest.approx(theirs.area)
            # Each pixel has an extent of its own, of variance 1/12, which theirs leaves out.
            large, small = np.linalg.eigvalsh(np.cov(theirs.coords.T, ddof=0))[::-1] + 1 / 12
            assert found["elongation"] == pytest.approx(np.sqrt(1 - small / large), abs=1e-6)
            euler = skimage.measure.euler_number(region, connectivity=1)
            assert found["euler"] == pytest.approx(np.sign(euler) * np.log2(1 + abs(euler)))


def test_co_occurrence_agrees_with_scikit_image():
    grey = np.random.default_rng(0).integers(0, 256, (2, 32, 32))
    grey = gaussian_filter(grey.astype(np.float32), (0, 2, 2)) * 3 - 250
    levels = (grey.astype(int).clip(0, 255) * LEVELS // 256).astype(np.uint8)
    ours = co_occurrence(grey).reshape(2, 2, 4)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    for case in range(2):
        for index, distance in enumerate((1, 3)):
            # Diagonals of scikit-image step round(d / √2); ours step d, so we step for it.
            joint = np.zeros((LEVELS, LEVELS))
            for angle in angles:
                reach = distance * (np.sqrt(2) if angle in angles[1::2] else 1)
                joint += skimage.feature.graycomatrix(
                    levels[case], [reach], [angle], LEVELS, symmetric=True
                )[..., 0, 0]
            joint = (joint / joint.sum())[..., None, None]
            contrast, homogeneity, correlation = (
                skimage.feature.graycoprops(joint, name)[0, 0]
                for name in ("contrast", "homogeneity", "correlation")
            )
            entropy = -(joint[joint > 0] * np.log2(joint[joint > 0])).sum() / 8
            expected = [np.log10(contrast + 0.01), homogeneity, entropy, correlation]
            np.testing.assert_allclose(ours[case, index], expected, rtol=1e-6)


def test_the_laplacian_sees_edges_not_brightness():
    dark, bright = (np.full((1, 32, 32), level, np.float32) for level in (0, 200))
    np.testing.assert_allclose(laplacian(dark), laplacian(bright), atol=1e-5)
    np.testing.assert_allclose(laplacian(bright)[0, 0::2], np.log10(FLOOR), atol=1e-4)
    grey = np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype(np.float32)
    for case, found in zip(grey, laplacian(grey), strict=True):
        for scale, spread in zip(SCALES, found[0::2], strict=True):
            alone = gaussian_laplace(case - case.mean(), scale, mode="reflect") * scale**2
            assert spread == pytest.approx(np.log10(np.sqrt((alone**2).mean()) + FLOOR), rel=1e-4)


def test_a_step_at_the_contour():
    mask = canvas((slice(8, 24), slice(8, 24)))[None]
    grey = np.where(mask > 0, 150.0, 50.0).astype(np.float32)
    edge, step, inside, spread = boundary(grey, mask, 1)[0]
    deviation = grey.std() + 0.5
    assert step == pytest.approx(100 / deviation)
    assert inside == pytest.approx((150 - grey.mean()) / deviation, rel=1e-5)
    assert spread == pytest.approx(np.log10(0.5 / deviation), rel=1e-4)
    # 64 contour neighbours among 2 · 31 · 32 carry all the contrast.
    everywhere = 100 * 64 / (2 * 31 * 32)
    assert edge == pytest.approx(np.log10(100.5 / (everywhere + 0.5)), rel=1e-5)


def test_constant_images_have_finite_features():
    found = Handcrafted(("disc",)).groups(
        np.full((2, 32, 32, 1), 9, np.uint8), np.zeros((2, 32, 32), np.uint8)
    )
    for name in ("first_order", "texture", "spectrum"):
        assert np.isfinite(found[name]).all()
    assert first_order(np.full((1, 32, 32), 9, np.float32))[0, -1] == 0


def test_the_order_and_the_size_of_chunks_do_not_matter(discs):
    pairs = discs(70, size=32)
    extract = Handcrafted(("disc",))
    whole = extract.groups(pairs.images, pairs.masks)
    alone = extract.groups(pairs.images[66:67], pairs.masks[66:67])
    for name in whole:
        np.testing.assert_allclose(whole[name][66:67], alone[name], rtol=1e-5, atol=1e-6)


def test_no_pairs_have_no_rows_but_all_columns(discs):
    extract, pairs = Handcrafted(("disc",)), discs(2, channels=3)
    none = extract.groups(pairs.images[:0], pairs.masks[:0])
    some = extract.groups(pairs.images, pairs.masks)
    assert {k: t.shape[1] for k, t in none.items()} == {k: t.shape[1] for k, t in some.items()}
    assert all(len(table) == 0 for table in none.values())


def test_a_mask_index_without_a_class_is_refused(discs):
    pairs = discs(1)
    with pytest.raises(ValueError, match="mask index 2 but only 1"):
        Handcrafted(("disc",)).groups(pairs.images, pairs.masks * 2)
    with pytest.raises(ValueError, match="do not fit"):
        Handcrafted(("disc",)).groups(pairs.images, pairs.masks[:, 1:])


def test_each_fault_is_seen_by_the_group_that_names_it(discs):
    reference, fresh = discs(80), discs(60, seed=1)
    blurred = gaussian_filter(fresh.images.astype(float), (0, 1, 1, 0)).astype(np.uint8)
    null, blur, shuffled, shifted, grown = scaled(
        reference,
        fresh,
        changed(fresh, images=blurred),
        changed(fresh, masks=np.roll(fresh.masks, 1, axis=0)),
        changed(fresh, masks=np.roll(fresh.masks, 3, axis=2)),
        changed(fresh, masks=np.maximum(fresh.masks, np.roll(fresh.masks, 6, axis=1))),
    )
    assert blur["texture"] > 10 * null["texture"]
    assert blur["spectrum"] > 10 * null["spectrum"]
    assert shuffled["boundary"] > 10 * null["boundary"]
    assert shuffled["geometry"] == pytest.approx(null["geometry"])
    assert shifted["boundary"] > 10 * null["boundary"]
    assert grown["geometry"] > 5 * null["geometry"]
    assert grown["texture"] == null["texture"]


def test_a_class_that_only_the_synthetic_pairs_lack_is_seen(discs):
    # Presence is constant in the reference; without a floor it would be dropped.
    reference, fresh = discs(60), discs(60, seed=1)
    fresh.masks[:6] = 0
    assert scaled(reference, fresh)[0]["geometry"] > 3


def test_robust_scale_by_hand():
    raw = np.array([[0.0, 5.0, np.nan], [1.0, 5.0, np.nan], [2.0, 5.0, np.nan]])
    scale = RobustScale.fit(raw)
    # Quantiles at 0.05 and 0.95 of 0, 1, 2 are 0.1 and 1.9.
    np.testing.assert_allclose(scale.scale, [1.8 / 3.29, 0.02, 0.02])
    np.testing.assert_allclose(scale.centre, [1, 5, 0])
    found = scale.apply(np.array([[1.0 + 1.8 / 3.29, 5.04, np.nan], [100.0, 5.0, 0.0]]))
    np.testing.assert_allclose(found, [[1, 2, 0], [6, 0, 0]])
    with pytest.raises(ValueError, match="no pairs"):
        RobustScale.fit(raw[:0])
