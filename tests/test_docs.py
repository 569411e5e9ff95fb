"""What README and docs tell people to type exists, and they name every key of a recipe."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from flows.cli import app
from flows.recipe import SHIPPED, Recipe

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROMPT = re.compile(r"^\$ (?:\.venv/bin/)?(medpair .*)$", re.MULTILINE)
INLINE = re.compile(r"`(medpair [a-z][^`]*)`")


def typed():
    return list(_typed())


def _typed():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in (*PROMPT.findall(text), *INLINE.findall(text)):
            yield pytest.param(line, id=f"{page.name}: {line[:50]}")


@pytest.mark.parametrize("line", typed())
def test_a_command_in_the_documentation_exists(line):
    command = typer.main.get_command(app)
    words = shlex.split(line.partition("#")[0].replace("…", ""))[1:]
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{line}: no command {words[0]}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= known, f"{line}: no option {given - known}"


@pytest.mark.parametrize("line", typed())
def test_a_recipe_named_in_the_documentation_ships(line):
    words = shlex.split(line.partition("#")[0])
    if len(words) > 2 and words[1] in ("run", "train", "generate"):
        name = Path(words[2])
        if name.name not in ("RECIPE", "NAME", "mine.yaml"):
            assert (SHIPPED / name.with_suffix(".yaml").name).is_file()


def test_every_key_of_a_recipe_is_explained():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert [key for key in Recipe.model_fields if f"| `{key}` |" not in text] == []


def test_every_page_is_in_the_table_of_contents():
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if page.name not in contents] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
