"""How good is the checkpoint that ships? Every kind of phantom it draws, judged on its own.

`--pictures` names a folder for a contact sheet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.figures import Figure, show
from evaluation.agreement.judge_agreement import consistency, mean_mask
from evaluation.features.spectrum import sharpness, upper_power
from evaluation.pairs import Block, domain_of, take, units_of
from evaluation.report.image_sheets import contact_sheet
from evaluation.scoring.judges import new_judge
from evaluation.settings import EvaluateSection
from factory.generators.medsegfactory import MedSegFactory
from factory.models.checkpoints import checkpoint_digest
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.vocabulary import Domain
from flows.planning.recipe import load_recipe
from flows.planning.recipe_paths import WEIGHTS

SHIPPED = WEIGHTS / "phantoms"
TRAINED_WITH = "medpair train phantom-model"
QUICK, FULL = 16, 64  # pairs of each domain

Figures = dict[str, Figure]


def asked(domain: Domain, count: int) -> list[Prompt]:
    """Prompts that go round the findings of a domain which show something."""
    findings = [name for name in domain.findings if domain.shown(name)] or [""]
    turns = (findings[i % len(findings)] for i in range(count))
    return [
        Prompt.about(domain, domain.shown(finding), finding, replicate=i)
        for i, finding in enumerate(turns)
    ]


def judged(pairs: PairBatch, train: Block, held_out: Block, domain: Domain) -> Figures:
    """Consistency of one domain's pairs beside its controls, and their sharpness."""
    section = EvaluateSection(judge_steps=300)
    judge, loop = new_judge(train, domain.name, domain.classes, section)
    for _ in tqdm(loop, desc=domain.name, total=section.judge_steps, unit="step"):
        pass
    average = mean_mask(train.masks, len(domain.classes))
    found = consistency(pairs, held_out, average, judge, seed=0)
    power = upper_power(pairs.images), upper_power(held_out.images)
    estimates = {
        "consistency": found.pairs,
        "judge_real": found.real,
        "shuffled": found.shuffled,
        "constant_mask": found.constant,
        "consistency_closed": found.closed,
        "sharpness": sharpness(*power, None, units_of(held_out), seed=0),
    }
    short = domain.name.removeprefix("phantom-").replace("-", "_")
    return {
        f"{name}_{short}": Figure(e.value, "1", e.low, e.high, e.n) for name, e in estimates.items()
    }


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pairs each, not {FULL}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--pictures", type=Path, help="folder to write a contact sheet to")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED, help="another one to judge")
    parser.add_argument("--guidance", type=float, default=1.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_recipe("phantom-model", ())
    source, image = recipe.source.build(), recipe.image
    sample = SampleSection(steps=15, guidance=arguments.guidance)
    generator = MedSegFactory.load(arguments.checkpoint, image, sample)
    real = source.read("train", image), source.read("test", image)
    figures: Figures = {}
    made = []
    for domain in tqdm(source.domains.values(), desc="domains"):
        prompts = asked(domain, QUICK if arguments.quick else FULL)
        pairs = generator.generate(prompts, [prompt.seed for prompt in prompts])
        train, held_out = (take(part, domain_of(part) == domain.name) for part in real)
        figures |= judged(pairs, train, held_out, domain)
        made.append(pairs)
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        classes = {domain.name: domain.classes for domain in source.domains.values()}
        sheet = contact_sheet(PairBatch.concatenate(made), classes)
        (arguments.pictures / "phantoms.png").write_bytes(sheet.png)
    notes = {"checkpoint": checkpoint_digest(arguments.checkpoint)[:12]}
    if arguments.checkpoint == SHIPPED:
        notes["trained_with"] = TRAINED_WITH
    show("phantoms", figures, notes, arguments.json)


if __name__ == "__main__":
    main()
