"""What README and docs tell people to type exists, and they explain every key and every score."""

import ast
import html
import os
import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.cli import get_docs_for_click

from evaluation.features.names import GROUPS
from evaluation.gating.pair_gates import REJECTING
from evaluation.lake.lake import Lake
from evaluation.lake.tables import TABLES
from evaluation.lake.views import VIEWS
from evaluation.metrics.registry import METRICS
from factory.exports import EXPORTS
from factory.generators import GENERATORS
from factory.sources import SOURCES
from factory.sources.folder import COLUMNS
from factory.sources.phantoms import PHANTOMS
from factory.vocabulary import load_vocabulary
from flows.console.cli import app
from flows.planning.recipe import SHIPPED, Recipe, load_recipe, recipe_from
from flows.planning.recipe_errors import models_of
from tasks.services.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
GENERATED = DOCS / "cli.md"
PAGES = [ROOT / "README.md", *(page for page in sorted(DOCS.glob("*.md")) if page != GENERATED)]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^\$ (?:\w+=\S+ )*(?:\.venv/bin/)?(medpair .*)$", re.MULTILINE)
INLINE = re.compile(r"`(medpair [a-z][^`]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PLACEHOLDERS = {
    "RECIPE",
    "NAME",
    "mine.yaml",
    "path/to/mine.yaml",
    "mine",
}  # a recipe of the reader's

KINDS = {*SOURCES.values(), *GENERATORS.values()}


def blocks(language):
    return [
        pytest.param(body, id=f"{name}-{number}")
        for name, text in TEXTS.items()
        for number, (kind, body) in enumerate(FENCE.findall(text))
        if kind == language
    ]


def typed():
    return [
        pytest.param(shlex.split(line, comments=True)[1:], id=f"{name}: {line[:50]}")
        for name, text in TEXTS.items()
        for line in dict.fromkeys((*PROMPT.findall(text), *INLINE.findall(text)))
    ]


def parsed(words):
    """The command, its positional words and (option, value) pairs; nothing is run."""
    command, words = typer.main.get_command(app), list(words)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    options = {name: p for p in command.params for name in p.opts if name.startswith("--")}
    plain, given = [], []
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            plain.append(word)
            continue
        assert word in options, f"no option {word}; there are {', '.join(options)}"
        # Prose may name an option without its value.
        bare = options[word].is_flag or not words
        given.append((word, "" if bare else words.pop(0)))
    return command, plain, given


@pytest.mark.parametrize("words", typed())
def test_a_command_in_the_documentation_exists(words):
    command, plain, _ = parsed(words)
    if not hasattr(command, "commands"):
        most = [p for p in command.params if p.param_type_name == "argument"]
        assert len(plain) <= len(most), f"{words}: more than {len(most)} arguments"


@pytest.mark.parametrize("words", typed())
def test_a_recipe_named_in_the_documentation_ships_and_takes_its_overrides(words):
    command, plain, given = parsed(words)
    overrides = [value for option, value in given if option == "--set" and "=" in value]
    if (
        command.name in ("run", "train", "generate", "compare")
        and plain
        and plain[0] not in PLACEHOLDERS
    ):
        load_recipe(Path(plain[0]).stem, [text for text in overrides if text != "key=value"])


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.yaml")))
def test_a_recipe_that_ships_loads_and_is_explained(name, tmp_path):
    told = load_recipe(name)
    if hasattr(told.source, "parts"):
        path = f"source.parts.{next(iter(told.source.parts))}.path"
        assert tmp_path in {
            getattr(p, "path", None)
            for p in load_recipe(name, [f"{path}={tmp_path}"]).source.parts.values()
        }
    if hasattr(told.source, "path"):
        told = load_recipe(name, [f"source.path={tmp_path}"])
        assert told.source.path == tmp_path
    assert told.name == name
    assert f"| `{name}` |" in TEXTS["recipes.md"]


@pytest.mark.parametrize("body", blocks("yaml"))
def test_a_recipe_in_the_documentation_loads(body):
    recipe_from(yaml.safe_load(body), (), "the example")


@pytest.mark.parametrize("body", blocks("yml"))
def test_an_automation_in_the_documentation_is_one_for_prefect(body):
    from prefect.events.schemas.automations import AutomationCore
    from prefect.server.events.schemas.automations import AutomationCreate

    told = yaml.safe_load(body)
    assert AutomationCore.model_validate(told).trigger.expect >= {"prefect.flow-run.GateFailed"}
    AutomationCreate.model_validate(told)  # which reads the templates, too


