"""A generator added as anybody adds one: a spec with its generator, and one line in the registry."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from factory.generators import GENERATORS
from factory.generators.base import Generator
from factory.generators.spec import GeneratorSpec, Passes
from factory.images import ImageSection
from factory.prompts.prompt import Prompt
from factory.store.checks import check
from factory.vocabulary import load_vocabulary
from tests.toys.generator import SquareSpec

IMAGE = ImageSection(size=32, channels=1)
BREAST = load_vocabulary().domain("phantom-breast-us")


@pytest.fixture
def spec(monkeypatch):
    monkeypatch.setitem(GENERATORS, "square", SquareSpec)  # the one line
    return GENERATORS["square"].model_validate({"kind": "square", "side": 4})


def prompts(count=3):
    return [Prompt.about(BREAST, ["lesion"], "benign", replicate=i) for i in range(count)]


def test_every_kind_is_a_spec_under_its_own_name(spec):
    for kind, each in GENERATORS.items():
        assert issubclass(each, GeneratorSpec)
        assert each.model_fields["kind"].default == kind


def test_a_recipe_section_of_the_registry_takes_it(spec):
    section = TypeAdapter(GENERATORS["square"])
    assert section.validate_python(spec.model_dump()) == spec
    with pytest.raises(ValidationError, match="Extra inputs"):
        section.validate_python({"kind": "square", "train": {}})


def test_it_keeps_the_contract(spec):
    generator: Generator = spec.build(IMAGE)
    asked = prompts()
    seeds = [prompt.seed for prompt in asked]
    pairs, tail = generator.generate(asked, seeds), generator.generate(asked[1:], seeds[1:])
    np.testing.assert_array_equal(pairs.images[1:], tail.images)
    np.testing.assert_array_equal(pairs.masks[1:], tail.masks)
    assert not check(pairs, {BREAST.name: BREAST.label_map}).any()
    assert len({generator.digest, SquareSpec(side=5).build(IMAGE).digest}) == 2


def test_it_answers_what_a_plan_asks_of_what_has_no_weights(spec):
    assert spec.makes_masks
    assert not spec.trains
    assert (spec.checkpoints, spec.training_steps, spec.training_passes) == ((), 0, Passes())
    assert spec.untrained_denoiser() is None
    assert spec.passes(prompts()) == Passes()
    spec.check_start()
    spec.check_prompts(prompts(), None, {BREAST.name: BREAST})


def test_what_it_cannot_do_is_refused(spec):
    with pytest.raises(ValueError, match="square has nothing to train"):
        spec.learn(None, Path("nowhere"))
    with pytest.raises(ValueError, match="square takes no checkpoint"):
        spec.with_checkpoint(Path("nowhere"))


def test_other_settings_are_another_identity(spec, tmp_path):
    def folder(each):
        return each.checkpoint_folder(tmp_path, "x", "source", IMAGE)

    assert folder(spec) == folder(SquareSpec(side=4)) != folder(SquareSpec(side=5))


@pytest.mark.parametrize("kind", ["medsegfactory", "medisyn", "diffmask"])
def test_a_generator_with_weights_says_what_its_training_and_drawing_cost(kind):
    train = {"steps": 10, "batch": 4, "autoencoder": {"factor": 4, "steps": 3, "batch": 2}}
    content = {"kind": kind, "preset": "tiny", "train": train, "sample": {"steps": 5}}
    spec = GENERATORS[kind].model_validate(content)
    assert spec.trains
    assert spec.training_steps == 13
    assert spec.training_passes == Passes(40, 12)
    assert spec.latent_factor == 4
    assert spec.untrained_denoiser().streams == (2 if kind == "medsegfactory" else 1)
    drawn = spec.passes(prompts())
    # With guidance two passes a step. Of the finished image: four levels with the class and
    # without, and three at which places attend.
    assert drawn == (Passes(10 + 2 * 4 + 3, 2) if kind == "diffmask" else Passes(10, 1))
    alone = spec.model_copy(update={"sample": spec.sample.model_copy(update={"guidance": 1.0})})
    assert alone.passes(prompts()).denoiser == drawn.denoiser - 5
    trained = spec.with_checkpoint(Path("checkpoint"))
    assert (trained.trains, trained.training_steps) == (False, 0)
    assert trained.checkpoints == (Path("checkpoint"),)


def test_a_training_on_coarse_pictures_costs_single_passes_of_its_decoder():
    coarse = {"kind": "coarse", "steps": 7, "batch": 4}
    train = {"steps": 10, "batch": 4, "autoencoder": coarse}
    spec = GENERATORS["medsegfactory"].model_validate({"kind": "medsegfactory", "train": train})
    assert spec.training_steps == 10 + 2 * 7  # of two decoders
    assert spec.training_passes == Passes(40, 7 * 4 / 8)  # a picture is drawn in 8 passes
    assert spec.latent_factor == 8  # four cells are read as one
    autoencoder = spec.untrained_autoencoder(IMAGE)
    assert (autoencoder.kind, autoencoder.factor) == ("coarse", 4)
    dumped = spec.model_dump(mode="json", by_alias=True)
    assert GENERATORS["medsegfactory"].model_validate(dumped) == spec
    assert spec.training_identity()["generator"]["train"]["autoencoder"]["kind"] == "coarse"
