"""The questions of a report, and how to read the answers."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.metrics.registry import METRICS


@dataclass(frozen=True)
class Section:
    """A question of the report, and how to read the answer."""

    key: str
    question: str
    reading: str

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that have a line in it, as they say themselves."""
        return tuple(name for name, metric in METRICS.items() if metric.section == self.key)


SECTIONS = (
    Section(
        "consistency",
        "Do the masks fit the images?",
        "A judge trained on real pairs segments every synthetic image and is compared with its "
        "mask. Its agreement means something only between two bounds: what it reaches on real "
        "held-out pairs, and what the same images reach with masks that are not theirs. The "
        "intervals take the judge as given; another judge would differ a little.",
    ),
    Section(
        "prompts",
        "Do they show what was asked for?",
        "A class that was asked for should be in the mask, and the finding that was asked for in "
        "the image, as a classifier trained on real images sees it. That classifier errs on real "
        "images too: its accuracy on real held-out ones is what the pairs could reach at best.",
    ),
    Section(
        "fidelity",
        "Do they look real?",
        "Distances compare distributions of features with the real training pairs; only the one "
        "called FID is an FID, the others compare only with one another. MMD is the one to read "
        "first: a Fréchet distance shrinks as pairs are added, so that below five pairs per feature "
        "it shows its bias, and its fair comparison with the real floor is at an equal number of "
        "pairs, or extrapolated to infinitely many.",
    ),
    Section(
        "diversity",
        "Are they varied?",
        "Mean similarity of two images drawn at random. Well above the real value, the generator "
        "repeats itself; well below, its images share too little with real anatomy.",
    ),
    Section(
        "privacy",
        "Are they copies?",
        "A synthetic image counts as a near copy if it lies nearer to a training image than all "
        "but 1 % of held-out real images do, so about 1 % are flagged where nothing was copied, "
        "more where few images were held out. The certifiable share is the smallest that so many "
        "pairs could rule out. This sees copies of whole images, mirrored, tilted or shifted a "
        "little, or changed in contrast; it does not prove that no patient could be recognised.",
    ),
    Section(
        "alarms",
        "Which differences does chance not explain?",
        "Six tests against real pairs, each of which gives a difference a name; all of them "
        "together raise a false alarm in 3 % of sound versions of one domain. Good generators raise some too, "
        "since none draws exactly what is real: an alarm says where to look.",
    ),
    Section(
        "utility",
        "Are they useful?",
        "A segmenter, or a classifier of the finding, is trained on real pairs, on synthetic ones "
        "or on both, for equally many steps and with the same classical augmentation. An interval "
        "that holds 0 means that a gain was not shown, not that there is none. What the generator "
        "had seen decides what a gain means: pairs of one that knew more real images than the arm "
        "carry those over.",
    ),
)
