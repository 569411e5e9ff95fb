"""The house: imports point one way, no circle of files or folders, no folder that is a corridor."""

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import networkx
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("factory", "evaluation", "tasks", "flows", "medpair")
MOST_FILES = 15  # of one folder
WORKFLOW = {"prefect", "mlflow", "dask", "distributed"}
FORBIDDEN = {
    "factory": WORKFLOW | {"evaluation", "tasks", "flows", "medpair"},
    "evaluation": WORKFLOW | {"factory", "tasks", "flows", "medpair"},
    "tasks": {"flows", "medpair"},
    "flows": {"medpair"},
}
ONLY_HERE = {
    "mlflow": {"tasks/services/mlflow_tracking.py", "tasks/services/mlflow_relocation.py"},
    "icechunk": {"factory/store/repository.py", "factory/store/storage.py"},
    "zarr": {"factory/store/repository.py"},
}


def files_of(*packages: str) -> list[Path]:
    found = (path for package in packages for path in (ROOT / package).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


def imported(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, inside functions and for type hints included."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str) -> Path | None:
    """The file of a dotted name of ours: a module, a name in one, or a package's face."""
    whole = Path(*name.split("."))
    for path in (whole, whole.parent):
        for file in (path.parent / f"{path.name}.py", path / "__init__.py"):
            if (ROOT / file).is_file():
                return file
    return None


def arrows(files: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    for path in files:
        for name in imported(path):
            target = file_of(name)
            if target is not None and target != path:
                yield path, target


def circles(pairs: Iterable[tuple[object, object]]) -> list[list[str]]:
    graph = networkx.DiGraph(pairs)
    return [
        sorted(map(str, c)) for c in networkx.strongly_connected_components(graph) if len(c) > 1
    ]


def child(folder: Path, path: Path) -> Path:
    """The file or sub-folder of a folder in which a path lies."""
    return folder / path.relative_to(folder).parts[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_arrow_points_back_up(package):
    wrong = {
        str(path): bad
        for path in files_of(package)
        if (bad := {name.split(".")[0] for name in imported(path)} & FORBIDDEN[package])
    }
    assert not wrong


@pytest.mark.parametrize("library", ONLY_HERE)
def test_a_library_has_one_importer(library):
    importers = {
        str(path)
        for path in files_of(*PACKAGES)
        if library in {name.split(".")[0] for name in imported(path)}
    }
    assert importers <= ONLY_HERE[library]


def test_no_files_import_each_other_in_a_circle():
    assert not circles(arrows(files_of(*PACKAGES, "benchmarks")))


@functools.cache
def folders() -> Mapping[Path, list[tuple[Path, Path]]]:
    """Each folder, with the arrows between the files and folders in it."""
    every = list(arrows(files_of(*PACKAGES)))
    inside = sorted({path.parent for path in files_of(*PACKAGES)} | {Path()})
    return {
        folder: [
            (child(folder, a), child(folder, b))
            for a, b in every
            if a.is_relative_to(folder)
            and b.is_relative_to(folder)
            # The face of a package stands for all of it.
            and Path(folder, "__init__.py") not in (a, b)
            and child(folder, a) != child(folder, b)
        ]
        for folder in inside
    }


@pytest.mark.parametrize("folder", folders(), ids=str)
def test_the_rooms_of_a_folder_stand_in_an_order(folder):
    assert not circles(folders()[folder])


@pytest.mark.parametrize("folder", [*PACKAGES, "benchmarks"])
def test_no_folder_is_a_corridor(folder):
    counts = {
        str(place.relative_to(ROOT)): len(list(place.glob("*.py")))
        for place in (ROOT / folder, *(ROOT / folder).rglob("*/"))
        if "__pycache__" not in place.parts
    }
    assert {place: count for place, count in counts.items() if count > MOST_FILES} == {}


def test_no_module_bears_the_name_of_a_top_level_package():
    # Prefect's path entrypoints put flows/ first on sys.path: flows/factory.py would shadow factory.
    for package in PACKAGES:
        names = {path.stem for path in (ROOT / package).iterdir()}
        assert not names & {*PACKAGES}
