import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_gradient_magnitude

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.base import FACETS
from factory.sources.canvas.scene import index_mask, shrink
from factory.sources.canvas.shapes import (
    contour,
    draw_branches,
    flat_canvas,
    grow_trees,
    inside,
    posed_canvas,
    ripple,
    smooth_noise,
)
from factory.sources.phantom import PhantomSource, render
from factory.sources.phantoms import DEFAULT_PHANTOMS, PHANTOMS
from factory.vocabulary import load_vocabulary

DOMAINS = {name: load_vocabulary().domain(name) for name in PHANTOMS}
CASES = [(name, finding) for name in DOMAINS for finding in (*DOMAINS[name].findings, "")]
SUBSETS = [
    (name, classes)
    for name, domain in DOMAINS.items()
    for count in {0, 1, len(domain.classes) - 1}
    for classes in itertools.combinations(domain.classes, count)
]
SECTION = ImageSection(size=32)

# Domain, finding, and two classes that it shows: the first is the brighter one.
BRIGHTER = [
    ("phantom-retinal-oct", "drusen", "outer retina", "drusen"),
    ("phantom-retinal-oct", "macular edema", "outer retina", "fluid"),
    ("phantom-histology", "adenocarcinoma", "gland", "tumor"),
    ("phantom-fluorescence", "mitosis", "mitotic nucleus", "nucleus"),
    ("phantom-brain-mri", "glioma", "tumor", "brain"),
    ("phantom-brain-mri", "glioma", "brain", "ventricles"),
    ("phantom-periapical-xray", "apical lesion", "tooth", "lesion"),
    ("phantom-blood-smear", "leukemia", "red cell", "white cell"),
]
# Domain, finding, a class, and the only classes that may touch it.
WITHIN = [
    ("phantom-retinal-oct", "macular edema", "fluid", {"inner retina", "outer retina"}),
    ("phantom-brain-mri", "normal", "ventricles", {"brain"}),
    ("phantom-brain-mri", "glioma", "tumor", {"brain", "ventricles"}),
]

# Least and greatest share of the image that a class covers, far from 0 and from everything.
SHARES = {
    ("phantom-chest-xray", "left lung"): (0.07, 0.3),
    ("phantom-chest-xray", "right lung"): (0.08, 0.32),
    ("phantom-chest-xray", "heart"): (0.02, 0.25),
    ("phantom-chest-xray", "opacity"): (0.005, 0.09),
    ("phantom-cardiac-mri", "right ventricle"): (0.01, 0.25),
    ("phantom-cardiac-mri", "myocardium"): (0.02, 0.18),
    ("phantom-cardiac-mri", "left ventricle"): (0.01, 0.22),
    ("phantom-abdomen-ct", "liver"): (0.04, 0.25),
    ("phantom-abdomen-ct", "spleen"): (0.005, 0.06),
    ("phantom-abdomen-ct", "right kidney"): (0.005, 0.05),
    ("phantom-abdomen-ct", "left kidney"): (0.005, 0.05),
    ("phantom-abdomen-ct", "stomach"): (0.015, 0.12),
    ("phantom-abdomen-ct", "aorta"): (0.001, 0.012),
    ("phantom-abdomen-ct", "spine"): (0.007, 0.03),
    ("phantom-breast-us", "lesion"): (0.005, 0.2),
    ("phantom-colonoscopy", "polyp"): (0.015, 0.25),
    ("phantom-fundus", "optic disc"): (0.004, 0.1),
    ("phantom-fundus", "optic cup"): (0.002, 0.08),
    ("phantom-dermoscopy", "lesion"): (0.02, 0.45),
    ("phantom-retinal-oct", "inner retina"): (0.07, 0.25),
    ("phantom-retinal-oct", "outer retina"): (0.06, 0.23),
    ("phantom-retinal-oct", "drusen"): (0.008, 0.08),
    ("phantom-retinal-oct", "fluid"): (0.01, 0.09),
    ("phantom-histology", "gland"): (0.1, 0.6),
    ("phantom-histology", "tumor"): (0.2, 0.65),
    ("phantom-fluorescence", "nucleus"): (0.07, 0.35),
    ("phantom-fluorescence", "mitotic nucleus"): (0.008, 0.07),
    ("phantom-brain-mri", "brain"): (0.18, 0.48),
    ("phantom-brain-mri", "ventricles"): (0.015, 0.08),
    ("phantom-brain-mri", "tumor"): (0.015, 0.09),
    ("phantom-periapical-xray", "lesion"): (0.012, 0.08),
    ("phantom-periapical-xray", "tooth"): (0.3, 0.55),
    ("phantom-blood-smear", "red cell"): (0.12, 0.75),
    ("phantom-blood-smear", "white cell"): (0.015, 0.35),
    ("phantom-pet", "brain"): (0.007, 0.03),
    ("phantom-pet", "heart"): (0.003, 0.02),
    ("phantom-pet", "bladder"): (0.003, 0.02),
    ("phantom-pet", "metastasis"): (0.003, 0.04),
}


