import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from factory.generators import GENERATORS
from factory.sources import SOURCES
from flows.planning.recipe import SHIPPED, RecipeError, kept_recipe, load_recipe, recipe_from
from flows.planning.recipe_paths import WEIGHTS

GOOD = {
    "format": 1,
    "name": "phantoms",
    "source": {"kind": "phantom", "domains": ["phantom-chest-xray"]},
    "image": {"size": 64},
    "generator": {"kind": "phantom"},
    "grid": {"facets": {"finding": ["normal", "opacity"]}, "replicates": 4, "seed": 7},
}


@pytest.fixture
def write(tmp_path):
    def write_recipe(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
        return path

    return write_recipe


def refusal(path, *overrides):
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    return caught.value.lines


BAD = {
    "unknown key": (["nam=x"], "unknown key 'nam' in the recipe; nearest known: 'name'"),
    "unknown key below": (
        ["grid.replicats=3"],
        "unknown key 'replicats' in grid; nearest known: 'replicates'",
    ),
    "unknown key of a kind": (
        ["source.domain=[a]"],
        "unknown key 'domain' in source; nearest known: 'domains'",
    ),
    "unknown kind": (["source.kind=foldr"], "unknown kind 'foldr' in source"),
    "unknown kind's hint": (["source.kind=foldr"], "nearest known: 'folder'"),
    "no kind": (["generator={}"], "key 'generator.kind' is missing"),
    "missing key": (["source={kind: folder}"], "key 'source.path' is missing"),
    "wrong value": (["grid.replicates=0"], "grid.replicates is 0: "),
    "wrong type in a union": (["grid.facets.finding=[[[a]]]"], "grid.facets.finding.0 is ['a']"),
    "a name that is a path": (["name=../elsewhere"], "name: '../elsewhere' is not a plain name"),
    "a newer format": (["format=2"], "format: it is newer than 1"),
    "an unknown score": (["gates={fidd: '< 3'}"], "no metric is called 'fidd'"),
    "a bound without a side": (["gates={consistency: '0.9'}"], "'0.9' is not a comparison"),
    "features that no set measures": (
        ["gates={fid: '< 3'}"],
        "gates name fid, which no features of evaluate measure",
    ),
    "a gate on handcrafted features alone": (
        ["gates={coverage: '> 0.5'}", "evaluate.features=[radiomics]"],
        "add handcrafted to evaluate.features",
    ),
    "an encoder alone": (["evaluate.features=[encoder]"], "blind to blur and noise"),
    "a network without a file": (["evaluate.features=[network]"], "write network:PATH"),
    "a bound that no score has": (
        ["gates={consistency.lo: '> 0'}"],
        "nearest: consistency.low",
    ),
    "a judge that rejects": (["pair_gates={dice: '> 0.5'}"], "the judge never rejects pairs"),
    "an unknown number of a pair": (["pair_gates={copys: '< 1'}"], "nearest: copied"),
    "a champion by nothing known": (["champion=consistensy"], "nearest: consistency"),
    "a champion by no direction": (["champion=sharpness"], "has no better direction"),
    "a champion by unmeasured utility": (["champion=utility_gain"], "champion names utility"),
    "an unmeasured utility": (["gates={utility_gain: '> 0'}"], "add a utility section"),
    "a gain without its arm": (
        ["gates={utility_gain: '> 0'}", "utility.arms=[real, synthetic]"],
        "gates names utility_gain, which the utility section does not give",
    ),
    "equivalent images without a curve": (
        ["gates={utility_equivalent_images: '> 20'}", "utility.real=[10]"],
        "gates names utility_equivalent_images, which",
    ),
    "folds of patients that are learnt": (
        ["generator={kind: medsegfactory, train: {steps: 2}}", "utility.folds=3"],
        "utility.folds would try segmenters on patients that the generator is trained on",
    ),
    "an unknown key of a part": (
        ["source={kind: union, parts: {a: {kind: phantom}, b: {kind: phantom, trian: 3}}}"],
        "unknown key 'trian' in source.parts.b; nearest known: 'train'",
    ),
    "a part without a kind": (
        ["source={kind: union, parts: {a: {kind: phantom}, b: {train: 3}}}"],
        "key 'source.parts.b.kind' is missing",
    ),
    "a union of one": (
        ["source={kind: union, parts: {a: {kind: phantom}}}"],
        "source.parts is {'a': {'kind': 'phantom'}}: ",
    ),
    "pictures of a gigabyte": (["image.size=65536"], "image.size is 65536: "),
    "more phantoms than a day draws": (["source.train=1000000"], "source.train is 1000000: "),
    "seeds without end": (["utility.seeds=1000000"], "utility.seeds is 1000000: "),
    "a phantom nobody draws": (["source.domains=[phantom-toe]"], "phantom-toe"),
}


# What arrived, what it should be, and how it is written, for each kind of refusal that pydantic has.
PLAIN = {
    "grid.facets.finding=normal": "is 'normal': it should be a list, as in [normal]",
    "grid.facets=[a]": "it should be keys with values, as in grid.facets: {classes: [",
    "evaluate.features=handcrafted": "it should be a list, as in [handcrafted]",
    "gates={consistency: 0.5}": "as in gates: {consistency_closed: '>= 0.5'}",
    "gates=5": "it should be keys with values, as in gates: {consistency_closed: '>= 0.5'}",
    "pair_gates=[copied]": "as in pair_gates: {copied: < 1}",
    "champion=5": "it should be a text, as in champion: consistency_closed",
    "utility.real=[ten]": "utility.real.0: 'ten' is no number of real images",
    "utility.real=10": "utility.real is 10: it should be a list, as in [10]",
    "utility.real=[0]": "utility.real.0 is 0: it should be at least 1",
    "utility.real=[1.5]": "it should be a whole number or 'all' or a text",
    "grid.more=[{facets: {}, replicates: x}]": "grid.more.0.replicates is 'x': it should be a whole",
    "grid.more=[{facest: {}, replicates: 2}]": "unknown key 'facest' in grid.more.0; nearest",
    "generator={kind: diffmask, train: {views: [{covered: [[0, 0, 1]]}]}}": "entry 4 is missing",
    "utility.real=[]": "it should be a list of 1 or more",
    "utility.arms=[reel]": "unknown value 'reel' in utility.arms.0; nearest known: 'real'",
    "image=64": "image is 64: it should be keys with values, as in image: {size: 128}",
    "image.size=big": "image.size is 'big': it should be a whole number, as in 128",
    "image.size=3.5": "it should be a whole number, as in 128",
    "image.size=null": "image.size is empty: it should be a whole number",
    "image.size=true": "image.size is true: ",
    "image.size=65": "it should be a multiple of 8",
    "image.size=.inf": "it should be a finite number",
    "image.channels=2": "it should be 1 or 3",
    "show_real=perhaps": "it should be true or false",
    "source=phantom": "as in source: {kind: phantom}",
    "source.kind=null": "key 'source.kind' is missing",
    "source={kind: folder, path: 5}": "source.path is 5: it should be a path",
    "generator={kind: medsegfactory, train: {learning_rate: fast}}": "a number, as in 0.001",
    "generator={kind: medsegfactory, train: {learning_rate: 0}}": "it should be more than 0",
    "generator={kind: medsegfactory, train: 5}": "as in generator.train: {steps: 2000}",
}
JARGON = ("Input", "valid", "tuple", "dictionary", "instance", "None", "string", "integer", "parse")


@pytest.mark.parametrize("override", PLAIN)
def test_a_wrong_value_is_told_in_plain_words(override, write):
    (line,) = refusal(write(GOOD), override)
    assert PLAIN[override] in line
    assert not [word for word in JARGON if word in line]


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_line_that_says_what_to_do(case, write):
    overrides, expected = BAD[case]
    lines = refusal(write(GOOD), *overrides)
    assert len(lines) == 1
    assert expected in lines[0]
    assert "\n" not in lines[0]


def test_every_mistake_is_listed_at_once(write):
    bad = {**GOOD, "name": "a/b", "image": {"sise": 64}, "grid": {"replicates": 0}}
    assert len(refusal(write(bad))) == 3


def test_of_mistakes_without_number_fifty_are_listed_and_the_others_counted(write):
    *listed, last = refusal(write({**GOOD, **{f"key{i}": 1 for i in range(4_000)}}))
    assert len(listed) == 50
    assert last.endswith(": and 3950 more mistakes in it")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not readable as YAML"),
        ("- a", "holds a list"),
        ("", "holds nothing, not the keys of a recipe"),
        ("5", "holds a single value"),
        ("name: a\nname: b", "key 'name' stands twice"),
    ],
)
def test_a_file_that_is_no_recipe(text, expected, write):
    assert expected in refusal(write(text))[0]


