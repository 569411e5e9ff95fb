"""Folds of a source: every patient is held out once, findings and hospitals in their shares."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.fold import FoldSource, fold_of
from factory.sources.phantom import Phantoms
from factory.sources.union import UnionSource

SMALL = ImageSection(size=32)
BREAST = {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 4, "val": 2, "test": 2}
CHEST = BREAST | {"domains": ["phantom-chest-xray"]}


def table(patients: list[str], findings: list[str]) -> pd.DataFrame:
    names = [f"image{number}" for number in range(len(patients))]
    told = {"name": names, "volume": "", "patient": patients, "domain": "chest"}
    return pd.DataFrame(told | {"finding": findings})


def test_findings_are_dealt_in_turn():
    patients = [f"p{number}" for number in range(10)]
    fold = fold_of(table(patients, ["sick"] * 4 + ["well"] * 6), 2, {})
    # 4 sick and 6 well patients in two folds: 2 and 3 in each.
    assert np.bincount(fold[:4])[1:].tolist() == [2, 2]
    assert np.bincount(fold[4:])[1:].tolist() == [3, 3]


@given(
    patients=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=20),
    folds=st.integers(2, 5),
    order=st.randoms(use_true_random=False),
)
def test_patients_stay_whole_wherever_their_images_stand(patients, folds, order):
    findings = ["well" if patient < "d" else "sick" for patient in patients]
    facets = table(patients, findings)
    if len(set(patients)) < folds:
        with pytest.raises(InputError, match=f"{folds} folds are asked for of"):
            fold_of(facets, folds, {})
        return
    facets["fold"] = fold_of(facets, folds, {})
    assert (facets.groupby("patient")["fold"].nunique() == 1).all()
    assert set(facets["fold"]) == set(range(1, folds + 1))
    shuffled = facets.sample(frac=1, random_state=order.randrange(1000))
    assert (fold_of(shuffled, folds, {}) == shuffled["fold"]).all()


def test_an_image_that_names_no_patient_is_one():
    assert sorted(fold_of(table(["", "", ""], ["well"] * 3), 3, {})) == [1, 2, 3]


def test_slices_of_a_volume_and_near_duplicates_stay_together():
    facets = table([""] * 6, ["well"] * 6).assign(volume=["a", "a", "b", "b", "", ""])
    fold = fold_of(facets, 3, {})
    assert fold[0] == fold[1]
    assert fold[2] == fold[3]
    assert len(set(fold)) == 3
    fold = fold_of(facets, 2, {"image4": "twins", "b": "twins"})
    assert fold[2] == fold[3] == fold[4]


def test_a_domain_with_fewer_patients_than_folds_is_named():
    facets = table(["a", "b", "c", "d"], ["well"] * 4).assign(domain=["chest"] * 3 + ["breast"])
    with pytest.raises(InputError, match="2 folds are asked for of 1 patients of breast"):
        fold_of(facets, 2, {})


def test_near_duplicates_in_a_folder_share_a_fold(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 40, 40), np.uint8)
    noise[8] = noise[0]  # one image twice, under two names
    lines = ["image,mask,split"]
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        Image.fromarray(np.ones((40, 40), np.uint8)).save(tmp_path / f"{number}-mask.png")
        lines.append(f"{number}.png,{number}-mask.png,{'train' if number % 2 else 'val'}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "classes.json").write_text('{"lesion": 1}')
    folder = {"kind": "folder", "path": str(tmp_path), "domain": "phantom-breast-us"}
    for number in (1, 2, 3, 4):
        fold = FoldSource.model_validate({"source": folder, "folds": 4, "fold": number}).build()
        held = set(named(fold, "val"))
        assert ("0.png" in held) == ("8.png" in held)


def test_every_image_is_held_out_once_and_learnt_from_otherwise():
    whole = FoldSource.model_validate({"source": BREAST, "folds": 3, "fold": 1}).source.build()
    names = {str(name) for split in ("train", "val") for name in named(whole, split)}
    held: list[str] = []
    for number in (1, 2, 3):
        fold = FoldSource.model_validate({"source": BREAST, "folds": 3, "fold": number}).build()
        out, learnt = named(fold, "val"), named(fold, "train")
        assert named(fold, "test") == named(whole, "test")
        assert set(out) | set(learnt) == names
        assert not set(out) & set(learnt)
        assert set(fold.read("val", SMALL).facets["split"]) == {"val"}
        held += out
    assert sorted(held) == sorted(names)


def named(source, split) -> list[str]:
    return source.read(split, SMALL).facets["name"].tolist()


def test_parts_of_a_union_are_dealt_each_by_itself():
    union = {"kind": "union", "parts": {"breast": BREAST, "chest": CHEST}}
    whole = UnionSource.model_validate(union).build()
    fold = FoldSource.model_validate({"source": union, "folds": 3, "fold": 2}).build()
    assert fold.domains == whole.domains
    held = fold.read("val", SMALL).facets
    assert held["domain"].value_counts().tolist() == [2, 2]
    assert {name.partition("/")[0] for name in held["name"]} == {"breast", "chest"}


def test_folds_have_digests_of_their_own():
    digests = [
        FoldSource.model_validate({"source": BREAST, "folds": folds, "fold": fold}).build().digest
        for folds, fold in ((2, 1), (2, 2), (3, 1))
    ]
    assert all(one != other for one, other in pairwise([*digests, digests[0]]))


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"source": BREAST, "folds": 3, "fold": 4}, "fold 4 of 3 does not exist"),
        ({"source": BREAST | {"limit": 2}, "folds": 3, "fold": 1}, "leave limit out"),
        ({"source": BREAST, "folds": 1, "fold": 1}, "greater than or equal to 2"),
    ],
)
def test_what_cannot_be_dealt_is_refused(section, line):
    with pytest.raises(ValidationError, match=line):
        FoldSource.model_validate(section)


def test_the_whole_is_read_once_for_both_splits(monkeypatch):
    spec = FoldSource.model_validate({"kind": "fold", "source": BREAST, "folds": 2, "fold": 1})
    read, drawn = Phantoms.read, []

    def counted(self, split, image):
        drawn.append(split)
        return read(self, split, image)

    monkeypatch.setattr(Phantoms, "read", counted)
    fold = spec.build()
    train, held_out = fold.read("train", SMALL), fold.read("val", SMALL)
    assert drawn == ["train", "val"]
    # Once given away, nothing is kept; the splits stay what they were.
    again = fold.read("val", SMALL)
    assert np.array_equal(again.images, held_out.images)
    assert {*train.facets["name"]}.isdisjoint(held_out.facets["name"])
