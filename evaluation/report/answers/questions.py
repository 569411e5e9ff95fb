"""The six questions, in the order of the page, and what answers each."""

from evaluation.report.answers.measure import Measure, Question
from evaluation.report.answers.verdicts import (
    ABOVE_ZERO,
    ALONE,
    AROUND_ONE,
    AS_HIGH,
    AS_LOW,
    FEW,
    IN_RANGE,
    NO_MORE,
    SHARE,
    WAY_TO_REAL,
)

QUESTIONS = (
    Question(
        "consistency",
        "Do the masks fit the images?",
        (
            Measure(
                "consistency_closed",
                WAY_TO_REAL,
                "way from masks of other pairs (0) to real pairs (1)",
                "",
                "real pairs get 1",
                (
                    "Masks fit their images about as well as real masks do.",
                    "Masks fit better than masks of other pairs, not as well as real ones.",
                    "It is not shown that masks fit better than masks of other pairs would.",
                ),
            ),
            Measure(
                "plausible_share",
                AS_HIGH,
                "share of masks shaped and placed like real ones",
                "plausible_share_real",
                "of real held-out masks",
                (
                    "Masks have the shapes, places and pieces of real ones.",
                    "Many masks have a shape, place or number of pieces that no real one has.",
                    "Most masks have a shape, place or number of pieces that no real one has.",
                ),
            ),
        ),
    ),
    Question(
        "fidelity",
        "Do the images look real?",
        (
            Measure(
                "precision",
                AS_HIGH,
                "share of pairs that lie among real ones",
                "precision_real",
                "of real held-out pairs",
                (
                    "Pairs lie among real ones as often as real ones do.",
                    "Pairs lie among real ones less often than real ones do.",
                    "Few or no pairs lie among real ones.",
                ),
            ),
            Measure(
                "mmd_handcrafted",
                AS_LOW,
                "distance (MMD) to real training pairs",
                "mmd_handcrafted_real",
                "of real held-out pairs",
                (
                    "Pairs are as near to real ones as other real ones are.",
                    "Pairs are farther from real ones than other real ones are.",
                    "Pairs are far from real ones.",
                ),
            ),
            Measure(
                "sharpness",
                AROUND_ONE,
                "power of fine detail over that of real images",
                "sharpness_real",
                "of other real images",
                (
                    "Images are as sharp as real ones.",
                    "Images are blurrier, or noisier, than real ones.",
                    "Images are far blurrier, or noisier, than real ones.",
                ),
            ),
            Measure(
                "alarms",
                FEW,
                "tests that tell the pairs from real ones",
                "",
                "chance alone raises none in 97 of 100 versions",
                (
                    "No test tells the pairs from real ones.",
                    "A test or two tell the pairs from real ones.",
                    "Most tests tell the pairs from real ones.",
                ),
            ),
            Measure(
                "mmd_texture",
                AS_LOW,
                "distance (MMD) of texture to real training images",
                "mmd_texture_real",
                "of real held-out images",
                (
                    "Their texture is as near to real images as that of other real ones.",
                    "Their texture is farther from real images than that of other real ones.",
                    "Their texture is far from that of real images.",
                ),
            ),
        ),
    ),
    Question(
        "diversity",
        "Are they as diverse as real ones?",
        (
            Measure(
                "coverage",
                AS_HIGH,
                "share of real pairs with a synthetic one near",
                "coverage_real",
                "with a real held-out one near",
                (
                    "They reach the real pairs as widely as other real ones do.",
                    "Some kinds of real pairs have no synthetic one near.",
                    "Most kinds of real pairs have no synthetic one near.",
                ),
            ),
            Measure(
                "ms_ssim_rank",
                IN_RANGE,
                "share of real image pairs less alike than synthetic ones in the mean",
                "",
                "real ones get 0.025 to 0.975",
                (
                    "Two images differ as much as two real ones do.",
                    "Two images may differ less, or more, than two real ones do.",
                    "Two images differ less, or more, than two real ones do.",
                ),
            ),
        ),
    ),
    Question(
        "privacy",
        "Are they free of copies of training images?",
        (
            Measure(
                "memorised_share",
                NO_MORE,
                "share of near copies of training images",
                "memorised_share_real",
                "among real images of other patients",
                (
                    "Near copies are no more than chance gives among real images of other patients.",
                    "More near copies than among real images of other patients: look at them.",
                    "Many images are near copies of training images: do not pass them on.",
                ),
            ),
        ),
    ),
    Question(
        "utility",
        "Do they help to train a model?",
        (
            Measure(
                "utility_gain",
                ABOVE_ZERO,
                "Dice that a segmenter of real pairs gains",
                "",
                "real images alone get 0",
                (
                    "A segmenter gets better when they are added to few real images.",
                    "A gain beside few real images may be chance: not shown.",
                    "A segmenter gains nothing when they are added to few real images.",
                ),
            ),
            Measure(
                "utility_auroc_gain",
                ABOVE_ZERO,
                "AUROC that a classifier of real images gains",
                "",
                "real images alone get 0",
                (
                    "A classifier gets better when they are added to few real images.",
                    "A gain beside few real images may be chance: not shown.",
                    "A classifier gains nothing when they are added to few real images.",
                ),
            ),
            Measure(
                "tstr_dice",
                ALONE,
                "Dice on real pairs of a segmenter trained on synthetic ones alone",
                "consistency_real",
                "of one trained on real ones",
                (
                    "",
                    "A segmenter learns from them alone; whether they add to real ones was not tried.",
                    "A segmenter learns little from them; whether they add to real ones was not tried.",
                ),
                fallback=True,
            ),
        ),
    ),
    Question(
        "prompts",
        "Do they show what was asked for?",
        (
            Measure(
                "finding_agreement_closed",
                WAY_TO_REAL,
                "way of their findings from chance (0) to real images (1)",
                "",
                "real images get 1",
                (
                    "The finding asked for is recognised about as well as in real images.",
                    "The finding asked for is recognised above chance, not as in real images.",
                    "It is not shown that the finding asked for is recognised above chance.",
                ),
            ),
            Measure(
                "asked_present",
                SHARE,
                "share of classes asked for that the mask shows",
                "",
                "all of them would be 1",
                (
                    "Masks show the classes that were asked for.",
                    "Some masks lack a class that was asked for.",
                    "Most masks lack a class that was asked for.",
                ),
            ),
        ),
    ),
)
