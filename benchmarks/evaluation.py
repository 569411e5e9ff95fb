"""Can the evaluation be believed? Agreement with other libraries, planted faults, and its cost.

Faults are planted into phantoms, fetal heads in ultrasound and nuclei under the microscope. The
full run takes about an hour on two cores; `--quick` measures agreement and the judge's consistency
anew, repeats the search for faults a few times, and shows the recorded figures of what takes
longer.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage, stats
from tqdm import tqdm

from benchmarks import agreement
from benchmarks.faults import alarms, scores
from benchmarks.faults.planting import PLANTINGS
from benchmarks.figures import Bar, Figure, show, verdicts
from evaluation.agreement.judge_agreement import judged
from evaluation.dice import overlaps, positive_dice
from evaluation.networks.segmenter import Segmenter
from evaluation.pairs import Masks, take
from evaluation.scoring.judges import new_judge
from evaluation.scoring.version import score_version
from evaluation.settings import EvaluateSection
from evaluation.statistics.bootstrap import Estimate, mean_of
from factory.images import ImageSection
from factory.pairs import PairBatch
from factory.sources.base import Source
from factory.sources.phantom import PhantomSource

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data"
RECORDED = HERE / "recorded" / "evaluation.json"
SLOW = ("seconds_10k", "gib_10k")

REPEATS, QUICK_REPEATS = 100, 10
PHANTOMS = ("phantom-cardiac-mri", "phantom-chest-xray")
TRUE_DICE = (0.7, 1.0)
MANY = 10_000
FEW = 240  # images of each set that scores of pictures look at
FAULTS = (
    *("shift2", "shift4", "shift8", "swapped", "blur"),
    *("noise5", "copies10", "mode_dropped", "shuffled"),
)
# Which score is there for which fault of a picture.
SEEN = {
    "grid": "grid_excess",
    "grain": "flat_noise",
    "blur_half": "mmd_lite0-early",
    "wrong_tissue": "contour_gradient",
}
BARS = (
    Bar("agreement_worst", "<=", 1e-6),
    Bar("consistency_spearman", ">=", 0.8),
    Bar("false_alarms", "<=", 0.05),
    *(Bar(f"detected_{fault}", ">=", 0.9) for fault in FAULTS),
    *(Bar(f"{score}_sees_{fault}", ">=", 0.9) for fault, score in SEEN.items()),
    Bar("seconds_10k", "<=", 600),
    Bar("gib_10k", "<=", 4),
)


def sets() -> dict[str, tuple[PairBatch, Source]]:
    """The sets that faults are planted into, by short name; real ones where they are at hand."""
    made = {"phantoms": alarms.phantoms(PHANTOMS[0], 800)}
    for name, channels in (("us_hc18", 1), ("nuclei_dsb2018", 3)):
        if (DATA / name).is_dir():
            made[name] = alarms.folder(DATA / name, 1 if channels == 1 else 3)
    return made


def detection(repeats: int) -> dict[str, Figure]:
    """How often each fault raises an alarm, and how often each score of pictures notices it.

    Each the least of all sets (of no fault the most), then each set on its own. With few repeats
    alarms are asked for those faults alone that have a bar.
    """
    found: dict[str, dict[str, Estimate]] = {}
    for name, (pairs, source) in sets().items():
        pool = alarms.pooled(pairs, source, PLANTINGS if repeats >= REPEATS else FAULTS)
        for fault in ("", *pool.faults):
            short = f"detected_{fault}" if fault else "false_alarms"
            found.setdefault(short, {})[name] = alarms.noticed(pool, fault, repeats)
        # Mirror images, which come after the images themselves, are not needed here.
        for score, watch in scores.watches(take(pairs, np.arange(FEW))).items():
            for fault in ("", *scores.FAULTS):
                short = f"{score}_sees_{fault or 'nothing'}"
                found.setdefault(short, {})[name] = scores.noticed(watch, fault, repeats)
    figures = {}
    for short, by_set in found.items():
        harmless = short == "false_alarms" or short.endswith("_nothing")
        worst = (max if harmless else min)(by_set.values(), key=lambda e: e.value)
        figures[short] = _share(worst)
        figures |= {f"{short}_{name}": _share(e) for name, e in by_set.items()}
    return figures


def _share(e: Estimate) -> Figure:
    return Figure(e.value, "share", e.low, e.high, e.n)


def spearman(domain: str, size: int, pairs: int) -> Estimate:
    """Rank correlation of a pair's consistency with its mask's true Dice, where that is 0.7 to 1.

    Exact masks of held-out phantoms are bent by smooth random fields of random strength; the
    judge sees the image alone. Interval by Fisher's transformation.
    """
    source, image = PhantomSource(domains=(domain,), test=pairs).build(), ImageSection(size=size)
    train, held_out = source.read("train", image), source.read("test", image)
    (known,) = source.domains.values()
    judge, loop = new_judge(train, known.name, known.classes, EvaluateSection(judge_steps=600))
    for _ in tqdm(loop, desc=f"judge of {domain}", total=600, unit="step"):
        pass
    bent = _bent(held_out.masks, np.random.default_rng(0))
    true = positive_dice(overlaps(bent, held_out.masks, len(known.classes)))
    kept = np.flatnonzero((true >= TRUE_DICE[0]) & (true < TRUE_DICE[1]))
    dice = _against(judge, held_out, bent, kept)
    rho = float(stats.spearmanr(dice, true[kept]).statistic)
    # Bonett & Wright 2000, Psychometrika 65:23, for Spearman's.
    half = 1.96 * np.sqrt((1 + rho**2 / 2) / (len(kept) - 3))
    low, high = np.tanh(np.arctanh(rho) + np.array([-half, half]))
    return Estimate(rho, float(low), float(high), len(kept))


def _against(
    judge: Segmenter, pairs: PairBatch, masks: Masks, kept: NDArray[np.intp]
) -> NDArray[np.float64]:
    changed = PairBatch(pairs.images, masks, pairs.facets, pairs.spacing_mm, pairs.has_mask)
    return judged(take(changed, kept), judge)[0]


def _bent(masks: Masks, rng: np.random.Generator) -> Masks:
    """Each mask sampled along a smooth random field of up to a tenth of the side."""
    size = masks.shape[1]
    grid = np.indices(masks.shape[1:]).astype(float)
    bent = np.empty_like(masks)
    for row, mask in enumerate(masks):
        field = ndimage.gaussian_filter(rng.normal(size=grid.shape), (0, size / 12, size / 12))
        field *= rng.uniform(0, 0.1) * size / np.abs(field).max()
        bent[row] = ndimage.map_coordinates(mask, grid + field, order=0, mode="nearest")
    return bent


def scale(count: int) -> dict[str, Figure]:
    """Seconds and memory to score so many pairs of 128 x 128 with everything that is default."""
    image = ImageSection(size=128)
    source = PhantomSource(domains=(PHANTOMS[1],), train=count).build()
    made = source.read("train", image)
    real = PhantomSource(domains=(PHANTOMS[1],), train=256, val=64, seed=1).build()
    train, held_out = real.read("train", image), real.read("val", image)
    (known,) = real.domains.values()
    section = EvaluateSection()
    before = peak_gib()
    began = time.monotonic()
    judge, loop = new_judge(train, known.name, known.classes, section)
    for _ in tqdm(loop, desc="judge", total=section.judge_steps, unit="step"):
        pass
    score_version(made, train, held_out, {known.name: judge}, section)
    seconds = time.monotonic() - began
    return {
        "seconds_10k": Figure(seconds * MANY / count, "s", n=count),
        "gib_10k": Figure(max(before, peak_gib()), "GiB", n=count),
    }


def peak_gib() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def agree() -> dict[str, Figure]:
    """The largest relative difference to another library's answer."""
    table = agreement.table()
    return {"agreement_worst": Figure(float(table["relative"].max()), "1", n=len(table))}


