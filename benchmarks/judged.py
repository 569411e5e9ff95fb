"""What a judge says of each step's masks on drawn images, whose truth nobody knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.figures import Figure
from evaluation.agreement.judge_agreement import mean_mask
from evaluation.dice import overlaps
from evaluation.scoring.judges import new_judge
from evaluation.settings import EvaluateSection
from evaluation.statistics import bootstrap
from factory.generators.diffmask import DiffMask
from factory.pairs import Masks, PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain

Floats = NDArray[np.float64]


def shown_iou(masks: Masks, truth: Masks, classes: int) -> Floats:
    """(N,) mean IoU over the classes that each true mask (H, W) shows; 0 where it shows none."""
    found = overlaps(masks, truth, classes)
    total = np.where(found.positive, found.iou, 0.0).sum(1)
    return np.asarray(total / np.maximum(1, found.positive.sum(1)))


def judged(
    generator: DiffMask,
    prompts: Sequence[Prompt],
    train: PairBatch,
    held_out: PairBatch,
    domain: Domain,
    section: EvaluateSection,
) -> dict[str, Figure]:
    """IoU of each step's masks with a judge's, on images drawn by the prompts; none is gated.

    The judge is a segmenter that learned from the real training pairs of the domain. Its own IoU
    on real held-out pairs is `real`; `control` is the mean training mask for every drawn image.
    """
    judge, loop = new_judge(train, domain.name, domain.classes, section)
    for _ in tqdm(loop, desc="judge", total=section.judge_steps, unit="step"):
        pass
    images, refined = [], []
    drawn = generator.records(prompts, [prompt.seed for prompt in prompts])
    for image, record in tqdm(drawn, desc="drawing", total=len(prompts), unit="image"):
        images.append(image)
        refined.append(generator.refinements[domain.name].refine(record) if record else {})
    classes, truth = len(domain.classes), judge.predict(np.stack(images))
    average = np.broadcast_to(mean_mask(train.masks, classes), truth.shape).astype(np.uint8)
    empty = np.zeros_like(truth[0])
    ious: dict[str, Floats] = {
        step: shown_iou(np.stack([masks.get(step, empty) for masks in refined]), truth, classes)
        for step in generator.masks.steps
        if step != "gate"
    }
    ious["control"] = shown_iou(average, truth, classes)
    ious["real"] = shown_iou(judge.predict(held_out.images), held_out.masks, classes)
    return {name: Figure.estimated(bootstrap.mean(iou, seed=0)) for name, iou in ious.items()}
