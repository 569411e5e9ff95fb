"""What holds of every extractor in the registry, then what each promises by itself."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from evaluation.features.lite0 import PACKAGE
from evaluation.features.names import FROM_FILE, IMAGE_ALONE, SETS
from evaluation.features.registry import FEATURES, ExtractorContext, check_usable, extractor_of
from evaluation.features.stacking import stacked

SIZE = 32
ABSENT = {
    name: pytest.mark.skipif(not find_spec(package), reason=f"needs {package} (docs/scores.md)")
    for name, package in {"radiomics": "radiomics", "lite0-early": PACKAGE}.items()
}
USABLE = [pytest.param(n, marks=ABSENT.get(n, ())) for n in FEATURES]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A tiny network, exported as a user would."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2)).eval()
    path = tmp_path_factory.mktemp("networks") / "tiny.pt2"
    batch = {0: torch.export.Dim("batch", max=64)}
    exported = torch.export.export(network, (torch.zeros(4, 3, 24, 24),), dynamic_shapes=(batch,))
    torch.export.save(exported, path)
    return path


@pytest.fixture(scope="module")
def make(discs, program):
    train = discs(12, size=SIZE)

    def extractor(name, classes=("disc",), **changes):
        context = ExtractorContext(changes.pop("train", train), classes, steps=3, **changes)
        return extractor_of(f"{name}:{program}" if name in FROM_FILE else name, context)

    return extractor


def test_every_set_that_has_a_name_has_an_extractor():
    assert list(FEATURES) == list(SETS)


def joined(groups):
    return np.hstack(list(groups.values()))


@pytest.mark.parametrize("name", USABLE)
def test_every_pair_has_a_row_that_depends_on_no_other(name, make, discs):
    extractor, pairs = make(name), discs(70, size=SIZE)
    assert extractor.name == name
    whole = joined(extractor.groups(pairs.images, pairs.masks))
    assert whole.dtype == np.float64
    assert len(whole) == 70
    some = np.array([69, 3, 65])
    apart = joined(extractor.groups(pairs.images[some], pairs.masks[some]))
    np.testing.assert_allclose(whole[some], apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", USABLE)
def test_no_pairs_have_no_rows_and_all_columns(name, make, discs):
    extractor, pairs = make(name), discs(2, size=SIZE)
    some = extractor.groups(pairs.images, pairs.masks)
    none = extractor.groups(pairs.images[:0], pairs.masks[:0])
    assert {k: t.shape for k, t in none.items()} == {k: (0, t.shape[1]) for k, t in some.items()}


@pytest.mark.parametrize("name", USABLE)
def test_constant_images_and_empty_masks_have_features(name, make):
    images, masks = np.full((2, SIZE, SIZE, 1), 9, np.uint8), np.zeros((2, SIZE, SIZE), np.uint8)
    table = joined(make(name).groups(images, masks))
    if name not in ("handcrafted", "radiomics"):  # whose properties of absent classes are NaN
        assert np.isfinite(table).all()
    np.testing.assert_allclose(table[0], table[1])


@pytest.mark.parametrize("name", USABLE)
def test_the_same_context_gives_the_same_features_and_fingerprint(name, make, discs):
    pairs, (first, again) = discs(3, size=SIZE), (make(name), make(name))
    assert first.fingerprint == again.fingerprint
    tables = [joined(e.groups(pairs.images, pairs.masks)) for e in (first, again)]
    np.testing.assert_array_equal(*tables)


@pytest.mark.parametrize("name", [n for n in USABLE if n.values[0] not in FROM_FILE])
def test_colour_and_several_classes_are_read(name, make, discs):
    pairs = discs(3, size=SIZE, channels=3, classes=2)
    extractor = make(name, ("left", "right"), train=pairs)
    assert len(joined(extractor.groups(pairs.images, pairs.masks))) == 3
    if name in IMAGE_ALONE:
        return
    with pytest.raises(ValueError, match="mask index 4 but only 2"):
        extractor.groups(pairs.images, pairs.masks * 2)


def test_a_stack_by_hand():
    images = np.array([[[[0], [255]], [[51], [0]]]], np.uint8)
    masks = np.array([[[0, 2], [1, 0]]], np.uint8)
    expected = [[[0, 1], [0.2, 0]], [[0, 0], [1, 0]], [[0, 1], [0, 0]]]
    np.testing.assert_allclose(stacked(images, masks, 2)[0], expected)


def test_files_are_checked_only_where_there_are_any(program):
    check_usable("handcrafted", 32, 1)
    check_usable(f"network:{program}", 32, 1)
