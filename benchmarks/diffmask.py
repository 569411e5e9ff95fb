"""How well do masks read from attention fit? Every step, on held-out images whose truth is known.

Held-out phantoms and X-rays (validation and test images) are noised anew and the attention is read
while the network looks at them; what it finds is held against their masks, beside two controls.
Images drawn anew have no true mask: there, every step is held against a judge's. No mask was used
to train the checkpoints.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from tqdm import tqdm

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.judged import judged, shown_iou
from evaluation.agreement.judge_agreement import mean_mask
from evaluation.pairs import take, units_of
from evaluation.settings import EvaluateSection
from evaluation.statistics import bootstrap
from factory.attention_maps.settings import STEPS, Step
from factory.errors import InputError
from factory.generators.diffmask import DiffMask
from factory.generators.specs import DiffMaskSpec
from factory.models.checkpoints import CARD, checkpoint_digest
from factory.pairs import Images, Masks, PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt
from factory.sources.base import Source
from factory.sources.splits import Split
from factory.vocabulary import Domain
from flows.planning.recipe import load_recipe

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
SITES = ("shenzhen", "montgomery")
CHECKPOINTS = {name: HERE / "recorded" / f"diffmask-{name}" for name in ("phantoms", "cxr")}
ABSENT = "polyp"  # in the vocabulary, hence in the text encoder, and in no chest
QUICK, FULL = 32, 400  # images of each kind, at most
JUDGE_STEPS = 400
TIMED = {True: 3, False: 9}  # pairs of batches, quick or not
BARS = (
    Bar("iou_phantom_affinity", ">=", 0.80),
    Bar("iou_phantom_affinity", ">=", 0.10, over="iou_phantom_attention"),
    Bar("iou_phantom_affinity", ">=", 0.05, over="iou_phantom_control"),
    Bar("iou_real_affinity", ">=", 0.03, over="iou_real_control"),
    Bar("tap_overhead", "<=", 1.25),
    Bar("tap_bit_identical", ">=", 1),
)

Floats = NDArray[np.float64]
Figures = dict[str, Figure]


@dataclass(frozen=True)
class Setup:
    """A trained generator beside real images of one domain."""

    generator: DiffMask
    train: PairBatch
    held_out: PairBatch
    domain: Domain

    @staticmethod
    def of(recipe_name: str, checkpoint: Path, overrides: Sequence[str], most: int) -> Setup:
        """Reads the pairs of the one domain that a recipe's grid asks for, and its generator.

        Raises:
            InputError: if there is no checkpoint, or another kind of generator.
        """
        if not (checkpoint / CARD).is_file():
            raise InputError(
                f"there is no checkpoint {checkpoint}: train one with `medpair train "
                f"{recipe_name}` and name the folder that it prints"
            )
        recipe = load_recipe(recipe_name, overrides)
        spec = recipe.generator
        if not isinstance(spec, DiffMaskSpec):
            raise InputError(f"recipe {recipe_name} has the generator {spec.kind}, not diffmask")
        source: Source = recipe.source.build()
        (domain,) = PromptGrid(recipe.grid, source.domains).domains.values()

        def outlined(split: Split) -> PairBatch:
            pairs = source.read(split, recipe.image)
            return pairs[pairs.has_mask & (pairs.facets["domain"] == domain.name).to_numpy()]

        held_out = PairBatch.concatenate([outlined("val"), outlined("test")])
        spread = np.unique(np.linspace(0, len(held_out) - 1, min(most, len(held_out))).astype(int))
        generator = spec.with_checkpoint(checkpoint).build(recipe.image)
        return Setup(generator, outlined("train"), held_out[spread], domain)

    @property
    def prompts(self) -> list[Prompt]:
        """What each held-out image shows, in words."""
        rows = self.held_out.facets
        return [
            Prompt.about(self.domain, filter(None, labels.split(";")), finding, replicate=i)
            for i, (labels, finding) in enumerate(zip(rows["labels"], rows["finding"], strict=True))
        ]

    def refined(
        self, timesteps: Sequence[int], prompts: Sequence[Prompt], control: str | None = None
    ) -> dict[str, Masks]:
        """Step -> masks (N, H, W) of the held-out images, read by their prompts or a control."""
        batch, found = self.generator.image_model.section.batch, []
        for start in tqdm(range(0, len(prompts), batch), desc=self.domain.name, unit="batch"):
            part = slice(start, start + batch)
            images = self.held_out.images[part]
            found += self.generator.attention_of(images, prompts[part], timesteps, control)
        empty = np.zeros(self.held_out.masks.shape[1:], np.uint8)
        steps = [step for step in self.generator.masks.steps if step != "gate"]
        return {step: np.stack([masks.get(step, empty) for masks in found]) for step in steps}

    def with_steps(self, *steps: Step) -> Setup:
        """The same with other steps."""
        masks = self.generator.masks.model_copy(update={"steps": steps})
        return replace(self, generator=replace(self.generator, masks=masks))

    def controls(self) -> dict[str, Masks]:
        """The mean training mask for every image, and Otsu's threshold with components."""
        average = mean_mask(self.train.masks, len(self.domain.classes))
        fixed = np.broadcast_to(average, self.held_out.masks.shape).astype(np.uint8)
        by_side = [
            np.stack([otsu_mask(image, average, dark=dark) for image in self.held_out.images])
            for dark in (True, False)
        ]
        return {"mean_mask": fixed, "otsu": max(by_side, key=lambda m: self.iou(m).mean())}

    def iou(self, masks: Masks) -> Floats:
        """(N,) mean IoU over the classes that each true mask shows."""
        return shown_iou(masks, self.held_out.masks, len(self.domain.classes))

    def judged(self) -> Figures:
        """IoU of each step with a judge, on images drawn as the held-out ones are described."""
        section = EvaluateSection(judge_steps=JUDGE_STEPS)
        real = self.train, self.held_out, self.domain
        return judged(self.generator, self.prompts, *real, section)

    def estimate(self, values: Floats) -> Figure:
        """The mean over images, with an interval over patients."""
        units = units_of(take(self.held_out, np.arange(len(values))))
        found = bootstrap.mean(values, units, seed=0)
        return Figure(found.value, "1", found.low, found.high, found.n)


