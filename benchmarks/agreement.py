"""Every number of the evaluation that someone else's code also gives, from both.

One function per library or formula yields (what, ours, theirs) on the same random input. pyradiomics
and frd-score are optional: where they are absent, so are their rows.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from itertools import product

import numpy as np
import pandas as pd
import torch
from monai.metrics import (
    DiceHelper,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from monai.metrics.fid import get_fid_score
from numpy.typing import NDArray
from prdc import compute_prdc
from scipy import linalg, stats
from skimage.feature import graycomatrix, graycoprops
from skimage.measure import regionprops
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel

from evaluation.agreement.surface_distance import surfaces
from evaluation.dice import overlaps
from evaluation.features.mask_shape import boundary, geometry
from evaluation.features.radiomics import GREY, SHAPE, Measured
from evaluation.features.texture import FLOOR, LEVELS, co_occurrence, first_order
from evaluation.fidelity.frechet import frechet
from evaluation.fidelity.mmd import SCALES, Kernel, mmd
from evaluation.fidelity.prdc import NEAREST, prdc
from evaluation.fidelity.vendi import vendi
from evaluation.pairs import Masks
from evaluation.privacy.memorisation import NearestNeighbourDistances, membership_advantage
from evaluation.statistics.bootstrap import wilson

Agreement = tuple[str, float, float]
Check = Callable[[int], Iterator[Agreement]]
Floats = NDArray[np.float64]
TOLERANCE_MM = 2.0


def features(seed: int) -> tuple[Floats, Floats]:
    """Two sets of vectors from differing distributions."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(12, 12)) / 3
    return rng.normal(size=(150, 12)), rng.normal(0.3, 1.2, (180, 12)) @ mix


def blobs(seed: int) -> tuple[Masks, Masks]:
    """Masks of two classes and predictions of them, no class missed."""
    rng, y, x = np.random.default_rng(seed), *np.mgrid[:48, :48]
    masks, guesses = np.zeros((2, 6, 48, 48), np.uint8)
    for case, index in product(range(6), (1, 2)):
        centre, radius = rng.uniform(14, 34, 2), rng.uniform(6, 12)
        for target, off in ((masks, 0.0), (guesses, rng.normal(0, 2))):
            target[case][np.hypot(y - centre[0] - off, x - centre[1]) < radius] = index
    return masks, guesses


def distances(seed: int) -> Iterator[Agreement]:
    """SciPy's matrix root, MONAI, scikit-learn and the authors of precision and recall."""
    a, b = features(seed)
    gap = a.mean(0) - b.mean(0)
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    theirs = gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root)
    yield "Fréchet distance, scipy", frechet(a, b), float(theirs)
    with warnings.catch_warnings():
        # MONAI calls SciPy's root with an argument that SciPy will drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        monai = get_fid_score(torch.from_numpy(a), torch.from_numpy(b))
    yield "Fréchet distance, MONAI", frechet(a, b), float(monai)
    yield "kernel distance, scikit-learn", *_kernel(a, b)
    with redirect_stdout(sys.stderr):  # it prints, and stdout is for the figures
        published = compute_prdc(b, a, nearest_k=NEAREST)
    ours = prdc(a, b)
    for name, value in published.items():
        yield f"{name}, prdc", getattr(ours, name), float(value)
    kernel = Kernel.of(b)
    shares = linalg.eigvalsh(kernel.gram(a, a) / len(a)).clip(1e-300)
    entropy = stats.entropy(shares)
    yield "Vendi score, scipy", vendi(a, kernel), float(np.exp(entropy))


def _kernel(a: Floats, b: Floats) -> tuple[float, float]:
    kernel = Kernel.of(b)
    gammas = [1 / (2 * (scale * kernel.bandwidth) ** 2) for scale in SCALES]

    def mean(one: Floats, other: Floats, own: bool) -> float:
        table = np.mean([rbf_kernel(one, other, gamma) for gamma in gammas], axis=0)
        return float(table[~np.eye(len(one), dtype=bool)].mean() if own else table.mean())

    theirs = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    return mmd(a, b, kernel), theirs


