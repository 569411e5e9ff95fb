"""Are a model's images distinct from its training images? With copies and other patients beside.

Two embeddings: distances of pixels that no small change hides, and features learnt without labels on the
real training images. Nearness is asked within each domain; figures are means over domains, or over
all images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.figures import Figure
from benchmarks.generalist.memorisation_ratio import (
    caption_image_recall,
    distance_ratios,
    encoded_distances,
    perturbed_copies,
)
from evaluation.features.simclr_encoder import new_encoder, train_encoder
from evaluation.pairs import Block, domain_of, take
from evaluation.privacy.image_distance import distances
from evaluation.privacy.memorisation import Measure, NearestNeighbourDistances, dcr_share
from evaluation.report.charts import Picture
from evaluation.report.image_sheets import nearest_training
from evaluation.statistics.bootstrap import Estimate, bca_mean, mean_of, wilson
from factory.generators.common import full_batches, to_uint8
from factory.generators.medisyn import MediSyn
from factory.pairs import Images, PairBatch
from factory.pictures import image_pictures
from factory.prompts.captions.facts import facts_of_rows
from factory.prompts.prompt import Prompt
from factory.training.text_to_image import captions_of

ENCODER_STEPS = 300
PLANTED = 8  # training images of each domain that are copied
LOOKED_THROUGH = 64  # drawn images of each domain in the sheet of nearest pairs

SETS = ("drawn", "copies", "others")
ENDS = (0.05, 0.95)

Floats = NDArray[np.float64]
Figures = dict[str, Figure]
Estimates = dict[str, Estimate]


def privacy_figures(
    generator: MediSyn,
    drawn: PairBatch,
    train: PairBatch,
    val: PairBatch,
    test: PairBatch,
    repeats: int,
) -> Figures:
    """Canaries and distinctness, over all domains.

    Args:
        generator: a trained model.
        drawn: images that it drew.
        train: what it was trained on.
        val: real images that say how near others come to training.
        test: real images of further patients: the negative control.
        repeats: training captions of each domain that are drawn again.
    """
    by_domain: list[Estimates] = []
    pooled: dict[str, list[Floats]] = {}
    caught, alarms = np.zeros(2, int), np.zeros(2, int)
    for name in tqdm(sorted(set(domain_of(train))), desc="distinctness", unit="domain"):
        ours, real, held, others = (
            take(pairs, domain_of(pairs) == name) for pairs in (drawn, train, val, test)
        )
        rows = np.linspace(0, len(real) - 1, min(repeats, len(real))).astype(int)
        again = redrawn(generator, train, np.flatnonzero(domain_of(train) == name)[rows])
        copies, planted = canaries(generator, real, PLANTED)
        sets = {"drawn": ours.images, "copies": copies, "others": others.images, "again": again}
        for embedding, measure in embeddings(real).items():
            found = resembling(sets, real, held, measure)
            estimates = distinct(found, embedding)
            by_domain.append(estimates)
            for figure, values in single(found, rows, real, embedding).items():
                pooled.setdefault(figure, []).append(values)
            if embedding == "pixels":
                caught += [int((found["copies"].copied).sum()), len(planted)]
                alarms += [int(found["others"].copied.sum()), len(others)]
                right = found["copies"].nearest == planted
                estimates["canary_named"] = bca_mean(right.astype(float))
    names = dict.fromkeys(name for estimates in by_domain for name in estimates)
    means = {name: mean_of([e[name] for e in by_domain if name in e]) for name in names}
    canary = {"canary_caught": wilson(*map(int, caught))}
    canary["canary_false_alarms"] = wilson(*map(int, alarms))
    every = {name: np.concatenate(parts) for name, parts in pooled.items()}
    return {
        **{name: Figure.estimated(estimate) for name, estimate in (canary | means).items()},
        **over_images(every),
    }


def canaries(generator: MediSyn, real: Block, count: int) -> tuple[Images, NDArray[np.intp]]:
    """Copies as a model could make them: training images through its autoencoder, and perturbed_copies.

    Returns:
        Images, and the row of `real` that each one is a copy of.
    """
    rows = np.linspace(0, len(real) - 1, min(count, len(real))).astype(np.intp)
    images = real.images[rows]
    kinds = {"rebuilt": rebuilt(generator, images), **perturbed_copies(images)}
    return np.concatenate(list(kinds.values())), np.tile(rows, len(kinds))


def rebuilt(generator: MediSyn, images: Images) -> Images:
    """Images (N, H, W, C) through the model's autoencoder."""
    autoencoder = generator.components.autoencoder
    device = next(autoencoder.parameters()).device
    parts = []
    for at in full_batches(len(images), generator.section.batch):
        latents = autoencoder.encode((image_pictures(images[at]) / 127.5 - 1).to(device))
        (pictures,) = autoencoder.decode_streams([latents], at)
        parts.append(to_uint8(pictures, images.shape[-1], autoencoder.ends))
    return np.concatenate(parts)[: len(images)]