def follow() -> dict[str, Figure]:
    """How well consistency follows the true error of masks."""
    rho = mean_of([spearman(domain, 96, 300) for domain in PHANTOMS])
    return {"consistency_spearman": Figure(rho.value, "1", rho.low, rho.high, rho.n)}


# The last takes longest, and is shown as recorded in a quick run.
PARTS: Mapping[str, Callable[[int], dict[str, Figure]]] = {
    "agreement": lambda _: agree(),
    "consistency": lambda _: follow(),
    "faults": detection,
    "scale": lambda _: scale(MANY),
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--quick", action="store_true", help="a few repeats; slow figures as recorded"
    )
    parser.add_argument("--part", choices=PARTS, help="measures this alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    # Libraries that are only asked for their answer announce what they will drop one day.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    torch.set_num_threads(1)
    parts = [arguments.part] if arguments.part else [*PARTS][: 3 if arguments.quick else None]
    figures: dict[str, Figure] = {}
    for part in parts:
        figures |= PARTS[part](QUICK_REPEATS if arguments.quick else REPEATS)
    notes: dict[str, object] = {}
    if arguments.quick and not arguments.part and RECORDED.is_file():
        recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
        figures |= {name: Figure(**recorded["figures"][name]) for name in SLOW}
        notes = {"recorded": list(SLOW), "recorded_by": recorded["command"]}
    show("evaluation", figures, notes, arguments.json, verdicts(BARS, figures))


if __name__ == "__main__":
    main()
