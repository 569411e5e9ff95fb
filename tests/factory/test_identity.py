"""Names of runs and data sets."""

import pytest

from factory.errors import InputError
from factory.identity import branch_of, digest, first_named, plain_name, run_id, slug


def test_a_run_is_named_by_what_it_makes():
    made = run_id("source", {"size": 128, "channels": 1}, "generator", "grid")
    assert len(made) == 12
    assert made == run_id("source", {"channels": 1, "size": 128}, "generator", "grid")
    assert branch_of(made) == f"run-{made}"


@pytest.mark.parametrize("part", range(4))
def test_each_part_of_the_identity_changes_the_name(part):
    parts = ["source", {"size": 128}, "generator", "grid"]
    other = [*parts[:part], {"size": 64} if part == 1 else "other", *parts[part + 1 :]]
    assert run_id(*parts) != run_id(*other)


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "s3://b/x", ".", "", "a\\b", "x" * 65])
def test_a_name_that_is_a_path_is_refused(name):
    with pytest.raises(InputError, match="not a plain name"):
        plain_name(name)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Größe (alt)", "grosse-alt"),
        ("Dataset_BUSI__with GT", "dataset-busi-with-gt"),
        ("Œdème d'été", "oedeme-d-ete"),
        ("肝臓", "gan-zang"),
        ("...", ""),
    ],
)
def test_names_keep_their_letters_in_small_ones_of_a_to_z(name, written):
    assert slug(name) == written
    assert slug(name, longest=6) == written[:6].strip("-")


def test_plain_names_pass():
    assert plain_name("cxr-lungs_2") == "cxr-lungs_2"


def test_renamed_keys_have_their_first_names_in_an_identity():
    section = {"kind": "diffmask", "masks": {"steps": ["attention"], "affinity": {"steps": 3}}}
    training = {"steps": 2, "affinity_images": 4, "affinity_label_steps": []}
    assert first_named({"generator": section | {"train": training}, "views": [{"steps": 1}]}) == {
        "generator": {
            "kind": "diffmask",
            "masks": {"rungs": ["attention"], "affinity": {"steps": 3}},
            "train": {"steps": 2, "seeds": 4, "seed_rungs": []},
        },
        "views": [{"steps": 1}],
    }


def test_a_renamed_key_of_one_section_has_its_first_name_where_that_section_stands_alone():
    assert first_named({"steps": ["attention"]}, "masks") == {"rungs": ["attention"]}
    assert first_named({"steps": 20}, "sample") == {"steps": 20}
