"""What scores were called before, so that lakes which were filled then still answer."""

from __future__ import annotations

from collections.abc import Mapping

_SETS = ("handcrafted", "encoder", "network", "inception", "radiomics")
_GROUPS = ("first_order", "texture", "spectrum", "geometry", "interface")


def _boundary(name: str) -> str:
    return name.replace("interface", "boundary")


# First name -> the name now.
NAMES_NOW: Mapping[str, str] = {
    "consistency_unfiltered": "consistency_before_filtering",
    "consistency_reverse": "tstr_dice",
    "nearer_to_train": "dcr_share",
    "utility_worth": "utility_equivalent_images",
    "utility_auroc_worth": "utility_auroc_equivalent_images",
    "frechet_handcrafted_extrapolated": "frechet_handcrafted_infinity",
    "frechet_interface": "frechet_boundary",
    "frechet_interface_real": "frechet_boundary_real",
    **{
        f"kernel_{name}{suffix}": f"mmd_{_boundary(name)}{suffix}"
        for name in (*_SETS, *_GROUPS)
        for suffix in ("", "_real", "_p")
    },
    **{f"shift_{name}_p": f"two_sample_{_boundary(name)}_p" for name in _GROUPS},
}
FIRST_NAMES: Mapping[str, str] = {now: first for first, now in NAMES_NOW.items()}

# Scores that are no longer measured, by their last version: lakes hold some.
RETIRED: Mapping[str, int] = {
    "frechet_randconv": 1,
    "frechet_randconv_real": 1,
    "kernel_randconv": 1,
    "kernel_randconv_real": 1,
    "kernel_randconv_p": 2,
    "vendi_order2": 1,
    "vendi_order2_real": 1,
}


def name_now(name: str) -> str:
    """What a score of this name is called now; the name itself where it never changed."""
    return NAMES_NOW.get(name, name)


def first_name(name: str) -> str:
    """What a score was called first."""
    return FIRST_NAMES.get(name, name)


def names_ever(name: str) -> list[str]:
    """Under which names a lake may hold a score that is called so now."""
    return [name, *(first for first, now in NAMES_NOW.items() if now == name)]


def refusal(name: str) -> str:
    """Why a former or retired name stands for nothing any more; "" for any other name."""
    if name in RETIRED:
        return f"the score {name!r} is no longer measured; drop it"
    if name in NAMES_NOW:
        return f"the score {name!r} is called {NAMES_NOW[name]!r} now; write that"
    return ""