def indices(mask):
    return {int(index) for index in np.unique(mask) if index}


# ---- render: what every domain and finding must hold ----


def test_every_phantom_domain_of_the_vocabulary_can_be_drawn():
    named = {name for name, domain in load_vocabulary().domains.items() if domain.phantom}
    assert named == set(PHANTOMS)


@pytest.mark.parametrize(("name", "finding"), CASES)
def test_a_finding_shows_its_classes_and_no_others(name, finding):
    domain = DOMAINS[name]
    for seed in range(4):
        image, mask = render(name, finding, None, seed, 40)
        assert image.shape == (40, 40, 3 if domain.colour else 1)
        assert mask.shape == (40, 40)
        assert image.dtype == mask.dtype == np.uint8
        assert indices(mask) == {domain.index(shown) for shown in domain.shown(finding)}
        assert image.std() > 8  # a picture, also where the mask is empty


@pytest.mark.parametrize(("name", "classes"), SUBSETS)
def test_the_classes_asked_for_are_the_classes_present(name, classes):
    domain = DOMAINS[name]
    for finding in (*domain.findings, ""):
        mask = render(name, finding, classes, 3, 40)[1]
        assert indices(mask) == {domain.index(shown) for shown in classes}


@pytest.mark.parametrize(("name", "finding"), CASES)
def test_classes_cover_a_plausible_share(name, finding):
    domain = DOMAINS[name]
    for seed in range(5):
        mask = render(name, finding, None, seed, 48)[1]
        for shown in domain.shown(finding):
            least, greatest = SHARES[name, shown]
            assert least < np.mean(mask == domain.index(shown)) < greatest


@pytest.mark.parametrize(("name", "finding"), CASES)
def test_one_seed_shows_one_anatomy_at_every_size(name, finding):
    # The small mask must be the large one seen from afar: that the mask follows the geometry,
    # and not the pixels of one size. Only pixels on an edge may differ.
    small = render(name, finding, None, 1, 48)[1]
    large = render(name, finding, None, 1, 144)[1].reshape(48, 3, 48, 3).swapaxes(1, 2)
    blocks = large.reshape(48, 48, 9)
    pure = (blocks == blocks[..., :1]).all(-1)
    assert pure.mean() > 0.7
    assert np.mean(small[pure] == blocks[pure][:, 0]) > 0.997


@pytest.mark.parametrize("name", DOMAINS)
def test_the_edge_of_the_mask_lies_on_an_edge_of_the_image(name):
    domain = DOMAINS[name]
    on_edge, off_edge = {c: [] for c in domain.classes}, {c: [] for c in domain.classes}
    for seed in range(6):
        image, mask = render(name, "", domain.classes, seed, 96)
        slope = gaussian_gradient_magnitude(image.mean(-1), 1.5)
        for shown in domain.classes:
            region = mask == domain.index(shown)
            edge = binary_dilation(region) & ~binary_erosion(region)
            on_edge[shown].append(slope[edge].mean())
            for shift, axis in itertools.product((-7, 7), (0, 1)):
                off_edge[shown].append(slope[np.roll(edge, shift, axis)].mean())
    for shown in domain.classes:
        assert np.mean(on_edge[shown]) > 1.1 * np.mean(off_edge[shown])