def otsu_mask(image: Images, average: Masks, *, dark: bool) -> Masks:
    """(H, W): pieces on one side of Otsu's threshold that do not touch the border.

    Each takes the class that most of the mean mask shows there, so the control knows where
    structures lie, and which of two sides is theirs.
    """
    grey = image.mean(-1)
    if grey.min() == grey.max():
        return np.zeros_like(average)
    cut = threshold_otsu(grey)
    numbers, count = ndimage.label(grey < cut if dark else grey > cut)
    border = {*numbers[0], *numbers[-1], *numbers[:, 0], *numbers[:, -1]}
    mask = np.zeros_like(average)
    for number in set(range(1, count + 1)) - {int(each) for each in border}:
        piece = numbers == number
        mask[piece] = np.bincount(average[piece]).argmax()
    return mask


def steps(setup: Setup, kind: str, timesteps: Sequence[int]) -> Figures:
    """IoU of every step, of the better control, and of each class on the last step."""
    masks, controls = setup.refined(timesteps, setup.prompts), setup.controls()
    if "selfattention" not in masks:
        below = [step for step in ("attention", "contrast", "crf") if step in masks]
        other = setup.with_steps(*below, "selfattention")
        every = masks | other.refined(timesteps, setup.prompts)
        masks = {step: every[step] for step in STEPS if step in every}
    figures = {f"iou_{kind}_{r}": setup.estimate(setup.iou(found)) for r, found in masks.items()}
    beside = {name: setup.estimate(setup.iou(found)) for name, found in controls.items()}
    best = max(beside.values(), key=lambda figure: figure.value or 0.0)
    figures[f"iou_{kind}_control"] = best
    figures |= {f"iou_{kind}_{name}": figure for name, figure in beside.items()}
    return figures | by_class(setup, kind, masks) | absent_word(setup, kind, timesteps)


def by_class(setup: Setup, kind: str, masks: Mapping[str, Masks]) -> Figures:
    """IoU of each class on the last step, over the images that show it."""
    *_, (step, last) = masks.items()
    truth = setup.held_out.masks
    figures = {}
    for name, index in zip(setup.domain.classes, range(1, 256), strict=False):
        shows = (truth == index).any((1, 2))
        if shows.any():
            each = [(masks == index)[shows].astype(np.uint8) for masks in (last, truth)]
            found = bootstrap.mean(shown_iou(each[0], each[1], 1), seed=0)
            figure = Figure(found.value, "1", found.low, found.high, found.n)
            figures[f"iou_{kind}_{step}_{name.replace(' ', '_')}"] = figure
    return figures


