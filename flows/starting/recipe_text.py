"""The recipe that `medpair init` writes: for few images on two cores, with what may be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

PAIRS = 256  # asked for in all
FEWEST_OF_A_KIND = 16
VARIANTS = 4000  # of all images together; copies of one are fewer the more images there are

# By the estimate of a dry run, 40 images of 128 pixels then take about half an hour on two cores.
STEPS = {"denoiser": 1200, "autoencoder": 700, "judge": 300, "utility": 200}
TEMPLATE = """\
# {about}
#   medpair run {name}.yaml --dry-run    lists what is wrong, says how long a run would take
#   medpair run {name}.yaml              goes on where it was stopped
# Every key is explained in docs/recipes.md. Worth changing are those with a remark.
format: 1
name: {name}
source:
{source}
image: {{size: {size}, channels: {channels}}}  # twice the size takes four times as long
generator:
  kind: medsegfactory
  preset: wide
  coupling: concat
  train:
    steps: {steps}  # for hundreds of images 2000 or more, where an hour does not matter
    batch: 16
    learning_rate: 1.5e-3
    ema: 0.995
    autoencoder: {{kind: coarse, steps: {autoencoder_steps}}}
    augment:
      copies: {copies}
      rotate: 6.0
      scale: 0.1
      shift: 0.05
      mirror: false  # true where left and right mean nothing, as under a microscope
  sample: {{solver: dpmpp-2m, steps: 25, guidance: 1.0, batch: 16}}
grid:
  facets:  # what is asked for, each so many times
    {facets}
  replicates: {replicates}
  seed: 7
evaluate: {{features: [handcrafted], judge_steps: {judge_steps}}}
gates:  # a version is published where this holds: masks fit, as a judge of real pairs sees it
  consistency_closed: ">= 0.5"
# Do the pairs help? The arm searched uses them only where your own images speak for it.
utility: {{segmenters: [unet], arms: [real, searched], real: [all], seeds: 3, steps: {utility_steps}}}
"""


@dataclass(frozen=True)
class Plan:
    """What a recipe depends on.

    Attributes:
        name: of the data set.
        about: a sentence, for the first line.
        source: its section.
        size: of the images.
        channels: 1 or 3.
        slices: real images or slices in all.
        facet: "finding" or "classes".
        wanted: its values.
    """

    name: str
    about: str
    source: Mapping[str, object]
    size: int
    channels: int
    slices: int
    facet: str
    wanted: Sequence[str]


def recipe_text(plan: Plan) -> str:
    """The YAML file."""
    source = yaml.safe_dump(dict(plan.source), sort_keys=False, allow_unicode=True, width=10**6)
    facets = yaml.safe_dump(
        {plan.facet: list(plan.wanted)},
        default_flow_style=True,
        allow_unicode=True,
        width=10**6,
    ).strip()[1:-1]
    return TEMPLATE.format(
        about=plan.about,
        name=plan.name,
        source="".join(f"  {line}\n" for line in source.splitlines()).rstrip("\n"),
        size=plan.size,
        channels=plan.channels,
        steps=STEPS["denoiser"],
        autoencoder_steps=STEPS["autoencoder"],
        judge_steps=STEPS["judge"],
        utility_steps=STEPS["utility"],
        copies=max(2, min(24, VARIANTS // max(1, plan.slices))),
        facets=facets,
        replicates=max(FEWEST_OF_A_KIND, PAIRS // len(plan.wanted)),
    )


def fitting_size(longest: float) -> int:
    """Side of the pairs for images of this longest side: 128, or less where they are smaller."""
    return 128 if longest > 80 else 64 if longest > 40 else 32