@pytest.mark.parametrize(("name", "finding"), CASES)
def test_a_pair_follows_from_its_arguments_and_the_seed_matters(name, finding):
    first, again, other = (render(name, finding, None, seed, 32) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).mean() > 0.2


def test_the_order_of_the_classes_does_not_matter_and_none_means_those_of_the_finding():
    classes = DOMAINS["phantom-chest-xray"].shown("normal")
    images = [
        render("phantom-chest-xray", "normal", asked, 2, 32)[0]
        for asked in (None, classes, classes[::-1])
    ]
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])


def test_another_process_draws_the_same_bytes():
    # Python salts hash() per process: a seed made from it would differ here.
    code = (
        "import hashlib; from factory.sources.phantom import render;"
        "print(hashlib.sha256(render('phantom-fundus', 'glaucoma', None, 9, 32)[0]).hexdigest())"
    )
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    image = render("phantom-fundus", "glaucoma", None, 9, 32)[0]
    assert printed == hashlib.sha256(image).hexdigest()


# ---- render: what the findings mean, and the convention ----


def mean_share(name, finding, shown, count=8):
    index = DOMAINS[name].index(shown)
    masks = [render(name, finding, None, seed, 48)[1] for seed in range(count)]
    return np.mean([np.mean(mask == index) for mask in masks])


def test_the_patients_right_is_on_the_images_left():
    for name, right, left in (
        ("phantom-chest-xray", "right lung", "left lung"),
        ("phantom-abdomen-ct", "right kidney", "left kidney"),
        ("phantom-abdomen-ct", "liver", "spleen"),
        ("phantom-cardiac-mri", "right ventricle", "left ventricle"),
    ):
        domain = DOMAINS[name]
        mask = render(name, "", domain.classes, 0, 64)[1]
        columns = [np.nonzero(mask == domain.index(shown))[1].mean() for shown in (right, left)]
        assert columns[0] < columns[1]


def test_glaucoma_has_the_larger_cup_to_disc_ratio():
    ratios = {}
    for finding in ("normal", "glaucoma"):
        cup = mean_share("phantom-fundus", finding, "optic cup")
        disc = cup + mean_share("phantom-fundus", finding, "optic disc")
        ratios[finding] = np.sqrt(cup / disc)
    assert ratios["normal"] < 0.6 < ratios["glaucoma"]


def test_fluid_thickens_the_retina():
    name = "phantom-retinal-oct"
    retina = {
        finding: sum(mean_share(name, finding, shown) for shown in DOMAINS[name].shown(finding))
        for finding in ("normal", "macular edema")
    }
    assert retina["macular edema"] > 1.1 * retina["normal"]


@pytest.mark.parametrize(("name", "finding", "bright", "dark"), BRIGHTER)
def test_what_a_finding_adds_differs_in_brightness_from_what_it_lies_in(
    name, finding, bright, dark
):
    domain = DOMAINS[name]
    for seed in range(5):
        image, mask = render(name, finding, None, seed, 48)
        means = [image[mask == domain.index(shown)].mean() for shown in (bright, dark)]
        assert means[0] > means[1] + 10


@pytest.mark.parametrize(("name", "finding", "shown", "around"), WITHIN)
def test_a_structure_lies_where_anatomy_has_it(name, finding, shown, around):
    domain = DOMAINS[name]
    for seed in range(5):
        mask = render(name, finding, None, seed, 96)[1]
        region = mask == domain.index(shown)
        touching = mask[binary_dilation(region) & ~region]
        assert set(np.unique(touching)) <= {domain.index(other) for other in around}


