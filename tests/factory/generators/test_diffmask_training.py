"""DiffMask, tiny but real: trained on images and captions, its affinity network on its own images."""

from dataclasses import replace

import numpy as np
import pytest

from factory.attention_maps.settings import AffinitySection, DiffMaskTrainSection, RefinementSection
from factory.errors import InputError
from factory.generators.specs import DiffMaskSpec
from factory.models.checkpoints import checkpoint_digest
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.settings import (
    Augmentation,
    AutoencoderTraining,
    SampleSection,
    TextTraining,
    ViewSection,
)
from factory.training.partial_views import in_view, with_views, without

TRAIN = DiffMaskTrainSection(
    steps=2,
    batch=4,
    validate_every=2,
    autoencoder=AutoencoderTraining(steps=2, batch=4),
    text=TextTraining(steps=2, batch=8),
    augment=Augmentation(copies=1),
    affinity_images=4,
    affinity_label_steps=("attention", "crf"),  # to a network of two steps words change nothing
    views=(ViewSection(box=(0.75, 0, 1, 0.25), absent=("polyp",), text="lower left corner"),),
)
SPEC = DiffMaskSpec(
    preset="tiny",
    train=TRAIN,
    sample=SampleSection(steps=2, batch=2),
    masks=RefinementSection(min_contrast=0, affinity=AffinitySection(steps=2, batch=2, margin=0)),
)


def trained(data, folder, spec=SPEC):
    return [step.stage for step in spec.learn(data, folder)]


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("diffmask")
    return folder, trained(data, folder)


def test_the_affinity_network_is_a_stage_and_part_of_the_checkpoint(whole):
    folder, stages = whole
    assert list(dict.fromkeys(stages))[-3:] == ["denoiser", "seeds", "affinity"]
    assert (folder / "affinity" / "model.safetensors").is_file()
    before = checkpoint_digest(folder)
    spare = folder / "affinity" / "spare.txt"
    spare.write_text("decides")
    assert checkpoint_digest(folder) != before
    spare.unlink()


def test_no_mask_is_read(whole, data, tmp_path):
    def spoiled(pairs: PairBatch) -> PairBatch:
        noise = np.random.default_rng(0).integers(0, 2, pairs.masks.shape, np.uint8)
        return replace(pairs, masks=noise)

    trained(replace(data, train=spoiled(data.train), held_out=spoiled(data.held_out)), tmp_path)
    assert checkpoint_digest(tmp_path) == checkpoint_digest(whole[0])


def test_what_it_draws_follows_from_the_checkpoint(whole, data):
    built = [SPEC.with_checkpoint(whole[0]).build(data.image) for _ in range(2)]
    domain = data.domains["phantom-colonoscopy"]
    prompts = [Prompt.about(domain, ["polyp"], "polyp", replicate=i) for i in range(3)]
    first, second = (each.generate(prompts, [1, 2, 3]) for each in built)
    assert built[0].digest == built[1].digest
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)


def test_switching_a_step_off_needs_no_other_training(whole, data, tmp_path):
    def folder(masks):
        spec = SPEC.model_copy(update={"masks": masks})
        return spec.checkpoint_folder(tmp_path, "x", "source", data.image)

    lower = SPEC.masks.model_copy(update={"steps": ("attention", "crf")})
    other = SPEC.masks.model_copy(update={"affinity": AffinitySection(radius=4)})
    assert folder(lower) == folder(SPEC.masks) != folder(other)
    spec = SPEC.with_checkpoint(whole[0]).model_copy(update={"masks": lower})
    assert spec.build(data.image).net is None


def test_an_affinity_network_of_another_stride_or_none_is_refused(whole, data, tmp_path):
    other = RefinementSection(affinity=AffinitySection(stride=4))
    spec = SPEC.with_checkpoint(whole[0]).model_copy(update={"masks": other})
    with pytest.raises(InputError, match="stride 2"):
        spec.build(data.image)
    bare = SPEC.model_copy(update={"train": TRAIN.model_copy(update={"affinity_images": 0})})
    assert "affinity" not in trained(data, tmp_path, bare)
    with pytest.raises(InputError, match="step affinity"):
        bare.with_checkpoint(tmp_path).build(data.image)


def test_views_lack_what_is_out_of_sight_and_say_so(data):
    train = data.train
    view = ViewSection(box=(0, 0.5, 0.5, 1), absent=("lesion",), text="upper right")
    shown = with_views(train, data.domains, [view], 1.0, seed=0)
    assert len(shown) == 2 * len(train)
    views = shown[len(train) :]
    assert not views.masks.any()
    assert set(views.facets["labels"]) <= {"", "polyp"}
    assert set(views.facets["text"]) == {"upper right"}
    np.testing.assert_array_equal(views.images[0], in_view(train.images[0], view))
    # Two pixels for one: the corner's brightness stays what it was.
    half = train.images.shape[1] // 2
    assert abs(views.images[0].mean() - train.images[0][:half, half:].mean()) < 1
    assert with_views(train, data.domains, [view], 0.0, seed=0) is train


def test_what_is_covered_is_painted_over_from_its_sides_and_all_else_stays(data):
    ramp = np.tile(np.arange(0, 160, 5, dtype=np.uint8)[None, :, None], (32, 1, 1))
    lung = ramp.copy()
    lung[10:20, 12:18] = 250
    bare = without(lung, (0.25, 0.25, 0.75, 0.75))
    outside = np.ones((32, 32), bool)
    outside[8:24, 8:24] = False
    np.testing.assert_array_equal(bare[outside], lung[outside])
    assert np.abs(bare[8:24, 8:24].astype(int) - ramp[8:24, 8:24]).max() <= 20  # not 250
    view = ViewSection(covered=((0.25, 0.25, 0.75, 0.75),), absent=("lesion",))
    views = with_views(data.train, data.domains, [view], 1.0, seed=0)[len(data.train) :]
    first = data.train.images[0]
    np.testing.assert_array_equal(views.images[0], without(first, view.covered[0]))


def test_words_of_views_are_known_before_they_are_learnt(data):
    assert SPEC.own_texts == ("lower left corner",)
    known = SPEC.known_words(data.train, data.domains)
    assert known is not None
    assert {"corner", "polyp"} <= known


def test_a_view_that_cannot_be_is_refused(data):
    with pytest.raises(ValueError, match="not square"):
        ViewSection(box=(0, 0, 1, 0.5))
    with pytest.raises(ValueError, match="no part of an image"):
        ViewSection(box=(0.5, 0, 0.2, 0.5))
    with pytest.raises(ValueError, match="no part of an image"):
        ViewSection(covered=((0.5, 0, 0.2, 0.5),))
    with pytest.raises(ValueError, match="either box or covered"):
        ViewSection()
    view = ViewSection(box=(0, 0, 0.5, 0.5), absent=("lesoin",))
    with pytest.raises(InputError, match="lesion"):
        with_views(data.train, data.domains, [view], 1.0, seed=0)


@pytest.mark.parametrize("steps", [["crf"], ["attention", "affinity"], ["attention", "gate"]])
def test_an_affinity_network_cannot_learn_from_itself(steps):
    with pytest.raises(ValueError, match=r"cannot be taken|those below it"):
        DiffMaskTrainSection(steps=1, affinity_label_steps=steps)
