"""The closed loop as a user runs it, with real segmenters of a few steps."""

import pytest

GRID = {"facets": {"finding": ["normal", "benign", "malignant"]}, "replicates": 2, "seed": 7}
UTILITY = {"real": [4], "seeds": 2, "steps": 2, "arms": ["real", "annealed"]}
IMPROVE = {"rounds": 2, "pairs": 9, "floor": 1}

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("loop") / "home"


@pytest.fixture
def loop(recipe):
    return recipe(grid=GRID, utility=UTILITY, improve=IMPROVE)


def test_rounds_add_versions_and_the_same_command_finds_them_again(medpair, loop, home):
    first = medpair("improve", loop, "--home", home, "--json")
    assert first.code == 0, first.err
    rounds = first.json["rounds"]
    assert [sum(each["asked"]) for each in rounds] == [6, 9, 9]
    assert [each["version"] for each in rounds] == ["v1", "v2", "v3"]
    assert all(least >= 1 for each in rounds for least in each["asked"])
    pairs = [sum(facet["pairs"] for facet in each["evidence"]) for each in rounds]
    assert pairs == [6, 15, 24]
    # With two steps of training nothing is learnt: neither with pairs nor without.
    assert abs(first.json["over_real"]["value"]) < 0.2
    again = medpair("improve", loop, "--home", home, "--json")
    assert again.json == first.json
    kept = "select round, sum(asked) as asked from loop_rounds group by round order by round"
    rows = medpair("scores", kept, "--home", home, "--json").json["rows"]
    assert [row["asked"] for row in rows] == [6, 9, 9]
    report = (home / "reports" / "tiny-v3.html").read_text()
    assert "Where did further pairs go?" in report
    assert "phantom breast ultrasound, malignant" in report or "malignant" in report


def test_gates_that_keep_the_first_version_back_end_it_with_a_line(medpair, recipe, tmp_path):
    shut = recipe(
        name="shut", grid=GRID, utility=UTILITY, improve=IMPROVE, gates={"consistency": "> 1"}
    )
    found = medpair("improve", shut, "--home", tmp_path / "shut")
    assert found.code == 2
    assert "nothing to improve" in found.lines[0]


def test_a_grid_of_one_facet_is_told_before_anything_starts(medpair, recipe, tmp_path):
    found = medpair("improve", recipe(utility=UTILITY), "--home", tmp_path / "home")
    assert found.code == 2
    assert "one facet alone" in found.lines[0]
    assert not (tmp_path / "home").exists()