def test_leukemia_shows_more_white_cells_and_darker_ones():
    name = "phantom-blood-smear"
    index = DOMAINS[name].index("white cell")
    share = {f: mean_share(name, f, "white cell") for f in DOMAINS[name].findings}
    assert share["leukemia"] > 2 * share["normal"]
    tone = {}
    for finding in DOMAINS[name].findings:
        pairs = [render(name, finding, None, seed, 48) for seed in range(8)]
        tone[finding] = np.mean([image[mask == index].mean() for image, mask in pairs])
    assert tone["leukemia"] < tone["normal"]


def test_metastases_are_avid_and_stay_clear_of_organs():
    domain = DOMAINS["phantom-pet"]
    spots, organs = domain.index("metastasis"), [domain.index(c) for c in domain.shown("normal")]
    for seed in range(5):
        image, mask = render(domain.name, "metastases", None, seed, 96)
        assert image[mask == spots].mean() < image[mask == 0].mean() - 60
        assert not np.isin(mask[binary_dilation(mask == spots)], organs).any()


def test_drusen_lie_under_the_retina():
    domain = DOMAINS["phantom-retinal-oct"]
    for seed in range(5):
        mask = render(domain.name, "drusen", None, seed, 64)[1]
        for column in mask.T:
            depths = [np.nonzero(column == domain.index(c))[0] for c in ("outer retina", "drusen")]
            assert not len(depths[1]) or depths[0].max() < depths[1].min()


def test_hypertrophy_thickens_the_wall_and_dilation_widens_the_cavity():
    name = "phantom-cardiac-mri"
    wall = {f: mean_share(name, f, "myocardium") for f in DOMAINS[name].findings}
    cavity = {f: mean_share(name, f, "left ventricle") for f in DOMAINS[name].findings}
    assert wall["hypertrophic cardiomyopathy"] > wall["normal"]
    assert cavity["dilated cardiomyopathy"] > cavity["normal"]
    assert cavity["normal"] > cavity["hypertrophic cardiomyopathy"]


def test_sound_is_stronger_behind_a_benign_lesion_than_behind_a_malignant_one():
    behind = {}
    for finding in ("benign", "malignant"):
        values = []
        for seed in range(8):
            image, mask = render("phantom-breast-us", finding, None, seed, 64)
            rows, columns = np.nonzero(mask)
            middle = int(np.median(columns))
            below = image[rows.max() + 2 : rows.max() + 8, middle - 2 : middle + 3]
            values.append(below.mean() - image[rows.max() + 2 : rows.max() + 8].mean())
        behind[finding] = np.mean(values)
    assert behind["benign"] > 0 > behind["malignant"]


def test_an_opacity_lies_within_the_chest_and_keeps_every_lung():
    domain = DOMAINS["phantom-chest-xray"]
    for seed in range(8):
        mask = render(domain.name, "", ("opacity",), seed, 48)[1]
        assert not mask[[0, -1]].any()
        assert not mask[:, [0, -1]].any()