def absent_word(setup: Setup, kind: str, timesteps: Sequence[int]) -> Figures:
    """IoU of lungs, which are in every image, read by their word and by one for nothing there."""
    lungs = [name for name in setup.domain.classes if "lung" in name]
    asked = [Prompt.about(setup.domain, lungs, replicate=i) for i in range(len(setup.held_out))]
    indices = [setup.domain.index(name) for name in lungs]
    truth = np.isin(setup.held_out.masks, indices).astype(np.uint8)
    figures = {}
    for name, control in (("word", None), ("absent_word", ABSENT)):
        *_, last = setup.refined(timesteps, asked, control).values()
        found = np.isin(last, indices).astype(np.uint8)
        figures[f"iou_{kind}_lungs_by_{name}"] = setup.estimate(shown_iou(found, truth, 1))
    return figures


def recorder_figures(setup: Setup, repeats: int) -> Figures:
    """What reading the attention costs, over the same batch drawn with and without."""
    generator, batch = setup.generator, setup.generator.image_model.section.batch
    prompts = [setup.prompts[i % len(setup.prompts)] for i in range(batch)]
    seeds = [prompt.seed for prompt in prompts]
    captions, ratios, equal = generator.captions(prompts, seeds), [], True
    generator.image_model.draw(prompts, captions, seeds)  # the first pass warms up
    for _ in tqdm(range(repeats), desc="recorder", unit="pair"):
        began = time.process_time()
        plain = generator.image_model.draw(prompts, captions, seeds)
        between = time.process_time()
        with generator.reading(prompts, captions).recorder() as recorder:
            read = generator.image_model.draw(prompts, captions, seeds)
            recorder.cross_maps()
        ratios.append((time.process_time() - between) / (between - began))
        equal = equal and bool((plain == read).all())
    low, high = np.quantile(ratios, [0.025, 0.975])
    overhead = Figure(float(np.median(ratios)), "1", float(low), float(high), repeats)
    return {"tap_overhead": overhead, "tap_bit_identical": Figure(float(equal), "1", n=batch)}


def measured(arguments: argparse.Namespace) -> tuple[Figures, dict[str, object]]:
    """All figures that the checkpoints at hand allow, and notes on those they do not.

    Raises:
        InputError: if neither checkpoint is there.
    """
    most, figures, notes = QUICK if arguments.quick else FULL, Figures(), dict[str, object]()
    sites = [f"source.parts.{name}.path={arguments.source / f'cxr_{name}'}" for name in SITES]
    asked = {
        "phantom": ("diffmask-phantoms", arguments.checkpoint, ()),
        "real": ("diffmask-cxr", arguments.real_checkpoint, sites),
    }
    missing = []
    for kind, (recipe, checkpoint, overrides) in asked.items():
        try:
            setup = Setup.of(recipe, checkpoint, overrides, most)
        except InputError as error:
            missing.append(str(error))
            continue
        figures |= steps(setup, kind, arguments.timesteps or setup.generator.read.levels)
        figures |= {f"judged_{kind}_{name}": iou for name, iou in setup.judged().items()}
        if "tap_overhead" not in figures:
            figures |= recorder_figures(setup, TIMED[arguments.quick])
        notes[f"checkpoint_{kind}"] = checkpoint_digest(checkpoint)[:12]
        notes[f"trained_with_{kind}"] = f"medpair train {recipe}"
    if not figures:
        raise InputError("; ".join(missing))
    return figures, notes | ({"missing": missing} if missing else {})


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} images each, not {FULL}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS["phantoms"])
    parser.add_argument("--real-checkpoint", type=Path, default=CHECKPOINTS["cxr"])
    parser.add_argument(
        "--source",
        type=Path,
        default=DATA,
        help="folder that holds cxr_shenzhen and cxr_montgomery",
    )
    parser.add_argument("--timesteps", type=int, nargs="+", default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        figures, notes = measured(arguments)
    except InputError as error:
        print(f"benchmarks.diffmask: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    show("diffmask", figures, notes, arguments.json, verdicts(BARS, figures))


if __name__ == "__main__":
    main()
