"""Imports point one way: flows -> tasks -> {factory, evaluation}."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = {"prefect", "mlflow", "dask", "distributed"}
FORBIDDEN = {
    "factory": WORKFLOW | {"evaluation", "tasks", "flows"},
    "evaluation": WORKFLOW | {"factory", "tasks", "flows"},
    "tasks": {"flows"},
}
ONLY_HERE = {
    "mlflow": {"tasks/services/mlflow_tracking.py"},
    "icechunk": {"factory/store/repository.py"},
    "zarr": {"factory/store/repository.py"},
}


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_arrow_points_back_up(package):
    wrong = {
        str(path.relative_to(ROOT)): bad
        for path in (ROOT / package).rglob("*.py")
        if (bad := imported_modules(path) & FORBIDDEN[package])
    }
    assert not wrong


@pytest.mark.parametrize("library", ONLY_HERE)
def test_a_library_has_one_importer(library):
    importers = {
        str(path.relative_to(ROOT))
        for package in ("factory", "evaluation", "tasks", "flows")
        for path in (ROOT / package).rglob("*.py")
        if library in imported_modules(path)
    }
    assert importers <= ONLY_HERE[library]


def test_no_module_bears_the_name_of_a_top_level_package():
    # Prefect's path entrypoints put flows/ first on sys.path: flows/factory.py would shadow factory.
    packages = set(FORBIDDEN) | {"flows"}
    for package in packages:
        names = {path.stem for path in (ROOT / package).iterdir()}
        assert not names & packages
