"""What Prefect's form is made of: choices it can offer, each named and explained."""

import pytest
from pydantic import TypeAdapter

from factory.form import kinds_in_words
from factory.generators import GENERATORS
from factory.sources import SOURCES, SourceSection


def test_a_source_is_chosen_among_kinds_that_are_named_and_explained():
    schema = TypeAdapter(SourceSection).json_schema()
    assert "oneOf" not in schema
    sections = [schema["$defs"][each["$ref"].rsplit("/", 1)[1]] for each in schema["anyOf"]]
    assert [section["title"] for section in sections] == list(SOURCES)
    folder = sections[0]
    assert folder["description"].startswith("Recipe section of a folder with a metadata.csv")
    assert "Attributes" not in folder["description"]
    limit = folder["properties"]["limit"]["description"]
    assert limit == "takes this many training patients; None takes all."


@pytest.mark.parametrize("section", [*SOURCES.values(), *GENERATORS.values()])
def test_every_key_of_a_section_says_what_it_means(section):
    shown = section.model_json_schema()["properties"]
    assert [key for key in shown if not shown[key].get("description")] == []


def test_kinds_are_told_in_words():
    words = kinds_in_words(SOURCES)
    assert words.startswith("folder (a folder with a metadata.csv, one row per image or volume), ")