def test_a_recipe_that_is_not_there(tmp_path):
    assert "there is no recipe" in refusal(tmp_path / "none.yaml")[0]


@pytest.mark.parametrize("override", ["grid", "=3", "grid..seed=3", "grid.seed=["])
def test_an_override_that_is_none(override, write):
    assert "--set" in refusal(write(GOOD), override)[0]


def test_overrides_are_yaml_and_make_the_sections_they_need(write):
    recipe = load_recipe(write(GOOD), ["grid.replicates=2", "utility.real=[5, all]"])
    assert recipe.grid.replicates == 2
    assert recipe.grid.seed == 7
    assert recipe.utility.real == (5, "all")


def test_paths_of_parts_follow_the_recipe_and_typed_ones_the_user(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    parts = {name: {"kind": "folder", "path": f"data/{name}"} for name in ("north", "south")}
    path = write({**GOOD, "source": {"kind": "union", "parts": parts}})
    told = load_recipe(path, ["source.parts.south.path=mine", "source.parts.south.limit=3"])
    assert told.source.parts["north"].path == tmp_path / "data/north"
    assert told.source.parts["south"].path == tmp_path.parent / "mine"
    assert told.source.parts["south"].limit == 3
    # What is kept with a data set is read back as it was.
    again = recipe_from(told.model_dump(mode="json", by_alias=True), (), "kept")
    assert again == told


def test_paths_follow_the_recipe_and_typed_ones_the_user(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    path = write({**GOOD, "source": {"kind": "folder", "path": "data/set"}})
    assert load_recipe(path).source.path == tmp_path / "data" / "set"
    for typed in ("source.path=mine", "source={kind: folder, path: mine}"):
        assert load_recipe(path, [typed]).source.path == tmp_path.parent / "mine"


def test_networks_are_sought_where_the_recipe_lies(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    path = write({**GOOD, "evaluate": {"features": ["radiomics", "network:nets/a.pt2"]}})
    found = load_recipe(path).evaluate.features
    assert found == ("radiomics", f"network:{tmp_path}/nets/a.pt2")
    typed = load_recipe(path, ["evaluate.features=['inception:b.pt2']"])
    assert typed.evaluate.features == (f"inception:{tmp_path.parent}/b.pt2",)


def test_a_packaged_checkpoint_is_found_from_anywhere(write):
    generator = {"kind": "medsegfactory", "from": "packaged:phantoms"}
    start = load_recipe(write({**GOOD, "generator": generator})).generator.start
    assert start.parts[-3:] == ("factory", "weights", "phantoms")


def test_a_kept_recipe_outlives_a_move_of_home_and_package(write, tmp_path):
    home = tmp_path / "home"
    parts = {
        "inside": {"kind": "folder", "path": "home/real"},
        "outside": {"kind": "folder", "path": "real"},
    }
    content = GOOD | {
        "source": {"kind": "union", "parts": parts},
        "generator": {"kind": "medsegfactory", "from": "packaged:phantoms"},
        "evaluate": {"features": ["handcrafted", "network:home/net.pt2"]},
    }
    loaded = load_recipe(write(content))
    kept = loaded.portable(home)
    assert kept["generator"]["from"] == "packaged:phantoms"
    assert kept["source"]["parts"]["inside"]["path"] == "real"
    assert kept["source"]["parts"]["outside"]["path"] == str(tmp_path / "real")
    assert kept["evaluate"]["features"] == ["handcrafted", "network:net.pt2"]
    assert kept_recipe(kept, (), "it", home) == loaded
    moved = kept_recipe(kept, (), "it", tmp_path / "new")
    assert moved.source.parts["inside"].path == tmp_path / "new" / "real"
    assert moved.evaluate.features[1] == f"network:{tmp_path / 'new' / 'net.pt2'}"


def test_a_packaged_checkpoint_of_an_installation_that_is_gone_is_taken_from_this_one(tmp_path):
    old = "/gone/lib/python3.11/site-packages/factory/weights/phantoms"
    kept = GOOD | {"generator": {"kind": "medsegfactory", "from": old}}
    assert kept_recipe(kept, (), "it", tmp_path).generator.start == WEIGHTS / "phantoms"
    other = GOOD | {"generator": {"kind": "medsegfactory", "from": "/gone/phantoms"}}
    assert kept_recipe(other, (), "it", tmp_path).generator.start == Path("/gone/phantoms")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_reads(path):
    assert load_recipe(path.stem) == load_recipe(path)


def test_every_kind_can_be_named():
    assert set(SOURCES) >= {"folder", "nnunet", "phantom"}
    assert set(GENERATORS) >= {"phantom"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("flows.planning.recipe", ("torch", "prefect", "mlflow", "diffusers", "zarr")),
        # Prefect makes its home when it is imported: only once the settings have one.
        ("flows.api", ("torch", "prefect", "mlflow", "diffusers")),
        # Nor do lists and histories of data sets.
        ("flows.console.tables.dataset_tables", ("torch", "prefect", "mlflow", "scipy", "nibabel")),
        ("flows.datasets", ("torch", "prefect", "mlflow", "scipy", "nibabel", "skimage")),
        # Help and completion wait for nothing that a command may need.
        ("flows.console.cli", ("numpy", "pandas", "torch", "prefect", "nibabel", "flows.api")),
    ],
)
def test_reading_a_recipe_and_asking_loads_nothing_heavy(module, heavy):
    code = f"import sys, {module};print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert run.stdout.strip() == "[]"
