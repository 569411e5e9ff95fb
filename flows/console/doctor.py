"""Is the installation sound?"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata

from packaging.requirements import Requirement

from factory.errors import InputError
from flows.planning.recipe import load_recipe, shipped_recipes
from flows.planning.recipe_paths import WEIGHTS
from tasks.services.ports import check_servers
from tasks.services.settings import Settings

DISTRIBUTION = "medpair-factory"
UNWANTED = ("torchvision", "torch-fidelity")
LEAST_FREE_BYTES = 2 * 10**9


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        well: whether it is as it should be.
        found: what is there.
        remedy: what to do, "" where all is well.
    """

    name: str
    well: bool
    found: str
    remedy: str = ""


def doctor(settings: Settings) -> list[Check]:
    """Everything that is worth checking before a long run."""
    looks: list[Callable[[], Iterator[Check]]] = [
        check_python,
        check_versions,
        check_unwanted,
        check_torch,
        lambda: check_home(settings),
        lambda: check_at_rest(settings),
        check_variables,
        lambda: check_named_servers(settings),
        check_recipes,
    ]
    return [check for look in looks for check in look()]


def check_python() -> Iterator[Check]:
    """The version that the dependencies are pinned for."""
    found = platform.python_version()
    yield _judged("python", found.startswith("3.11."), found, "install Python 3.11, make setup")


def check_versions() -> Iterator[Check]:
    """Every direct dependency, against what the package asks for."""
    wrong = []
    for line in metadata.requires(DISTRIBUTION) or ():
        asked = Requirement(line)
        if asked.marker is None and not asked.specifier.contains(metadata.version(asked.name)):
            wrong.append(f"{asked.name} {metadata.version(asked.name)}, needs {asked.specifier}")
    found = "; ".join(wrong) or "as asked for"
    yield _judged("dependencies", not wrong, found, "pip install -c constraints.txt -e .")


def check_unwanted() -> Iterator[Check]:
    """Packages whose presence breaks others."""
    present = [each.name for each in metadata.distributions() if each.name in UNWANTED]
    found = ", ".join(present) or "none"
    remedy = f"pip uninstall -y {' '.join(present)}"
    yield _judged("packages that break others", not present, found, remedy)


def check_torch() -> Iterator[Check]:
    """What the networks will run on."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    where = ", ".join(gpus) or f"CPU, {torch.get_num_threads()} threads"
    yield Check("torch", True, f"{torch.__version__} on {where}")


def check_home(settings: Settings) -> Iterator[Check]:
    """Whether the home can be written, and has room."""
    existing = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    yield _judged("home", writable, str(settings.home), "choose another with --home")
    free = shutil.disk_usage(existing).free
    words = f"{free / 1e9:.1f} GB free"
    yield _judged("disk", free > LEAST_FREE_BYTES, words, "free some space, or choose another home")


def check_at_rest(settings: Settings) -> Iterator[Check]:
    """Whether data sets, lake, readings and databases of the home can be read."""
    from flows.upkeep.at_rest import damage_at_rest

    lines = [*damage_at_rest(settings)]
    yield from (Check("what lies at rest", False, line, "as it says") for line in lines)
    if not lines:
        yield Check(
            "what lies at rest", True, "data sets, lake, readings and databases can be read"
        )


def check_variables() -> Iterator[Check]:
    """Variables that look like settings and are none."""
    known = {f"MEDPAIR_{name.upper()}" for name in Settings.model_fields}
    given = [name for name in os.environ if name.startswith("MEDPAIR_")]
    unknown = [name for name in given if name not in known]
    near = [match for name in unknown for match in get_close_matches(name, known, n=1)]
    found = ", ".join(unknown or given) or "none set"
    yield _judged("MEDPAIR_ variables", not unknown, found, f"did you mean {', '.join(near)}?")


def check_named_servers(settings: Settings) -> Iterator[Check]:
    """Whether something listens where settings name a server."""
    try:
        check_servers(settings, workers=True)
    except InputError as error:
        yield Check("servers", False, str(error), "as it says")
    else:
        yield Check("servers", True, "each that a setting names takes connections")


def check_recipes() -> Iterator[Check]:
    """The recipes and checkpoints that come with the package."""
    names = shipped_recipes()
    try:
        for name in names:
            load_recipe(name)
    except InputError as error:
        yield Check("recipes", False, str(error), "install the package again")
    else:
        yield _judged("recipes", bool(names), ", ".join(names) or "none", "install again")
    shipped = [path.name for path in WEIGHTS.iterdir()] if WEIGHTS.is_dir() else []
    yield _judged("checkpoints", bool(shipped), ", ".join(shipped) or "none", "install again")


def _judged(name: str, well: bool, found: str, remedy: str) -> Check:
    return Check(name, well, found, "" if well else remedy)
