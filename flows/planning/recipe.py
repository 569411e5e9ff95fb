"""The recipe: everything one factory run is told, composed of the sections of its parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evaluation.features.names import kind_of
from evaluation.gating.champion import ChampionMetric
from evaluation.gating.pair_gates import PairGates
from evaluation.gating.version_gates import Gates
from evaluation.metrics.registry import features_of
from evaluation.settings import EvaluateSection, ImproveSection, UtilitySection
from factory.errors import InputError
from factory.form import any_of, kinds_in_words
from factory.generators import GENERATORS
from factory.identity import plain_name
from factory.images import ImageSection
from factory.prompts.section import GridSection
from factory.sources import SOURCES, SourceSection
from flows.planning import recipe_errors
from flows.planning.recipe_paths import Keys, absolute, or_packaged, portable, with_paths
from flows.planning.recipe_yaml import load_yaml
from flows.planning.renamed_keys import upgraded

FORMAT = 1
SHIPPED = Path(__file__).parents[1] / "recipes"

if TYPE_CHECKING:
    from factory.generators.spec import GeneratorSpec

    AnyGenerator = GeneratorSpec
else:
    # The unions are the registries: a new kind is known here as soon as it is listed there.
    AnyGenerator = any_of(GENERATORS.values())


class Recipe(BaseModel):
    """What to make, from what, how it is judged, and when it is good enough to publish."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    format: Literal[1] = Field(description="version of this layout")
    name: str = Field(description="name of the data set", examples=["liver-ct"])
    source: SourceSection = Field(description=f"the real data, by kind: {kinds_in_words(SOURCES)}")
    image: ImageSection = Field(default=ImageSection(), description="size and colour of the pairs")
    generator: AnyGenerator = Field(
        description=f"what makes the pairs, by kind: {kinds_in_words(GENERATORS)}"
    )
    grid: GridSection = Field(description="which pairs are asked for")
    evaluate: EvaluateSection = Field(
        default=EvaluateSection(), description="what the pairs are scored with"
    )
    gates: Gates = Field(
        default={},
        description="bounds that a version must meet: metric -> bound",
        examples=[{"consistency_closed": ">= 0.5"}],
    )
    pair_gates: PairGates = Field(
        default={},
        description="bounds that a pair must meet to be accepted: number -> bound",
        examples=[{"copied": "< 1"}],
    )
    champion: ChampionMetric | None = Field(
        default=None,
        description="score by which a version is promoted; null for no champion",
        examples=["consistency_closed"],
    )
    utility: UtilitySection | None = Field(
        default=None, description="downstream models to try the pairs on; null for none"
    )
    # Left out of a dump where it is not used: what was made before it was there keeps its record.
    improve: ImproveSection = Field(
        default=ImproveSection(),
        exclude_if=lambda section: section == ImproveSection(),
        description="how `medpair improve` adds pairs where downstream models fail",
    )
    show_real: bool = Field(
        default=False, description="whether real pixels may enter reports and readings"
    )

    @field_validator("format", mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        if isinstance(value, int) and value > FORMAT:
            raise ValueError(f"it is newer than {FORMAT}, the newest this release reads; update it")
        return value

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        return plain_name(name)

    @model_validator(mode="after")
    def _needed_utility_is_tested(self) -> Self:
        needs = {"gates": self.gates, "champion": [self.champion or ""]}
        for key, names in needs.items():
            bare = {name.partition(".")[0] for name in names}
            wanted = {name for name in bare if name.startswith("utility")}
            if wanted and self.utility is None:
                raise InputError(
                    f"{key} names utility, which no section asks to be measured: "
                    "add a utility section"
                )
            if self.utility is not None and (missing := sorted(wanted - self.utility.scores)):
                raise InputError(
                    f"{key} names {', '.join(missing)}, which the utility section does not give: "
                    "a gain needs the arm both, equivalent images an arm with synthetic pairs and "
                    "two numbers of real images; those with auroc are of utility.classifiers, the others of "
                    "utility.segmenters; utility.unseen gives those of seen and unseen classes alone"
                )
        return self

    @model_validator(mode="after")
    def _folds_try_patients_that_the_generator_never_saw(self) -> Self:
        if self.generator.trains and self.utility is not None and self.utility.folds is not None:
            raise InputError(
                "utility.folds would try segmenters on patients that the generator is trained on: "
                "leave folds out, use a generator trained on other data, or have one trained for "
                "each fold by `medpair folds`"
            )
        return self

    @model_validator(mode="after")
    def _gated_features_are_measured(self) -> Self:
        asked = {kind_of(each) for each in self.evaluate.features}
        for gate in [*self.gates, self.champion or ""]:
            needed = features_of(gate)
            if needed and needed not in asked:
                raise InputError(
                    f"gates name {gate}, which no features of evaluate measure, so the gate would "
                    f"never open: add {needed} to evaluate.features"
                )
        return self

    def with_paths(self, change: Callable[[Path, Keys], Path]) -> Self:
        """The same recipe with every path changed, by the path and the keys it stands at."""
        files = self.evaluate.with_files(lambda path: change(path, ("evaluate", "features")))
        return with_paths(self.model_copy(update={"evaluate": files}), change)

    def portable(self, home: Path) -> dict[str, Any]:
        """The sections as they are kept in a home: as JSON, with paths that outlive a move of it."""
        kept = self.with_paths(lambda path, keys: portable(path, home))
        return kept.model_dump(mode="json", by_alias=True)

    def in_fold(self, fold: int, count: int) -> Recipe:
        """The recipe with one of so many folds of its patients held out: a data set of its own.

        It has no gates: what folds make is tested, not published.

        Raises:
            InputError: if its source is a fold already, or its utility section asks for others.
            RecipeError: if its source is limited, or the fold's name would be too long.
        """
        if self.source.holds_out:
            raise InputError(
                f"the source of {self.name} is one fold already: give the recipe of the whole source"
            )
        section = self.utility or UtilitySection()
        if section.folds is not None:
            raise InputError(
                "utility.folds deals the patients again within each fold: leave it out, for "
                "instance by --set utility.folds=null"
            )
        content = self.model_dump(mode="json", by_alias=True)
        source = {"kind": "fold", "source": content["source"], "folds": count, "fold": fold}
        name, tested = f"{self.name}-fold-{fold}-of-{count}", section.model_dump(mode="json")
        changed = {"name": name, "source": source, "gates": {}, "champion": None, "utility": tested}
        return recipe_from({**content, **changed}, (), f"fold {fold} of {self.name}")


class RecipeError(InputError):
    """Everything that is wrong with a recipe; the message has one line for each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def load_recipe(path: Path | str, overrides: Iterable[str] = ()) -> Recipe:
    """Reads a recipe and applies overrides.

    Args:
        path: of the YAML file, or the name of a shipped recipe such as "demo".
        overrides: "key.sub=value" each, the value written as YAML. A path in the file is
            relative to the file, one in an override to the working directory.

    Raises:
        RecipeError: with one line for each thing that is wrong.
    """
    file = recipe_file(path)
    return recipe_from(_read(file), overrides, str(file), file.absolute().parent)


def recipe_from(
    content: Mapping[str, Any], overrides: Iterable[str], origin: str, folder: Path | None = None
) -> Recipe:
    """The recipe that a mapping says, for instance the one kept with a data set.

    Args:
        content: keys and values as in the YAML file.
        overrides: as for `load_recipe`.
        origin: what errors call it.
        folder: that its paths are relative to.

    Raises:
        RecipeError: with one line for each thing that is wrong.
    """
    edited = copy.deepcopy(dict(content))
    changes = [_override(text) for text in overrides]
    for keys, value in changes:
        _put(edited, keys, value)
    try:
        recipe = Recipe.model_validate(edited)
    except ValidationError as error:
        raise RecipeError(
            [f"{origin}: {line}" for line in recipe_errors.lines(error.errors(), Recipe)]
        ) from error
    typed_here = frozenset(keys for keys, _ in changes)

    def resolved(path: Path, keys: Keys) -> Path:
        typed = any(keys[: n + 1] in typed_here for n in range(len(keys)))
        return absolute(path, Path.cwd() if typed else folder or Path.cwd())

    return recipe.with_paths(resolved)


def kept_recipe(
    sections: Mapping[str, Any], overrides: Iterable[str], origin: str, home: Path
) -> Recipe:
    """The recipe that was kept with a data set, by this release or an earlier one.

    Args:
        sections: what was kept, see `Recipe.portable`.
        overrides: as for `load_recipe`.
        origin: what errors call it.
        home: that holds the data set.

    Raises:
        RecipeError: with one line for each thing that is wrong.
    """
    recipe = recipe_from(upgraded(sections), overrides, origin, home)
    return recipe.with_paths(lambda path, keys: or_packaged(path))


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with this release, in order."""
    return sorted(found.stem for found in SHIPPED.glob("*.yaml"))


def recipe_file(path: Path | str) -> Path:
    """The file that a path or the name of a shipped recipe names.

    Raises:
        RecipeError: if there is none.
    """
    file, shipped = Path(path), shipped_recipes()
    if file.is_file():
        return file
    if str(path) in shipped:
        return SHIPPED / f"{path}.yaml"
    raise RecipeError(
        [f"there is no recipe {path}; give a YAML file or one of {', '.join(shipped) or 'none'}"]
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        content = load_yaml(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RecipeError([f"{file} is not readable as YAML: {reason}"]) from error
    except OSError as error:
        raise RecipeError([f"{file} cannot be read ({error.strerror})"]) from error
    if not isinstance(content, dict):
        found = {list: "a list", type(None): "nothing"}.get(type(content), "a single value")
        line = f"{file} holds {found}, not the keys of a recipe (format, name, …)"
        raise RecipeError([f"{line}; `medpair recipes copy demo` writes one to change"])
    return content


def _override(text: str) -> tuple[tuple[str, ...], Any]:
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise RecipeError([f"--set {text!r} is not key.sub=value, for example grid.replicates=8"])
    try:
        return tuple(key.split(".")), load_yaml(value)
    except yaml.YAMLError as error:
        raise RecipeError([f"--set {text!r}: {value!r} is not readable as YAML"]) from error


def _put(content: dict[str, Any], keys: Sequence[str], value: object) -> None:
    for key in keys[:-1]:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[keys[-1]] = value
