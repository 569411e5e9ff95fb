"""Several sources read as one: what is theirs stays told apart, what is shared must agree."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from factory.errors import InputError
from factory.images import ImageSection
from factory.sources.union import Union, UnionSource

SMALL = ImageSection(size=32)
PHANTOM = {"kind": "phantom", "domains": ["phantom-breast-us"], "train": 4, "val": 2, "test": 2}


def folder(
    path: Path, *rows: str, classes: str = "lungs", anatomy: str = "chest"
) -> dict[str, Any]:
    """Images of noise with one square each; a row is "name,split,patient,finding"."""
    path.mkdir(parents=True)
    lines = ["image,mask,split,patient,finding,modality,anatomy,labels"]
    for number, row in enumerate(rows):
        name, *rest = row.split(",")
        noise = np.random.default_rng([number, len(path.name)]).integers(0, 256, (40, 40))
        mask = np.zeros((40, 40), np.uint8)
        mask[10:30, 10:30] = 1
        Image.fromarray(noise.astype(np.uint8)).save(path / f"{name}.png")
        Image.fromarray(mask).save(path / f"{name}-mask.png")
        lines.append(f"{name}.png,{name}-mask.png,{','.join(rest)},X-ray,{anatomy},{classes}")
    (path / "metadata.csv").write_text("\n".join(lines) + "\n")
    names = {name: index + 1 for index, name in enumerate(classes.split(";"))}
    (path / "classes.json").write_text(json.dumps(names))
    return {"kind": "folder", "path": str(path)}


def union(**parts: dict[str, Any]) -> Union:
    return UnionSource.model_validate({"parts": parts}).build()


@pytest.fixture
def two(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Two hospitals that call a patient and an image alike."""
    return {
        "north": folder(tmp_path / "north", "a,train,p1,normal", "b,val,p2,effusion"),
        "south": folder(tmp_path / "s", "a,train,p1,fracture", "c,train,,normal", "d,test,p3,"),
    }


def test_names_and_patients_begin_with_the_part_and_splits_are_kept(two: Any) -> None:
    source = union(**two)
    train = source.read("train", SMALL)
    assert train.facets["name"].tolist() == ["north/a.png", "south/a.png", "south/c.png"]
    # Nobody knows the patient of the last one, and a prefix must not pretend so.
    assert train.facets["patient"].tolist() == ["north/p1", "south/p1", ""]
    assert train.facets["volume"].tolist() == ["", "", ""]
    assert source.read("val", SMALL).facets["name"].tolist() == ["north/b.png"]
    assert source.read("test", SMALL).facets["name"].tolist() == ["south/d.png"]


def test_a_shared_domain_has_the_findings_of_each_part(two: Any) -> None:
    (domain,) = union(**two).domains.values()
    assert domain.name == "chest-xray-lungs"
    assert domain.findings == {
        "normal": ("lungs",),
        "tuberculosis": ("lungs",),
        "effusion": ("lungs",),
        "fracture": ("lungs",),
    }


def test_parts_of_other_kinds_bring_their_own_domains(two: Any) -> None:
    source = union(north=two["north"], made=PHANTOM)
    assert sorted(source.domains) == ["chest-xray-lungs", "phantom-breast-us"]
    assert len(source.read("train", SMALL)) == 1 + 4
    assert source.licence == "CC0-1.0 | unknown"


def test_a_domain_that_means_two_label_maps_is_refused(tmp_path: Path) -> None:
    one = folder(tmp_path / "one/knee", "a,train,p,", classes="femur;tibia", anatomy="knee")
    other = folder(tmp_path / "two/knee", "a,train,p,", classes="tibia;femur", anatomy="knee")
    with pytest.raises(InputError, match=r"source\.parts\.two: domain 'knee' is not what") as told:
        union(one=one, two=other)
    assert "['tibia', 'femur'] here, ['femur', 'tibia'] there" in str(told.value)
    assert "\n" not in str(told.value)


def test_the_order_of_the_parts_changes_nothing(two: Any) -> None:
    parts = two | {"made": PHANTOM}
    sources = [union(**dict(order)) for order in permutations(parts.items())]
    assert len({source.digest for source in sources}) == 1
    names = [tuple(source.read("train", SMALL).facets["name"]) for source in sources]
    assert len(set(names)) == 1
    assert len({json.dumps([d.model_dump() for d in s.domains.values()]) for s in sources}) == 1


def test_the_digest_follows_names_and_contents(two: Any, tmp_path: Path) -> None:
    digest = union(**two).digest
    assert union(north=two["south"], south=two["north"]).digest != digest
    assert union(west=two["north"], south=two["south"]).digest != digest
    save = np.zeros((40, 40), np.uint8)
    Image.fromarray(save).save(tmp_path / "north/a.png")
    assert union(**two).digest != digest


def test_problems_name_the_part(two: Any, tmp_path: Path) -> None:
    assert union(**two).problems(ImageSection()) == []
    (tmp_path / "s/c.png").unlink()
    (tmp_path / "north/a-mask.png").unlink()
    lines = union(**two).problems(ImageSection())
    assert [line.split(":")[0] for line in lines] == ["north", "south"]
    assert "a.png has no mask" in lines[0]
    assert "c.png: there is no such file" in lines[1]


def test_a_limit_of_a_part_is_its_own(two: Any) -> None:
    few = {"north": two["north"], "south": two["south"] | {"limit": 1}}
    section = UnionSource.model_validate({"parts": few})
    assert section.limited
    assert len(section.build().read("train", SMALL)) == 2
    whole = section.unlimited()
    assert not whole.limited
    assert whole.build().digest == union(**two).digest != section.build().digest


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"only": PHANTOM}, "at least 2 items"),
        ({"a": PHANTOM, "B/c": PHANTOM}, "match pattern"),
        ({"a": PHANTOM, "b": {"kind": "union", "parts": {}}}, "does not match any of the expected"),
    ],
    ids=["one part", "a name that is a path", "a union within"],
)
def test_what_is_no_union_is_refused(parts: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UnionSource.model_validate({"parts": parts})
