"""The scores of downstream models: what the pairs are worth to segmenters and to classifiers."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.metrics.metric import Family, Metric, Need

MASKS = frozenset({Need.DOWNSTREAM, Need.MASKS})
IMAGES = frozenset({Need.DOWNSTREAM})
SECTION = "utility"

_PARTS = {
    "harmonic": "over seen and over unseen classes, the harmonic mean of both.",
    "seen": "on real held-out pairs over the classes that real training images show, where others "
    "were kept from every arm.",
    "unseen": "on real held-out pairs over the classes that no real training image shows: what a "
    "segmenter knows of them comes from synthetic pairs.",
}
_BESIDE = {"harmonic": ("seen", "unseen")}
_UNSEEN = {
    f"utility_{part}_{name}": Metric(
        unit,
        True,
        1,
        f"{unit} {text}",
        tuple(f"utility_{other}_{name}" for other in _BESIDE.get(part, ())),
        MASKS,
        SECTION if part in _BESIDE else "",
    )
    for name, unit in (("dice", "Dice"), ("iou", "IoU"))
    for part, text in _PARTS.items()
}

_METRICS: Mapping[str, Metric] = {
    "utility_gain": Metric(
        "Dice",
        True,
        1,
        "Dice on real held-out pairs of a segmenter trained on real and synthetic pairs, less "
        "that of one trained on the same real pairs alone, for equally many steps.",
        needs=MASKS,
        section=SECTION,
    ),
    "utility_equivalent_images": Metric(
        "images",
        True,
        1,
        "Real images that teach a segmenter as much as the synthetic pairs do, read off the "
        "learning curve of real images. Where a bound is 0 or infinite, it lies before the "
        "curve's beginning or beyond its end, and a value there is that end.",
        needs=MASKS,
        section=SECTION,
    ),
    "utility_auroc_gain": Metric(
        "AUROC",
        True,
        1,
        "AUROC of the findings of real held-out images by a classifier trained on real and "
        "synthetic images, less that of one trained on the same real images alone, for equally "
        "many steps.",
        needs=IMAGES,
        section=SECTION,
    ),
    "utility_auroc_equivalent_images": Metric(
        "images",
        True,
        1,
        "Real images that teach a classifier as much as the synthetic ones do, read off the "
        "learning curve of real images; bounds and ends as for segmenters.",
        needs=IMAGES,
        section=SECTION,
    ),
    **_UNSEEN,
}

UTILITY = Family(_METRICS)
