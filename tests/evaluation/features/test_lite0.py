"""Early blocks of a packaged network: the right weights, run as they were trained, see small faults."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage import data
from torch import nn
from torch.nn import functional

from evaluation.errors import InputError
from evaluation.features import lite0
from evaluation.features.handcrafted import RobustScale
from evaluation.features.lite0 import Block, EarlyBlocks, Lite0Early, blocks, same
from evaluation.features.registry import ExtractorContext, check_usable, extractor_of
from evaluation.fidelity.mmd import Kernel, mmd
from evaluation.metrics.context import ScoringContext
from evaluation.metrics.registry import FAMILIES, METRICS, features_of
from evaluation.scoring.version import config_digest
from evaluation.settings import EvaluateSection
from factory.images import ImageSection
from factory.sources.phantom import PhantomSource

INSTALLED = pytest.mark.skipif(
    lite0.find_spec(lite0.PACKAGE) is None, reason="needs the extra medpair-factory[features]"
)
# What follows the early blocks: stages as in `lite0.STAGES`, then 1280 features and 1000 classes.
LATE = ((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))


class Whole(nn.Module):
    """The network to its end, to see that it still tells what a picture shows."""

    def __init__(self):
        super().__init__()
        early = EarlyBlocks()
        self._conv_stem, self._bn0 = early._conv_stem, early._bn0
        self._blocks = nn.ModuleList([*early._blocks, *blocks(80, LATE)])
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=lite0.EPSILON)
        self._fc = nn.Linear(1280, 1000)

    def features(self, images):
        shown = functional.relu6(self._bn0(same(self._conv_stem, images)))
        for block in self._blocks:
            shown = block(shown)
        return functional.relu6(self._bn1(self._conv_head(shown))).mean((2, 3))


@pytest.fixture(scope="module")
def whole():
    network = Whole().eval()
    network.load_state_dict(lite0.read_weights())  # strict: each weight has its place
    return network


@pytest.fixture(scope="module")
def phantoms():
    source = PhantomSource(domains=("phantom-chest-xray",), train=96).build()
    return source.read("train", ImageSection(size=128, channels=1)).images


def absent(monkeypatch):
    monkeypatch.setattr(lite0, "find_spec", lambda _: None)
    lite0.early_blocks.cache_clear()


def test_without_the_package_one_line_says_what_to_do(discs, monkeypatch):
    absent(monkeypatch)
    pairs = discs(1)
    with pytest.raises(InputError, match=r"need the weights.*medpair-factory\[features\].*drop"):
        check_usable("lite0-early", 32, 1)
    with pytest.raises(InputError, match="not installed"):
        extractor_of("lite0-early", ExtractorContext(pairs, ("disc",))).groups(
            pairs.images, pairs.masks
        )


def test_a_recipe_that_does_not_name_it_neither_needs_nor_counts_it(monkeypatch):
    absent(monkeypatch)
    before = config_digest(EvaluateSection())
    monkeypatch.delitem(FAMILIES, "lite0-early")
    assert config_digest(EvaluateSection()) == before


@INSTALLED
def test_a_recipe_that_names_it_counts_its_weights_and_its_scores(monkeypatch):
    section = EvaluateSection(features=("handcrafted", "lite0-early"))
    before = config_digest(section)
    assert before != config_digest(EvaluateSection())
    monkeypatch.setattr(lite0, "SHA256", "0" * 64)
    assert config_digest(section) != before
    monkeypatch.undo()
    monkeypatch.delitem(FAMILIES, "lite0-early")
    assert config_digest(section) != before


@INSTALLED
def test_weights_are_those_that_are_pinned(monkeypatch, tmp_path):
    assert lite0.SHA256.startswith(lite0.FILE.stem.rpartition("-")[2])
    lite0.read_weights()
    other = tmp_path / "other.pth"
    other.write_bytes(lite0.weights_path().read_bytes()[:-1] + b"\0\0")
    monkeypatch.setattr(lite0, "weights_path", lambda: other)
    with pytest.raises(InputError, match=r"SHA-256 .*, not 579344248a93"):
        lite0.read_weights()


@INSTALLED
def test_each_early_weight_has_its_place_and_no_place_is_empty():
    early = lite0.early_blocks().state_dict()
    names = {name for name in lite0.read_weights() if not name.startswith(("_conv_head", "_fc"))}
    late = {f"_blocks.{at}." for at in range(8, 16)}
    expected = {n for n in names if not n.startswith((*late, "_bn1"))}
    assert set(early) == expected
    for name, weight in lite0.read_weights().items():
        if name in expected:
            assert torch.equal(early[name], weight)


@INSTALLED
@pytest.mark.parametrize(
    ("picture", "expected"), [("coffee", 967), ("camera", 872)], ids=["espresso", "tripod"]
)
def test_the_network_is_sure_of_pictures(whole, picture, expected):
    image = getattr(data, picture)()
    image = image if image.ndim == 3 else np.stack([image] * 3, -1)
    side = min(image.shape[:2])
    top, left = ((size - side) // 2 for size in image.shape[:2])
    square = Image.fromarray(image[top : top + side, left : left + side])
    small = np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC))[None]
    with torch.inference_mode():
        share = whole._fc(whole.features(lite0._entered(small))).softmax(1)[0]
    assert share.argmax() == expected
    assert share.max() > 0.9


def test_padding_is_uneven_where_the_size_is_even():
    """Kernel 3, stride 2 on 4 px: 1 px is missing, and it comes last. On 5 px both sides get one."""
    layer = nn.Conv2d(1, 1, 3, 2, bias=False)
    layer.weight.data = torch.zeros(1, 1, 3, 3)
    layer.weight.data[0, 0, 0, 0] = 1  # the upper left of what it covers
    even, odd = torch.arange(16.0).reshape(1, 1, 4, 4), torch.arange(25.0).reshape(1, 1, 5, 5)
    assert same(layer, even).flatten().tolist() == [0, 2, 8, 10]
    assert same(layer, odd).flatten().tolist() == [0, 0, 0, 0, 6, 8, 0, 16, 18]
    tall = torch.zeros(1, 1, 7, 4)
    assert same(layer, tall).shape == (1, 1, 4, 2)


def test_a_block_adds_what_it_was_given_only_where_that_fits():
    assert [block._adds for block in blocks(32, lite0.STAGES)] == [
        *(False, False, True, False, True, False, True, True)
    ]
    plain = Block(4, 4, 3, 1, 6).eval()
    plain._bn2.weight.data.zero_()  # nothing but what is added
    given = torch.rand(2, 4, 6, 6)
    assert torch.equal(plain(given), given)


@INSTALLED
def test_features_are_means_of_four_blocks(phantoms):
    table = Lite0Early().groups(phantoms[:40], phantoms[:40, ..., 0])["lite0-early"]
    assert table.shape == (40, 160)
    image = lite0._entered(phantoms[37:38])
    with torch.inference_mode():
        shown = list(lite0.early_blocks()(image))
    assert [tuple(x.shape[1:]) for x in (shown[at] for at in lite0.READ)] == [
        *((16, 64, 64), (24, 32, 32), (40, 16, 16), (80, 8, 8))
    ]
    expected = np.concatenate([shown[at].mean((2, 3))[0].numpy() for at in lite0.READ])
    np.testing.assert_allclose(table[37], expected, atol=1e-5)


def blurred(images):
    soft = ndimage.gaussian_filter(images.astype(float), (0, 0.5, 0.5, 0))
    return soft.round().astype(np.uint8)


def raised(images, pattern):
    return (images + 2.55 * pattern[None, :, :, None]).round().clip(0, 255).astype(np.uint8)


def chequered(images):
    return raised(images, np.indices(images.shape[1:3]).sum(0) % 2 * 2 - 1)


def gridded(images):
    rows, columns = np.indices(images.shape[1:3])
    return raised(images, ((rows % 8 == 0) | (columns % 8 == 0)) * 2)


@INSTALLED
@pytest.mark.slow
@pytest.mark.parametrize("fault", [blurred, chequered, gridded])
def test_a_small_fault_is_farther_away_than_in_the_last_layer(fault, whole, phantoms):
    """In MMDs between halves of real images, over their standard deviation."""

    def last(images):
        with torch.inference_mode():
            return whole.features(lite0._entered(images)).double().numpy()

    def early(images):
        return Lite0Early().groups(images, images[..., 0])["lite0-early"]

    changed, z = fault(phantoms), []
    for extract in (early, last):
        plain, faulty = extract(phantoms), extract(changed)
        scale = RobustScale.fit(plain)
        plain, faulty = scale.apply(plain), scale.apply(faulty)
        kernel, rng, null, found = Kernel.of(plain), np.random.default_rng(0), [], []
        for _ in range(20):
            one, other = np.array_split(rng.permutation(len(plain)), 2)
            null.append(mmd(plain[one], plain[other], kernel))
            found.append(mmd(faulty[one], plain[other], kernel))
        z.append((np.mean(found) - np.mean(null)) / np.std(null))
    assert z[0] > 5
    assert z[0] > 2 * z[1]


@INSTALLED
def test_distances_have_floors_and_name_the_weights(discs):
    sets = [discs(count, size=32, seed=seed) for seed, count in enumerate((8, 10, 8))]
    section = EvaluateSection(features=("lite0-early",))
    context = ScoringContext(*sets, section)  # no judge: it asks for no classes
    found = {reading.metric: reading for reading in FAMILIES["lite0-early"].measure(context)}
    assert set(found) == {name for name in METRICS if features_of(name) == "lite0-early"}
    assert {"mmd_lite0-early", "mmd_lite0-early_p", "frechet_lite0-early_real"} <= set(found)
    about = found["mmd_lite0-early"].parameters
    assert about["features"] == "lite0-early@1-579344248a93"
    assert about["dimensions"] == 160
