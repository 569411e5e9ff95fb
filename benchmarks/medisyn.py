"""Does a generalist draw what its prompt asks for? Images by caption, judged by classifiers of real ones.

Classifiers of the modality and of each domain's findings learn from real training phantoms; what
they see in drawn images is held against what they see in real held-out ones. The rest asks whether
images are distinct from those the model was trained on (`benchmarks.generalist.distinct`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.figures import Bar, Figure, show, verdicts
from benchmarks.generalist.distinct import nearest_pairs, privacy_figures
from benchmarks.generalist.paraphrases import HELD_OUT, LEARNT, Cell, free_texts
from evaluation.agreement.finding_agreement import finding_agreement
from evaluation.labels import FINDING, labels_of
from evaluation.networks.classifier import Classifier, new_classifier, train_classifier
from evaluation.networks.training_loop import Step
from evaluation.pairs import Block, domain_of, take
from evaluation.report.image_sheets import contact_sheet
from evaluation.scoring.judges import learnable_findings, new_finding_classifier
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import mean, mean_of
from factory.errors import InputError
from factory.generators.medisyn import MediSyn
from factory.generators.specs import MediSynSpec
from factory.models.checkpoints import CARD, checkpoint_digest
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.vocabulary import Domain
from flows.planning.recipe import load_recipe

HERE = Path(__file__).parent
RECORDED = HERE / "recorded" / "medisyn"
COMPARISON = HERE / "recorded" / "medisyn-compare.json"
RECIPE = "medisyn"
MODALITY = "modality"
QUICK, FULL = (4, 2, 300), (32, 16, 600)  # images and paraphrases of a finding, classifier steps
BARS = (
    Bar("modalities", ">=", 10),
    Bar("specialties", ">=", 6),
    Bar("alignment_modality", ">=", 0.9),
    Bar("alignment_finding", ">=", 0.9),
    Bar("paraphrase_agreement", ">=", 0.9),
    Bar("generalist_alignment_loss", "<=", 0.05, side="high"),
    Bar("generalist_distance_ratio", "<=", 1.25, side="high"),
    Bar("canary_caught", ">=", 1),
    Bar("canary_false_alarms", "<=", 0.05),
)

Figures = dict[str, Figure]


@dataclass(frozen=True)
class Setup:
    """A trained generalist beside real images of its domains.

    Attributes:
        generator: what is measured.
        train, val, test: real images; the generator was trained on `train`.
        steps: that each classifier is trained.
    """

    generator: MediSyn
    train: PairBatch
    val: PairBatch
    test: PairBatch
    steps: int

    @staticmethod
    def of(name: str, checkpoint: Path, overrides: Sequence[str], steps: int) -> Setup:
        """Reads a checkpoint, and real images of the domains that it knows.

        Args:
            name: of the recipe that says which images.
            checkpoint: trained on its training images, on no other.
            overrides: of the recipe.
            steps: that each classifier is trained.

        Raises:
            InputError: if there is no checkpoint, or its domains are not those of the source.
        """
        if not (checkpoint / CARD).is_file():
            raise InputError(
                f"there is no checkpoint {checkpoint}: train one with `medpair train {name}` "
                "and copy the folder it names there, or name another one with --checkpoint"
            )
        recipe = load_recipe(name, overrides)
        if not isinstance(recipe.generator, MediSynSpec):
            raise InputError(f"recipe {name} has the generator {recipe.generator.kind}")
        generator = MediSyn.load(checkpoint, recipe.image, recipe.generator.sample)
        source = recipe.source.build()
        if strange := sorted(set(source.domains) - set(generator.domains)):
            raise InputError(
                f"the recipe has domains {strange} that the checkpoint was not trained on; name "
                "those it knows with --set source.domains=[...]"
            )
        return Setup(
            generator,
            source.read("train", recipe.image),
            source.read("val", recipe.image),
            source.read("test", recipe.image),
            steps,
        )

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains that are measured, by name."""
        names = dict.fromkeys(map(str, domain_of(self.train)))
        return {name: self.generator.domains[name] for name in names}

    @cached_property
    def held_out(self) -> PairBatch:
        """All real images that the generator was not trained on."""
        return PairBatch.concatenate([self.val, self.test])

    @cached_property
    def modality_judge(self) -> Classifier:
        """Classifier of the modalities of real training images."""
        channels = self.train.images.shape[-1]
        judge = new_classifier("resnet", channels, labels_of(self.train, MODALITY), seed=0)
        loop = train_classifier(judge, [self.train], MODALITY, steps=self.steps, seed=0)
        return watched(loop, judge, "modalities", self.steps)

    @cached_property
    def finding_judges(self) -> Mapping[str, Classifier]:
        """Classifiers of the findings of real training images, by domain."""
        section = EvaluateSection(finding_classifier_steps=self.steps)
        found = {}
        for name in self.domains:
            if learnable_findings(self.train, name):
                judge, loop = new_finding_classifier(self.train, name, section)
                found[name] = watched(loop, judge, f"findings of {name}", self.steps)
        return found

    def prompts(self, count: int) -> list[Prompt]:
        """So many prompts for each finding of each domain."""
        return [
            Prompt.about(domain, domain.shown(finding), finding, replicate=i)
            for domain in self.domains.values()
            for finding in domain.findings
            for i in range(count)
        ]

    def cells(self, count: int) -> list[Cell]:
        """Every finding that a classifier can judge, so many times, counted."""
        return [
            (domain, finding, i)
            for name, domain in self.domains.items()
            if name in self.finding_judges
            for finding in domain.findings
            for i in range(count)
        ]

    def drawn(self, prompts: Sequence[Prompt], title: str) -> PairBatch:
        """Images of prompts, a batch at a time."""
        size = self.generator.section.batch
        parts = []
        for at in tqdm(range(0, len(prompts), size), desc=title, unit="batch"):
            some = prompts[at : at + size]
            parts.append(self.generator.generate(some, [prompt.seed for prompt in some]))
        return PairBatch.concatenate(parts)


