"""Drawing pairs with the recorded chest X-ray model, and what is lost where it is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils import convert_conv2d_weight_memory_format

from benchmarks.figures import Figure
from benchmarks.speed.contest import Contest, Work, largest
from benchmarks.xrays import RECORDED
from evaluation.dice import overlaps
from evaluation.features.spectrum import upper_power
from factory.generators.common import latent_shape
from factory.generators.medsegfactory import MedSegFactory
from factory.pairs import PairBatch
from factory.prompts.grid import PromptGrid
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from flows.planning.recipe import load_recipe

PASS = 16  # pairs in one pass of the denoiser
DRAWN = 8  # pairs in one batch
GUIDED = SampleSection(solver="ddim", steps=50, guidance=3.0, batch=DRAWN, number_format="fp32")
FAST = SampleSection(solver="dpmpp-2m", steps=25, guidance=1.0, batch=DRAWN, number_format="bf16")
PASS_GFLOP = 1.0025  # of the denoiser for one pair, as torch counts them
JUDGED = 8  # pairs that say what fewer steps lose
FINE = SampleSection(solver="dpmpp-2m", steps=80, guidance=1.0, batch=JUDGED, number_format="fp32")


def contests() -> Iterator[tuple[str, Contest]]:
    """All of them, by name."""
    yield from _passes()
    task = f"a pair of 128 x 128, recorded chest X-ray model, 50 DDIM steps, guidance, by {DRAWN}"
    rival = "one by one in fp32, channels apart"
    for name, section, reach in (
        ("sampling", GUIDED, 2),
        ("sampling_bf16", GUIDED.model_copy(update={"number_format": "bf16"}), 2),
        ("sampling_fast", FAST, 8),
    ):
        told = task if section.solver == "ddim" else f"the same by {FAST.steps} steps of DPM-Solver"
        told += ", bf16" if section.number_format == "bf16" else ""
        told += "" if section.guidance > 1 else ", no guidance"
        yield (
            name,
            Contest(
                told,
                rival,
                drawing(True, section, DRAWN),
                drawing(False, GUIDED.model_copy(update={"batch": 1}), 1),
                reach,
                apart=beside if section.solver == "ddim" else None,
                quick=False,
                each=DRAWN,
                theirs_each=1,
            ),
        )


def _passes() -> Iterator[tuple[str, Contest]]:
    plain = denoised(False, "fp32")
    for name, number_format, dtype in (
        ("denoiser", "fp32", torch.float32),
        ("denoiser_bf16", "bf16", torch.bfloat16),
    ):
        yield (
            name,
            Contest(
                f"one pass of the recorded denoiser over {PASS} pairs, {number_format}",
                "fp32, channels apart",
                denoised(True, number_format),
                plain,
                work=Work(PASS * PASS_GFLOP, dtype),
                apart=largest,
            ),
        )


@cache
def generator(together: bool) -> MedSegFactory:
    """The recorded one; with the channels of a pixel side by side, as generators are, or apart."""
    made = MedSegFactory.load(RECORDED, load_recipe("cxr-lungs", []).image, GUIDED)
    if not together:
        convert_conv2d_weight_memory_format(made.components.unet, torch.contiguous_format)
    return made


@cache
def prompts() -> tuple[Prompt, ...]:
    """Of pairs spread over the recipe's grid."""
    grid = PromptGrid(load_recipe("cxr-lungs", []).grid, generator(True).domains)
    return tuple(grid[i] for i in range(0, len(grid), len(grid) // JUDGED))


def drawing(together: bool, section: SampleSection, count: int) -> Callable[[], PairBatch]:
    """What draws the first pairs."""

    def draw() -> PairBatch:
        made, asked = replace(generator(together), section=section), prompts()[:count]
        return made.generate(asked, [prompt.seed for prompt in asked])

    return draw


def denoised(together: bool, number_format: str) -> Callable[[], NDArray[np.float32]]:
    """One pass of the denoiser, over noise."""
    components = generator(together).components
    shape = latent_shape(components.autoencoder, generator(together).image)
    noise = torch.randn(PASS, *shape, generator=torch.Generator().manual_seed(0))
    times = torch.full((PASS,), 500)
    text = generator(together).text_states([prompts()[0].image_text] * PASS)

    def denoise() -> NDArray[np.float32]:
        fast = number_format == "bf16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            made = components.unet(noise, noise, times, times, text, text)
        answers: NDArray[np.float32] = torch.stack(made).float().numpy()
        return answers

    return denoise


def beside(ours: PairBatch, theirs: PairBatch) -> Mapping[str, Figure]:
    """How far pairs are from the same ones drawn otherwise, as many as there are of both."""
    count = min(len(ours), len(theirs))
    levels = np.abs(ours.images[:count].astype(float) - theirs.images[:count])
    same = overlaps(ours.masks[:count], theirs.masks[:count], int(theirs.masks.max()))
    upper = upper_power(ours.images[:count]).mean() / upper_power(theirs.images[:count]).mean()
    return {
        "pixels": Figure(float(levels.mean()), "grey levels", n=count),
        "mask_dice": Figure(float(same.dice.mean()), "1", n=count),
        "upper_spectrum": Figure(float(upper), "1", n=count),
    }


def quality() -> dict[str, Figure]:
    """What is lost by fewer steps and by bf16, against 80 steps of DPM-Solver in fp32."""
    fine = drawing(True, FINE, JUDGED)()
    few = FINE.model_copy(update={"steps": 25})
    figures: dict[str, Figure] = {}
    for name, section in {
        "steps_25": few,
        "steps_25_bf16": few.model_copy(update={"number_format": "bf16"}),
        "steps_15": FINE.model_copy(update={"steps": 15}),
    }.items():
        found = beside(drawing(True, section, JUDGED)(), fine)
        figures |= {f"{name}_{what}": figure for what, figure in found.items()}
    return figures
