"""Real pairs as they are named on a command line: a folder, a recipe, or the word "phantom"."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from evaluation.settings import EvaluateSection, UtilitySection
from factory.errors import InputError, refusal
from factory.images import ImageSection
from factory.sources import SourceSection
from factory.sources.folder import FolderSource
from factory.sources.nnunet import NnunetSource
from factory.sources.phantom import PhantomSource
from flows.planning.recipe import Recipe, load_recipe, shipped_recipes


@dataclass(frozen=True)
class NamedSource:
    """Real pairs, and how they are read and judged: as the recipe says where they are a recipe's.

    Attributes:
        source: the real pairs.
        image: size and channels that they are brought to.
        evaluate: what pairs are scored with against them.
        steps: of training a segmenter on them.
    """

    source: SourceSection
    image: ImageSection
    evaluate: EvaluateSection = field(default_factory=EvaluateSection)
    steps: int = 300

    @classmethod
    def of(cls, text: str, size: int | None = None, channels: int | None = None) -> NamedSource:
        """What a text names; size and channels, where given, go before those of a recipe.

        Raises:
            InputError: if it is none of the three, or size or channels cannot be.
        """
        given = {"size": size, "channels": channels}
        wanted = {key: value for key, value in given.items() if value is not None}
        if (recipe := recipe_named(text)) is None:
            return cls(source_named(text), _image(wanted))
        utility = recipe.utility or UtilitySection(steps=cls.steps)
        image = _image(recipe.image.model_dump() | wanted)
        return cls(recipe.source, image, recipe.evaluate, utility.steps)


def source_named(text: str) -> SourceSection:
    """The source that a folder, a recipe or the word "phantom" names.

    Raises:
        InputError: if it is none of these.
    """
    if (recipe := recipe_named(text)) is not None:
        return recipe.source
    path = Path(text)
    if text == "phantom":
        return PhantomSource()
    if (path / "metadata.csv").is_file():
        return FolderSource(path=path.absolute(), masks="optional")
    if (path / "dataset.json").is_file():
        return NnunetSource(path=path.absolute())
    if path.is_dir():
        raise InputError(
            f"{path} holds neither metadata.csv nor dataset.json, so nobody knows which mask "
            "belongs to which image; see the documentation of sources"
        )
    raise InputError(
        f"there is neither a folder nor a recipe {text}, so there are no real pairs to read: give "
        "a folder with metadata.csv or dataset.json, a recipe, or the word phantom"
    )


def recipe_named(text: str) -> Recipe | None:
    """The recipe that a file or the name of a shipped one names; None where it names none.

    Raises:
        RecipeError: if it can be no recipe.
    """
    path = Path(text)
    named = path.exists() and not path.is_dir()
    return load_recipe(path) if named or (text in shipped_recipes() and not path.exists()) else None


def _image(values: dict[str, int]) -> ImageSection:
    try:
        return ImageSection.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{first['loc'][0]} {first['input']}: {refusal(first)}") from error