def watched(loop: Iterable[Step], judge: Classifier, title: str, steps: int) -> Classifier:
    """Exhausts a training and gives what it trained."""
    for _ in tqdm(loop, desc=title, total=steps, unit="step"):
        pass
    return judge


def alignment(setup: Setup, drawn: PairBatch) -> Figures:
    """How well images show what was asked, as a share of how well real ones show what they are."""
    agreement = finding_agreement(
        drawn, setup.held_out, setup.modality_judge, column=MODALITY, seed=0
    )
    figures = {
        "alignment_modality": Figure.estimated(agreement.balanced_accuracy_ratio),
        "accuracy_modality_real": Figure.estimated(agreement.real.balanced_accuracy),
    }
    ratios, real, own = [], [], Figures()
    for name, judge in setup.finding_judges.items():
        ours, theirs = (part_of(pairs, name) for pairs in (drawn, setup.held_out))
        found = finding_agreement(ours, theirs, judge, column=FINDING, seed=0)
        ratios.append(found.balanced_accuracy_ratio)
        real.append(found.real.balanced_accuracy)
        own[f"alignment_finding_{short(name)}"] = Figure.estimated(ratios[-1])
        own[f"accuracy_finding_real_{short(name)}"] = Figure.estimated(real[-1])
    figures["alignment_finding"] = Figure.estimated(mean_of(ratios))
    figures["accuracy_finding_real"] = Figure.estimated(mean_of(real))
    return figures | own


def paraphrased(setup: Setup, count: int) -> Figures:
    """The same finding asked for in a learnt form and in held-out ones, from the same noise."""
    learnt, other = (free_texts(setup.cells(count), forms) for forms in (LEARNT, HELD_OUT))
    seeds, size = [prompt.seed for prompt in learnt], setup.generator.section.batch
    seen = []
    for prompts, title in ((learnt, "learnt form"), (other, "held-out forms")):
        images = [
            setup.generator.generate(prompts[at : at + size], seeds[at : at + size]).images
            for at in tqdm(range(0, len(prompts), size), desc=title, unit="batch")
        ]
        seen.append(seen_in(setup, [p.domain for p in prompts], np.concatenate(images)))
    wanted = [(domain.modality, finding) for domain, finding, _ in setup.cells(count)]
    return {
        name: Figure.estimated(mean(np.array([a == b for a, b in zip(*two, strict=True)], float)))
        for name, two in (
            ("paraphrase_agreement", seen),
            ("paraphrase_right", (seen[1], wanted)),
            ("learnt_form_right", (seen[0], wanted)),
        )
    }


