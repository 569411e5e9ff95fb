"""The metrics of fidelity: distances over each set of features, and neighbourhoods."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.metrics.metric import Metric

# Groups of the handcrafted features: each gives a shift its name.
GROUPS = {
    "first_order": "grey-level statistics",
    "texture": "texture",
    "spectrum": "power by spatial frequency",
    "geometry": "presence, size, place and shape of the mask's classes",
    "interface": "what the image does at the mask's contour, hence their pairing",
}

# Sets of features that a recipe may ask for beside, or instead of, the handcrafted ones.
OTHER_SETS = {
    "randconv": "seeded random convolutions of image and mask, robustly scaled",
    "encoder": "a small encoder that taught itself on the real training pairs alone; blind to some "
    "blur and noise, so never read alone",
    "network": "the user's own exported network, of the image alone",
    "inception": "the user's exported Inception network, of the image alone",
    "radiomics": "pyradiomics of the image and of each class's region, robustly scaled",
}


def frechet_name(features: str) -> str:
    """Name of the Fréchet distance over a set or group: of Inception's alone it is `fid`."""
    return "fid" if features == "inception" else f"frechet_{features}"


def _is_of(metric: str, features: str) -> bool:
    return metric in {**_frechet(features, ""), **_kernel(features, "")}


def _frechet(features: str, what: str) -> dict[str, Metric]:
    name = frechet_name(features)
    far = f"Fréchet distance over features of {what}, synthetic to real training pairs."
    floor = f"Fréchet distance of real held-out pairs over features of {what}."
    return {
        name: Metric("1", False, 1, far, (f"{name}_real",)),
        f"{name}_real": Metric("1", None, 1, floor),
    }


def _kernel(features: str, what: str) -> dict[str, Metric]:
    name = f"kernel_{features}"
    far = (
        f"Kernel distance (unbiased squared MMD) over features of {what}, synthetic to real "
        "training pairs; needs no number of pairs to be meaningful, and is about 0 where "
        "nothing differs."
    )
    floor = f"Kernel distance of real held-out pairs over features of {what}."
    chance = (
        f"Permutation p-value of the kernel distance over features of {what}: how often "
        "chance alone gives as much. Over several domains their mean, half of a valid one."
    )
    return {
        name: Metric("1", False, 1, far, (f"{name}_real", f"{name}_p")),
        f"{name}_real": Metric("1", None, 1, floor),
        f"{name}_p": Metric("share", None, 2, chance),
    }


def _neighbourhood(name: str, what: str) -> dict[str, Metric]:
    unit = "1" if name == "density" else "share"
    ours = (
        f"{what}, by handcrafted features, with as many synthetic pairs as there are held-out ones."
    )
    real = f"The same of real held-out pairs: what {name} is without any generator."
    return {
        name: Metric(unit, True, 1, ours, (f"{name}_real",)),
        f"{name}_real": Metric(unit, None, 1, real),
    }


_HANDCRAFTED = {
    "frechet_handcrafted": Metric(
        "1",
        False,
        1,
        "Fréchet distance between synthetic and real training pairs over handcrafted image and "
        "mask features, robustly scaled on the real ones; falls with more pairs.",
        (
            "frechet_handcrafted_real",
            "frechet_handcrafted_equal_n",
            "frechet_handcrafted_extrapolated",
        ),
    ),
    "frechet_handcrafted_real": Metric(
        "1", None, 1, "The same distance between real held-out and real training pairs: its floor."
    ),
    "frechet_handcrafted_equal_n": Metric(
        "1",
        False,
        1,
        "The same distance with as many synthetic pairs as there are held-out ones, the number "
        "at which the floor was measured.",
        ("frechet_handcrafted_real",),
    ),
    "frechet_handcrafted_extrapolated": Metric(
        "1",
        False,
        1,
        "The same distance extrapolated to endlessly many pairs of both kinds; about 0 where "
        "nothing differs, unknown below one pair per feature.",
    ),
}

_NEIGHBOURS = {
    "precision": "Share of synthetic pairs that lie among real ones",
    "recall": "Share of real pairs that lie among synthetic ones; one outlier can raise it",
    "density": "Real neighbourhoods that hold a synthetic pair, over their expected number",
    "coverage": "Share of real training pairs with a synthetic one in their neighbourhood",
}

_FRECHET: dict[str, Metric] = dict(_HANDCRAFTED)
_KERNEL: dict[str, Metric] = _kernel("handcrafted", "all handcrafted features")
for _name, _what in (GROUPS | OTHER_SETS).items():
    _FRECHET |= _frechet(_name, _what)
    _KERNEL |= _kernel(_name, _what)

_SHIFT = {
    f"shift_{group}_p": Metric(
        "share",
        None,
        1,
        f"How often chance alone gives so large a difference in features of {what}, in one of them "
        "or in who is whose neighbour: the test behind the alarm of that name.",
    )
    for group, what in GROUPS.items()
}

FIDELITY: dict[str, Metric] = (
    _FRECHET
    | _KERNEL
    | _SHIFT
    | {
        name: metric
        for short, what in _NEIGHBOURS.items()
        for name, metric in _neighbourhood(short, what).items()
    }
)

# Metric -> the set of features that a recipe must ask for to have it measured.
MEASURED_BY: Mapping[str, str] = {
    name: next((other for other in OTHER_SETS if _is_of(name, other)), "handcrafted")
    for name in FIDELITY
} | {
    f"vendi{order}{suffix}": "handcrafted" for order in ("", "_order2") for suffix in ("", "_real")
}