@pytest.mark.parametrize(
    ("name", "finding", "classes", "hint"),
    [
        ("phantom-chest-xrays", "", None, "phantom-chest-xray"),
        ("chest-xray-lungs", "", None, "phantoms"),
        ("phantom-fundus", "glaucome", None, "glaucoma"),
        ("phantom-fundus", "normal", ("optic disk",), "optic disc"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(name, finding, classes, hint):
    with pytest.raises(InputError, match=hint):
        render(name, finding, classes, 0, 32)


# ---- the source ----


def test_a_split_has_its_counts_facets_and_spacing():
    section = PhantomSource(domains=("phantom-chest-xray", "phantom-breast-us"), train=6, val=1)
    pairs = section.build().read("train", SECTION)
    assert len(pairs) == 12
    assert tuple(pairs.facets.columns) == FACETS
    assert pairs.images.shape == (12, 32, 32, 1)
    assert pairs.has_mask.all()
    assert pairs.facets["patient"].is_unique
    assert pairs.facets["patient"][3] == "phantom-chest-xray-train-0003"
    counts = pairs.facets.groupby("domain")["finding"].value_counts()
    assert set(counts["phantom-breast-us"]) == {2}  # normal, benign, malignant: balanced
    breast = pairs.facets["domain"] == "phantom-breast-us"
    np.testing.assert_allclose(pairs.spacing_mm[breast], 40 / 32)  # 40 mm over 32 pixels


def test_labels_name_what_the_mask_holds():
    pairs = PhantomSource(train=3).build().read("train", SECTION)
    for row, mask in zip(pairs.facets.itertuples(), pairs.masks, strict=True):
        domain = DOMAINS[row.domain]
        present = [domain.class_names[index] for index in sorted(indices(mask))]
        assert row.labels == ";".join(present)


def test_reading_twice_gives_the_same_pairs():
    source = PhantomSource(train=1).build()
    first, again = (source.read("train", SECTION) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    pd.testing.assert_frame_equal(first.facets, again.facets)


def test_a_larger_count_adds_pairs_and_changes_none():
    few, many = (
        PhantomSource(domains=("phantom-fundus",), train=count).build().read("train", SECTION)
        for count in (2, 5)
    )
    np.testing.assert_array_equal(few.images, many.images[:2])
    np.testing.assert_array_equal(few.masks, many.masks[:2])
    assert len(many) == 5


def test_no_picture_is_in_two_splits_or_under_two_seeds():
    digests = []
    for seed in (0, 1):
        source = PhantomSource(domains=("phantom-colonoscopy",), train=4, val=4, test=4, seed=seed)
        for split in ("train", "val", "test"):
            pairs = source.build().read(split, SECTION)
            digests += [hashlib.sha256(image).hexdigest() for image in pairs.images]
    assert len(set(digests)) == len(digests) == 24


def test_a_limit_takes_that_many_training_images_and_the_smaller_is_part_of_the_larger():
    domains = ("phantom-dermoscopy", "phantom-fundus")

    def names(split, **limit):
        source = PhantomSource(domains=domains, train=6, val=2, **limit).build()
        return set(source.read(split, SECTION).facets["name"])

    assert len(names("train", limit=3)) == 3
    assert names("train", limit=3) < names("train", limit=7) < names("train")
    assert names("train", limit=3) != names("train", limit=3, limit_seed=1)
    assert names("val", limit=3) == names("val")


def test_grey_is_repeated_and_colour_becomes_its_luma():
    grey, colour = "phantom-cardiac-mri", "phantom-fundus"
    source = PhantomSource(domains=(grey, colour), train=1).build()
    one = source.read("train", ImageSection(size=32, channels=1))
    three = source.read("train", ImageSection(size=32, channels=3))
    np.testing.assert_array_equal(three.images[0], np.repeat(one.images[0], 3, axis=-1))
    luma = three.images[1] @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    np.testing.assert_allclose(one.images[1][..., 0], luma, atol=1)
    np.testing.assert_array_equal(one.masks, three.masks)


def test_the_digest_names_the_content():
    def digest(**section):
        return PhantomSource(**section).build().digest

    assert digest() == digest() == digest(domains=DEFAULT_PHANTOMS)
    other = [digest(seed=1), digest(train=65), digest(limit=9), digest(domains=tuple(PHANTOMS))]
    assert len({digest(), *other}) == 5


def test_a_phantom_source_has_no_problems_and_says_its_licence():
    source = PhantomSource().build()
    assert source.problems(ImageSection()) == []
    assert source.licence == "CC0-1.0"


def test_a_source_that_names_no_domains_draws_what_it_always_drew():
    # A new phantom must not join: recipes and the checkpoint that ships rely on these.
    assert tuple(PhantomSource().build().domains) == (
        "phantom-chest-xray",
        "phantom-cardiac-mri",
        "phantom-abdomen-ct",
        "phantom-breast-us",
        "phantom-colonoscopy",
        "phantom-fundus",
        "phantom-dermoscopy",
    )
    everything = PhantomSource(domains=tuple(PHANTOMS), train=1).build()
    assert len(everything.read("train", SECTION)) == len(PHANTOMS) > len(DEFAULT_PHANTOMS)


@pytest.mark.parametrize(
    ("section", "hint"),
    [
        ({"domains": ("phantom-fundos",)}, "phantom-fundus"),
        ({"domains": ("phantom-fundus", "phantom-fundus")}, "once"),
        ({"domains": ()}, "at least 1"),
        ({"train": 0}, "greater than or equal to 1"),
        ({"domains": ("phantom-fundus",), "train": 4, "limit": 5}, "raise train"),
        ({"trian": 4}, "trian"),
    ],
)
def test_a_wrong_section_is_refused(section, hint):
    with pytest.raises(ValidationError, match=hint):
        PhantomSource(**section)


# ---- the geometry beneath ----


def test_a_round_contour_is_a_disc_and_its_level_a_distance():
    canvas = flat_canvas(200)
    level = contour(canvas, (0.1, -0.2), (0.5, 0.5))
    area = np.mean(level < 0) * 4
    assert area == pytest.approx(np.pi * 0.5**2, rel=2e-3)
    distance = np.hypot(canvas.x - 0.1, canvas.y + 0.2) - 0.5
    np.testing.assert_allclose(level, distance, atol=1e-5)


def test_one_harmonic_makes_a_rose_of_that_order():
    # r = 0.5 (1 + 0.2 cos 2a): 0.6 along x and 0.4 along y.
    canvas = flat_canvas(400)
    shape = contour(canvas, (0, 0), (0.5, 0.5), 0, np.array([0.2], np.complex64)) < 0
    rows, columns = shape.any(1), shape.any(0)
    assert np.ptp(canvas.x[0][columns]) / 2 == pytest.approx(0.6, abs=0.01)
    assert np.ptp(canvas.y[:, 0][rows]) / 2 == pytest.approx(0.4, abs=0.01)


def test_the_drawn_edge_is_half_covered_where_the_mask_ends():
    level = np.array([[-1.0, -0.05, 0.0, 0.05, 1.0]], np.float32)
    np.testing.assert_allclose(inside(level, 0.1), [[1, 1, 0.5, 0, 0]], atol=1e-6)


def test_a_pixel_belongs_to_the_class_that_covers_most_of_it():
    # Four pixels of 2 x 2 points each; "b" lies over "a".
    #   pixel      a-points  b-points  rest
    #   (0, 0)        1         0        3    -> background
    #   (0, 1)        2         0        2    -> a: a tie goes to the structure
    #   (1, 0)        2         2        0    -> b: a tie goes to the class on top
    #   (1, 1)        3         1        0    -> a
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    a[0, 0] = True
    a[0, 2:4] = True
    a[2:4] = True
    b[2, 0:2] = True
    b[3, 3] = True
    mask = index_mask({"a": a, "b": b}, ("a", "b"), 2)
    np.testing.assert_array_equal(mask, [[0, 1], [2, 1]])


def test_an_absent_class_keeps_its_index_free():
    b = np.ones((4, 4), bool)
    assert indices(index_mask({"b": b}, ("a", "b"), 2)) == {2}


def test_shrinking_takes_the_mean_of_each_block():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(shrink(image), [[2.5, 4.5], [10.5, 12.5]])


def test_smooth_noise_is_one_field_at_every_size_and_about_standard():
    small, large = (smooth_noise(np.random.default_rng(3), size, 6) for size in (60, 180))
    np.testing.assert_allclose(small, large[1::3, 1::3], atol=1e-5)
    fields = [smooth_noise(np.random.default_rng(seed), 32, 8) for seed in range(40)]
    assert np.std(fields) == pytest.approx(1, abs=0.05)
    assert np.mean(fields) == pytest.approx(0, abs=0.05)


def test_a_pose_maps_its_own_coordinates_back_to_pixels():
    canvas = posed_canvas(64, np.random.default_rng(0), turn=0.3, warp=0.0)
    points = np.stack([canvas.x, canvas.y], axis=-1)
    rows, columns = np.mgrid[0:64, 0:64] + 0.5
    np.testing.assert_allclose(canvas.pixels(points), np.stack([columns, rows], -1), atol=1e-3)


def test_ripples_have_the_asked_strength():
    rng = np.random.default_rng(0)
    waves = np.array([ripple(rng, 0.1) for _ in range(2000)])
    # The radius varies by the sum of the harmonics' variances, half of |wave|^2 each.
    assert np.sqrt((np.abs(waves) ** 2).sum(1).mean() / 2) == pytest.approx(0.1, rel=0.03)


def test_trees_fork_in_two_and_thin_by_murrays_law():
    trees = grow_trees(
        np.random.default_rng(0), [[0, 0]] * 3, [0, 1, 2], length=1, width=0.2, generations=3
    )
    assert [len(points) for points, _ in trees] == [3, 6, 12, 24]
    for (_, parent), (_, daughter) in itertools.pairwise(trees):
        assert parent**3 == pytest.approx(2 * daughter**3)
    np.testing.assert_allclose(trees[1][0][:2, 0], trees[0][0][[0, 0], -1])


def test_a_thin_branch_is_faint_and_a_wide_one_covers():
    canvas = flat_canvas(64)
    line = np.array([[[-0.5, 0.01], [0.5, 0.01]]])
    assert draw_branches(canvas, [(line, 0.25)]).max() == 1
    assert 0 < draw_branches(canvas, [(line, 0.01)]).max() < 0.5


@pytest.mark.parametrize(("lung", "side"), [("right lung", 0), ("left lung", 1)])
def test_an_opacity_lies_in_a_lung_that_is_shown(lung, side):
    """Over a lung that was left out it would be white on white."""
    for seed in range(12):
        _, mask = render("phantom-chest-xray", "pneumonia", (lung, "opacity"), seed, 48)
        opacity = np.argwhere(mask == 4)
        assert len(opacity)
        assert bool(opacity[:, 1].mean() > 24) == bool(side)


def test_findings_of_training_images_take_the_turns_that_are_named():
    section = PhantomSource(
        domains=("phantom-chest-xray",),
        train=8,
        val=3,
        findings=("pneumonia", "normal", "pneumonia"),
    )
    source = section.build()
    found = source.read("train", ImageSection(size=32)).facets["finding"]
    assert list(found) == ["pneumonia", "normal", "pneumonia"] * 2 + ["pneumonia", "normal"]
    assert set(source.read("val", ImageSection(size=32)).facets["finding"]) == set(
        source.domains["phantom-chest-xray"].findings
    )
    whole = section.model_copy(update={"findings": None})
    assert source.digest != whole.build().digest
    with pytest.raises(ValueError, match="nearest known: 'pneumonia'"):
        PhantomSource(domains=("phantom-chest-xray",), findings=("pneumona",))


def test_structures_left_out_are_missing_from_training_images_and_their_labels():
    names = ("phantom-chest-xray",)
    whole = PhantomSource(domains=names, train=12, val=2)
    section = whole.model_copy(update={"structure_dropout": 0.5})
    source, train = section.build(), section.build().read("train", SECTION)
    domain = source.domains[names[0]]
    for row, mask in zip(train.facets.to_dict("records"), train.masks, strict=True):
        shown = {domain.class_names[index] for index in np.unique(mask) if index}
        assert shown == set(row["labels"].split(";")) != set()
        assert not row["finding"] or shown == set(domain.shown(row["finding"]))
    assert (train.facets["finding"] == "").sum() >= 6
    assert len(set(train.facets["labels"])) > 3
    kept, plain = source.read("val", SECTION), whole.build().read("val", SECTION)
    np.testing.assert_array_equal(kept.images, plain.images)
    assert source.digest != whole.build().digest
