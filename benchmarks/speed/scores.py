"""Statistics and distances of features, beside the libraries that also compute them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout

import numpy as np
import scipy.stats
import torch
from numpy.typing import NDArray
from prdc import compute_prdc
from sklearn.metrics.pairwise import rbf_kernel

from benchmarks.figures import Figure
from benchmarks.speed.contest import Contest, Work, largest
from evaluation.fidelity.mmd import SCALES, Kernel, mmd
from evaluation.fidelity.prdc import NEAREST, prdc
from evaluation.statistics.bootstrap import RESAMPLES, mean, resampled_means

Floats = NDArray[np.float64]
MANY = 10_000


def contests() -> Iterator[tuple[str, Contest]]:
    """All of them, by name."""
    yield from _bootstraps()
    yield from _of_features()


def _bootstraps() -> Iterator[tuple[str, Contest]]:
    values = np.random.default_rng(0).exponential(size=MANY)
    task = f"interval of the mean of {MANY} values, {RESAMPLES} resamples"

    def library() -> Floats:
        found = scipy.stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, method="percentile", batch=200, rng=0
        )
        return np.array(found.confidence_interval)

    def ours() -> Floats:
        found = mean(values)
        return np.array([found.low, found.high])

    def apart(one: Floats, other: Floats) -> Mapping[str, Figure]:
        error = values.std() / np.sqrt(MANY)
        return {"apart": Figure(float(np.abs(one - other).max() / error), "standard errors")}

    yield "bootstrap_scipy", Contest(task, "scipy.stats.bootstrap", ours, library, apart=apart)
    yield (
        "bootstrap_counts",
        Contest(
            task,
            "multinomial counts times values",
            lambda: resampled_means(values, seed=0),
            lambda: counted_means(values),
            10,
        ),
    )


def counted_means(values: Floats) -> Floats:
    """(R,) means of resamples by how often each of (N,) values is in them."""
    rng, parts = np.random.default_rng(0), []
    for _ in range(0, RESAMPLES, RESAMPLES // 2):
        times = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES // 2)
        parts.append(times @ values / len(values))
    return np.concatenate(parts)


def _of_features() -> Iterator[tuple[str, Contest]]:
    count, size = 2000, 512
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(count, size)), rng.normal(0.02, 1.01, (count, size))

    def published() -> Floats:
        with redirect_stdout(sys.stderr):  # it prints, and stdout is for the figures
            found = compute_prdc(real, made, nearest_k=NEAREST)
        return np.array([found[name] for name in ("precision", "recall", "density", "coverage")])

    def ours() -> Floats:
        found = prdc(made, real)
        return np.array([found.precision, found.recall, found.density, found.coverage])

    # Three matrices of distances: within either set, and across.
    yield (
        "prdc",
        Contest(
            f"precision, recall, density, coverage of {count} and {count} vectors of {size}",
            "prdc",
            ours,
            published,
            work=Work(3 * 2 * count**2 * size / 1e9, torch.float64),
            apart=largest,
        ),
    )
    few = real[:1000], made[:1000]
    kernel = Kernel.of(few[0])
    yield (
        "kernel_distance",
        Contest(
            f"kernel distance of 1000 and 1000 vectors of {size}",
            "scikit-learn's rbf_kernel",
            lambda: np.array([mmd(few[1], few[0], kernel)]),
            lambda: np.array([kernel_distance(few[1], few[0], kernel)]),
            work=Work(3 * 2 * 1000**2 * size / 1e9, torch.float64),
            apart=largest,
        ),
    )


def kernel_distance(a: Floats, b: Floats, kernel: Kernel) -> float:
    """The unbiased squared distance, from a table of each bandwidth for each two sets."""
    gammas = [1 / (2 * (scale * kernel.bandwidth) ** 2) for scale in SCALES]

    def table(one: Floats, other: Floats) -> Floats:
        return np.asarray(np.mean([rbf_kernel(one, other, gamma) for gamma in gammas], axis=0))

    own = [(t.sum() - len(t)) / (len(t) * (len(t) - 1)) for t in (table(a, a), table(b, b))]
    return float(sum(own) - 2 * table(a, b).mean())