def segmentations(seed: int) -> Iterator[Agreement]:
    """MONAI's Dice, 95 % Hausdorff distance and surface Dice."""
    masks, guesses = blobs(seed)
    truth, guess = (torch.from_numpy(np.eye(3)[m]).permute(0, 3, 1, 2) for m in (masks, guesses))
    dice, _ = DiceHelper(include_background=False, softmax=False)(guess, truth)
    yield "Dice, MONAI", float(overlaps(guesses, masks, 2).dice.mean()), float(dice.mean())
    spacing = np.full((len(masks), 2), 0.7, np.float32)
    ours = surfaces(guesses, masks, 2, spacing, TOLERANCE_MM)
    spaced = float(spacing[0, 0])
    hd95 = compute_hausdorff_distance(guess, truth, percentile=95, spacing=spaced)
    yield "HD95, MONAI", float(ours.hd95.mean()), float(hd95.mean())
    nsd = compute_surface_dice(guess, truth, [TOLERANCE_MM] * 2, spacing=spaced)
    yield "surface Dice, MONAI", float(ours.nsd.mean()), float(nsd.mean())


def features_of_pairs(seed: int) -> Iterator[Agreement]:
    """scikit-image's region properties and co-occurrence."""
    masks, _ = blobs(seed)
    region = regionprops((masks[0] == 2).astype(np.uint8))[0]
    _, area, row, column, elongation, _, _ = geometry(masks[:1], 2)[0].reshape(2, 7)[1]
    height, width = masks.shape[1:]
    yield "area, scikit-image", area**2 * height * width, float(region.area)
    yield "centroid row, scikit-image", row * height - 0.5, float(region.centroid[0])
    yield "centroid column, scikit-image", column * width - 0.5, float(region.centroid[1])
    # Ours counts a pixel's own extent (1/12) in, so that a single pixel is round.
    long, short = (float(length) + 1 / 12 for length in region.inertia_tensor_eigvals)
    yield "elongation, scikit-image", elongation, float(np.sqrt(1 - short / long))
    grey = np.random.default_rng(seed).integers(0, 256, (40, 40)).astype(np.float32)
    contrast, homogeneity, _, correlation = co_occurrence(grey[None])[0, :4]
    joint = _joint((grey.astype(int) * LEVELS // 256).astype(np.uint8))
    yield "GLCM contrast, scikit-image", 10**contrast - 0.01, _property(joint, "contrast")
    yield "GLCM homogeneity, scikit-image", homogeneity, _property(joint, "homogeneity")
    yield "GLCM correlation, scikit-image", correlation, _property(joint, "correlation")


def _joint(levels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Counts one pixel right, down and on both diagonals, pooled as ours are."""
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    counts = graycomatrix(levels, [1], angles[::2], LEVELS, symmetric=True).sum((2, 3))
    diagonal = sum(
        graycomatrix(levels, [np.sqrt(2)], [angle], LEVELS, symmetric=True)[:, :, 0, 0]
        for angle in angles[1::2]
    )
    pooled = (counts + diagonal).astype(np.float64)[:, :, None, None]
    return np.asarray(pooled / pooled.sum())


def _property(joint: NDArray[np.float64], name: str) -> float:
    return float(graycoprops(joint, name)[0, 0])


def inference(seed: int) -> Iterator[Agreement]:
    """SciPy's binomial interval and scikit-learn's area under the curve."""
    rng = np.random.default_rng(seed)
    hits = int(rng.integers(1, 30))
    theirs = stats.binomtest(hits, 40).proportion_ci(method="wilson")
    ours = wilson(hits, 40)
    yield "Wilson interval low, scipy", ours.low, float(theirs.low)
    yield "Wilson interval high, scipy", ours.high, float(theirs.high)
    train = rng.uniform(size=(1, 30)).astype(np.float32)
    held = rng.uniform(0.1, 1.1, size=(1, 20)).astype(np.float32)
    among = np.eye(30, dtype=np.float32)
    found = NearestNeighbourDistances(
        train, held, held.T, among, np.arange(1), np.arange(30), np.arange(20)
    )
    auc = roc_auc_score([1] * 30 + [0] * 20, -np.concatenate([train[0], held[0]]))
    yield "membership advantage, scikit-learn", membership_advantage(found).value, 2 * auc - 1


def pyradiomics_of_images(seed: int) -> Iterator[Agreement]:
    """First order and co-occurrence of a whole image by pyradiomics.

    Not at 3 px: there pyradiomics takes twelve directions, and ours are four.
    """
    grey = np.random.default_rng(seed).integers(0, 256, (40, 40)).astype(np.float32)
    theirs = _measured(grey, np.ones(grey.shape, bool), binWidth=8)
    ours = first_order(grey[None])[0]
    quartiles = 255 * ours[[3, 5]]
    yield "mean, pyradiomics", 255 * ours[0], theirs["firstorder_Mean"]
    variance = (10 ** ours[1] - FLOOR) ** 2
    yield "variance, pyradiomics", variance, theirs["firstorder_Variance"]
    yield "median, pyradiomics", 255 * ours[4], theirs["firstorder_Median"]
    between = theirs["firstorder_InterquartileRange"]
    yield "interquartile range, pyradiomics", float(np.ptp(quartiles)), between
    yield "entropy, pyradiomics", 5 * ours[-1], theirs["firstorder_Entropy"]
    # One matrix of all directions, as ours is; by default each has its own, and features are means.
    pooled = {"weightingNorm": "no_weighting", "binWidth": 256 // LEVELS}
    theirs = _measured(grey, np.ones(grey.shape, bool), **pooled)
    contrast, homogeneity, entropy, correlation = co_occurrence(grey[None])[0, :4]
    yield "GLCM contrast, pyradiomics", 10**contrast - 0.01, theirs["glcm_Contrast"]
    yield "GLCM homogeneity, pyradiomics", homogeneity, theirs["glcm_Idm"]
    yield "GLCM entropy, pyradiomics", 8 * entropy, theirs["glcm_JointEntropy"]
    yield "GLCM correlation, pyradiomics", correlation, theirs["glcm_Correlation"]


def pyradiomics_of_regions(seed: int) -> Iterator[Agreement]:
    """Shape and grey levels of a region by pyradiomics; its perimeter is cut at the corners."""
    masks, _ = blobs(seed)
    masks, inside = masks[:1], masks[0] == 2
    grey = np.random.default_rng(seed).integers(0, 256, inside.shape).astype(np.float32)
    theirs = _measured(grey, inside)
    _, area, _, _, elongation, _, _ = geometry(masks, 2)[0].reshape(2, 7)[1]
    yield "area, pyradiomics", area**2 * inside.size, theirs["shape2D_PixelSurface"]
    # Axes are four standard deviations; ours count a pixel's own extent (1/12) in.
    long, short = (
        (theirs[f"shape2D_{each}AxisLength"] / 4) ** 2 + 1 / 12 for each in ("Major", "Minor")
    )
    yield "elongation, pyradiomics", elongation, float(np.sqrt(1 - short / long))
    _, _, mean, spread = boundary(grey[None], masks, 2)[0].reshape(2, 4)[1]
    scale = float(grey.std()) + FLOOR
    within = (theirs["firstorder_Mean"] - float(grey.mean())) / scale
    yield "inside mean, pyradiomics", mean, within
    deviation = float(np.sqrt(theirs["firstorder_Variance"]))
    yield "inside spread, pyradiomics", spread, float(np.log10((deviation + FLOOR) / scale))


def _measured(
    grey: NDArray[np.floating], inside: NDArray[np.bool_], **settings: object
) -> dict[str, float]:
    measured = Measured(GREY + SHAPE, **settings)
    return dict(zip(measured.names, measured.of(grey, inside).tolist(), strict=True))


def published_frd(seed: int) -> Iterator[Agreement]:
    """The squared distance that frd-score takes the logarithm of."""
    from frd_score.frd import calculate_frechet_distance

    a, b = features(seed)
    moments = (f(x) for x in (a, b) for f in (lambda x: x.mean(0), lambda x: np.cov(x.T)))
    yield "Fréchet distance, frd-score", frechet(a, b), float(calculate_frechet_distance(*moments))


# Module -> what it is asked, where it is installed.
OPTIONAL: Mapping[str, tuple[Check, ...]] = {
    "radiomics": (pyradiomics_of_images, pyradiomics_of_regions),
    "frd_score": (published_frd,),
}

CHECKS: tuple[Check, ...] = (
    distances,
    segmentations,
    features_of_pairs,
    inference,
    *(check for name, checks in OPTIONAL.items() if find_spec(name) for check in checks),
)


def table(seeds: int = 5) -> pd.DataFrame:
    """Relative difference of every number: a row per check, the worst of all seeds."""
    rows = [found for check in CHECKS for seed in range(seeds) for found in check(seed)]
    frame = pd.DataFrame(rows, columns=["what", "ours", "theirs"])
    scale = frame["theirs"].abs().clip(lower=1e-12)
    frame["relative"] = (frame["ours"] - frame["theirs"]).abs() / scale
    return frame.groupby("what", sort=False)["relative"].max().reset_index()