def redrawn(generator: MediSyn, train: PairBatch, rows: NDArray[np.intp]) -> Images:
    """An image by the very caption that each of these training images was learnt with."""
    domains, seed = generator.domains, int(generator.components.card["train"]["seed"])
    facts = facts_of_rows(train.facets, train.has_mask, domains, generator.varying)
    captions = [lines[0] for lines in captions_of(facts, generator.components.text, seed, 0)]
    asked = [Prompt.about(domains[str(domain_of(train)[row])], (), replicate=row) for row in rows]
    size, images = generator.section.batch, []
    for part in full_batches(len(rows), size):
        seeds = [asked[i].seed for i in part]
        images.append(
            generator.draw([asked[i] for i in part], [captions[rows[i]] for i in part], seeds)
        )
    return np.concatenate(images)[: len(rows)]


def embeddings(real: Block) -> Mapping[str, Measure]:
    """Ways to say how near two images are, by name."""
    encoder = new_encoder(real.images.shape[-1], (), seed=0)
    for _ in train_encoder(encoder, real, steps=ENCODER_STEPS, seed=0):
        pass
    return {"pixels": distances, "encoder": encoded_distances(encoder, real.images)}


def resembling(
    sets: Mapping[str, Images], real: Block, held: Block, measure: Measure
) -> Mapping[str, NearestNeighbourDistances]:
    """Each set of images held against training and held-out ones, by its name."""
    images = np.concatenate(list(sets.values()))
    everything = Block(
        images,
        np.zeros(images.shape[:3], np.uint8),
        pd.DataFrame(index=range(len(images))),
        np.full((len(images), 2), np.nan, np.float32),
        np.zeros(len(images), bool),
    )
    found, start, parts = NearestNeighbourDistances.of(everything, real, held, measure), 0, {}
    for name, part in sets.items():
        parts[name] = found.among(np.arange(start, start + len(part)))
        start += len(part)
    return parts


def distinct(found: Mapping[str, NearestNeighbourDistances], embedding: str) -> Estimates:
    """Nearness to training images in one embedding, beside copies and other patients."""
    nearer = {f"nearer_to_train_{each}_{embedding}": dcr_share(found[each]) for each in SETS}
    return {**nearer, f"near_copies_drawn_{embedding}": found["drawn"].share}


def single(
    found: Mapping[str, NearestNeighbourDistances],
    rows: NDArray[np.intp],
    real: Block,
    embedding: str,
) -> Mapping[str, Floats]:
    """What every single image gives: ratios of distances, and shares of `caption_image_recall`."""
    findings = np.asarray(real.facets["finding"].astype(str), object)
    again = caption_image_recall(found["again"].to_train, rows, findings)
    ratios = {f"distance_ratio_{each}_{embedding}": distance_ratios(found[each]) for each in SETS}
    return {**ratios, f"corresponding_{embedding}": again}


def over_images(values: Mapping[str, Floats]) -> Figures:
    """The mean of each figure over all images, and the ends of where nine in ten ratios lie."""
    figures = Figures()
    for name, each in values.items():
        known = each[np.isfinite(each)]
        figures[name] = Figure.estimated(bca_mean(known))
        if name.startswith("distance_ratio"):
            ends = np.quantile(known, ENDS) if len(known) else [None] * len(ENDS)
            figures |= {
                f"{name}_q{round(100 * end):02}": Figure(at, "1", n=len(known))
                for end, at in zip(ENDS, ends, strict=True)
            }
    return figures


def nearest_pairs(drawn: PairBatch, train: PairBatch, val: PairBatch) -> Picture:
    """The drawn images that lie nearest to a training image of their domain, and that image."""
    tables = []
    for name in sorted(set(domain_of(drawn))):
        at = np.flatnonzero(domain_of(drawn) == name)[:LOOKED_THROUGH]
        rows = np.flatnonzero(domain_of(train) == name)
        held = take(val, domain_of(val) == name)
        found = NearestNeighbourDistances.of(take(drawn, at), take(train, rows), held)
        nearest = {"pair": at, "nearest": rows[found.nearest], "nearest_distance": found.distance}
        tables.append(pd.DataFrame({**nearest, "copied": found.copied}))
    return nearest_training(drawn, train, pd.concat(tables, ignore_index=True))