def seen_in(
    setup: Setup, domains: Sequence[str], images: NDArray[np.uint8]
) -> list[tuple[str, str]]:
    """Modality and finding that the classifiers see in each image."""
    judge = setup.modality_judge
    modalities = [judge.labels[at] for at in judge.probabilities(images).argmax(1)]
    findings = [""] * len(images)
    for name, finding_classifier in setup.finding_judges.items():
        at = np.flatnonzero(np.array(domains) == name)
        for i, label in zip(
            at, finding_classifier.probabilities(images[at]).argmax(1), strict=True
        ):
            findings[i] = finding_classifier.labels[label]
    return list(zip(modalities, findings, strict=True))


def part_of(pairs: PairBatch, domain: str) -> Block:
    """The pairs of one domain."""
    return take(pairs, domain_of(pairs) == domain)


def short(domain: str) -> str:
    """A domain's name as part of a figure's."""
    return domain.removeprefix("phantom-").replace("-", "_")


def compared(file: Path) -> Figures:
    """The figures of a stored comparison (`medpair compare`).

    Raises:
        InputError: if the file is none.
    """
    try:
        figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
        return {name: Figure(**entry, unit="1") for name, entry in figures.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} is no result of a comparison; make one with `medpair compare {RECIPE}`, "
            "which says where it lies"
        ) from error


def measured(arguments: argparse.Namespace) -> tuple[Figures, dict[str, object]]:
    """All figures, and notes on what was measured.

    Raises:
        InputError: if the checkpoint or the comparison is not there.
    """
    comparison = arguments.compare or (COMPARISON if arguments.recipe == RECIPE else None)
    other = compared(comparison) if comparison else {}
    images, few, steps = QUICK if arguments.quick else FULL
    setup = Setup.of(arguments.recipe, arguments.checkpoint, arguments.set, steps)
    drawn = setup.drawn(setup.prompts(images), "drawing")
    specialties = {domain.specialty for domain in setup.domains.values()}
    counts = {"modalities": set(labels_of(setup.train, MODALITY)), "specialties": specialties}
    figures = {
        **{name: Figure(len(values), "1") for name, values in counts.items()},
        **alignment(setup, drawn),
        **paraphrased(setup, few),
        **privacy_figures(setup.generator, drawn, setup.train, setup.val, setup.test, 2 * images),
        **other,
    }
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        pictures = [contact_sheet(drawn, {}), nearest_pairs(drawn, setup.train, setup.val)]
        for picture in pictures:
            (arguments.pictures / f"medisyn-{picture.name}.png").write_bytes(picture.png)
    digest = checkpoint_digest(arguments.checkpoint)[:12]
    return figures, {"checkpoint": digest, "trained_with": f"medpair train {arguments.recipe}"}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK[0]} images of each finding")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--recipe", default=RECIPE, help="whose images and sampling are taken")
    parser.add_argument("--checkpoint", type=Path, default=RECORDED)
    parser.add_argument(
        "--compare",
        type=Path,
        help=f"result of `medpair compare`, a JSON file; of {RECIPE} by default the recorded one",
    )
    parser.add_argument("--pictures", type=Path, help="folder to write contact sheets to")
    parser.add_argument("--set", action="append", default=[], help="overrides a recipe's key")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        figures, notes = measured(arguments)
    except InputError as error:
        print(f"benchmarks.medisyn: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    bars = verdicts(BARS, figures) if arguments.recipe == RECIPE else {}
    show("medisyn", figures, notes, arguments.json, bars)


if __name__ == "__main__":
    main()