def table_rows(text):
    """The cells of every table row whose first cell is code."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def leaves(model, path=""):
    """(dotted key, default) of every key below a section; sections that may be null count too."""
    for name, field in model.model_fields.items():
        key, default = f"{path}{field.alias or name}", field.get_default()
        below = models_of(field.annotation)
        if path and any(section in KINDS for section in below):
            # A kind within another has the keys it has alone.
            yield key, "needed"
            continue
        if not below or default is None:
            yield key, plain_value(default, name)
        for section in below:
            yield from leaves(section, f"{key}.")


def plain_value(default, name):
    # Which kind a section is of must be said, though each kind has its own as the default.
    if default is PydanticUndefined or name == "kind":
        return "needed"
    return yaml.safe_load(yaml.safe_dump(list(default) if isinstance(default, tuple) else default))


def test_every_key_of_a_recipe_is_explained_with_its_default():
    rows = [row for row in table_rows(TEXTS["recipes.md"]) if len(row) == 4]
    told = {(row[0].strip("`"), repr(yaml.safe_load(row[2]))) for row in rows}
    true = {(key, repr(default)) for key, default in leaves(Recipe)}
    assert sorted(true - told) == [], "keys or defaults that the page does not tell"
    assert sorted(told - true) == [], "keys or defaults that do not exist"
    assert all(all(row) for row in rows)


def test_the_table_of_phantoms_is_the_vocabularys():
    domains = [load_vocabulary().domain(name) for name in PHANTOMS]
    rows = [row for row in table_rows(TEXTS["sources.md"]) if row[0].startswith("`phantom-")]
    assert rows == [
        [
            f"`{domain.name}`",
            domain.modality,
            domain.specialty,
            ", ".join(domain.classes),
            ", ".join(domain.findings) or "none",
        ]
        for domain in domains
    ]


@pytest.mark.parametrize("kind", sorted({*SOURCES, *GENERATORS}))
def test_every_kind_of_source_and_generator_is_explained(kind):
    assert f"`{kind}`" in TEXTS["recipes.md"]
    assert f"`{kind}`" in TEXTS["sources.md"] or kind in GENERATORS


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_layout_of_an_export_is_explained(kind):
    assert f"| `{kind}` |" in TEXTS["sources.md"]


def test_every_column_of_a_folder_is_explained():
    named = set(CODE.findall(TEXTS["sources.md"]))
    assert [column for column in COLUMNS if column not in named] == []


def explained():
    """Names of the scores that the page has a row for."""
    found = set()
    for first, *_ in table_rows(TEXTS["scores.md"]):
        for name in CODE.findall(first):
            groups = GROUPS if "GROUP" in name else [""]
            found |= {name.replace("GROUP", group) for group in groups}
    return found


def unexplained():
    """Names of the scores that the page lacks."""
    return set(METRICS) - explained()


def test_every_score_is_explained_and_no_other():
    assert unexplained() == set()
    assert explained() <= set(METRICS)
    assert [group for group in GROUPS if f"`{group}`" not in TEXTS["scores.md"]] == []


def test_every_control_of_a_score_is_named_in_its_row():
    rows = {CODE.findall(row[0])[0]: row for row in table_rows(TEXTS["scores.md"])}
    alone = [
        name
        for name, row in rows.items()
        if "GROUP" not in name and METRICS[name].beside and not row[2]
    ]
    assert alone == []


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_of_the_lake_is_explained_by_an_example(name):
    typed_there = PROMPT.findall(TEXTS["scores.md"])
    assert any(f" from {name} " in f"{line} ".replace('"', " ") for line in typed_there)


def test_every_table_of_the_lake_is_named():
    assert set(TABLES) <= set(CODE.findall(TEXTS["scores.md"]))


def test_every_query_in_the_documentation_is_answered(tmp_path):
    lake = Lake(str(tmp_path / "none"))
    queries = [
        shlex.split(line)[2] for line in PROMPT.findall(TEXTS["scores.md"]) if "scores " in line
    ]
    assert len(queries) > len(VIEWS)
    for query in queries:
        assert lake.query(query).empty


def test_every_number_that_may_reject_a_pair_is_explained():
    told = {CODE.findall(row[0])[0] for row in table_rows(TEXTS["recipes.md"]) if len(row) == 2}
    assert set(REJECTING) <= told


def test_every_setting_is_explained():
    wanted = {f"MEDPAIR_{name.upper()}" for name in Settings.model_fields}
    assert wanted <= set(CODE.findall(TEXTS["running.md"]))


def test_every_deployment_is_explained():
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    for each in content["deployments"]:
        assert f"/{each['name']}` |" in TEXTS["nightly.md"]


@pytest.mark.parametrize("body", blocks("python"))
def test_what_a_snippet_imports_is_defined_there(body):
    imports = [node for node in ast.parse(body).body if isinstance(node, ast.ImportFrom)]
    for node in imports:
        file = ROOT / f"{node.module.replace('.', '/')}.py"
        if file.is_file():
            tree = ast.parse(file.read_text(encoding="utf-8"))
            assert {alias.name for alias in node.names} <= defined(tree), f"{node.module}"


def defined(tree):
    """Names that a module's own statements define, without importing it."""
    names = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_every_page_is_in_the_table_of_contents():
    contents = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = *DOCS.glob("*.md"), *DOCS.glob("notebooks/*.ipynb")
    assert sorted(files_in(contents)) == sorted(str(page.relative_to(DOCS)) for page in pages)


def files_in(contents):
    for entry in contents:
        for listed in entry.values():
            yield from files_in(listed) if isinstance(listed, list) else [listed]


def test_the_reference_of_commands_is_what_they_say_of_themselves():
    root = typer.main.get_command(app)
    found = get_docs_for_click(obj=root, ctx=typer.Context(root), name="medpair", title="Commands")
    written = html.unescape(GENERATED.read_text(encoding="utf-8"))
    assert written == f"{found.strip()}\n", "make docs writes it anew"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for link in LINK.findall(TEXTS[page.name]):
        file, _, anchor = link.partition("#")
        # Not resolved: the notebooks are a link in docs/ to the folder that they lie in.
        target = Path(os.path.normpath(page.parent / file)) if file else page
        assert target.exists(), f"{page.name}: {link}"
        # The site holds docs/ alone.
        assert page.parent != DOCS or target.is_relative_to(DOCS), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in headings}


def test_models_below_a_recipe_are_found():
    # The walk above must reach through unions and defaults, or it would demand too little.
    keys = dict(leaves(Recipe))
    assert {"source.split_seed", "generator.train.augment.mirror", "utility.real"} <= set(keys)
    assert not any(isinstance(value, BaseModel) for value in keys.values())


def test_the_python_reference_holds_every_public_name():
    import medpair

    told = set(re.findall(r"^::: (.*)$", TEXTS["api.md"], re.MULTILINE))
    assert told == {f"{medpair.FILES[name]}.{name}" for name in medpair.__all__}
