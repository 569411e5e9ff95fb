"""The text-to-image system, tiny but real: trained without masks, killed, resumed, fine-tuned."""

import itertools
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from factory.errors import InputError
from factory.generators.specs import MediSynSpec
from factory.images import ImageSection
from factory.models.checkpoints import checkpoint_digest, load_text_to_image_components
from factory.models.text import TextEncoder
from factory.pairs import PairBatch
from factory.prompts.prompt import Prompt
from factory.settings import (
    Augmentation,
    AutoencoderTraining,
    SampleSection,
    TextTraining,
    TrainSection,
)
from factory.training.text_to_image import train_text_to_image

TRAIN = TrainSection(
    steps=6,
    batch=4,
    warm_up=2,
    validate_every=3,
    autoencoder=AutoencoderTraining(steps=4, batch=4, texture_loss_from=0.5, adversarial=0.1),
    text=TextTraining(steps=2, batch=8),
    augment=Augmentation(copies=2),
)


def trained(data, folder, section=TRAIN, start=None):
    steps = list(train_text_to_image(data, section, "tiny", start, folder))
    return [step for step in steps if step.stage == "denoiser"]


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, trained(data, folder)


def test_losses_are_those_of_images_at_each_noise_level(whole):
    losses = [step.losses for step in whole[1]]
    assert set(losses[0]) == {"image"}
    assert set(losses[2]) == {"image", *(f"val_image_{t}" for t in (100, 300, 500, 700, 900))}
    assert all(np.isfinite(list(step.values())).all() for step in losses)


def test_the_card_says_what_the_model_is_made_of(whole, data):
    card = json.loads((whole[0] / "card.json").read_text())
    assert card["varying"] == {"phantom-breast-us": ["lesion"], "phantom-colonoscopy": ["polyp"]}
    assert card["source_digest"] == data.source_digest
    assert "mask_dice" not in card["losses"]


def test_no_mask_is_read(whole, data, tmp_path):
    def spoiled(pairs: PairBatch) -> PairBatch:
        noise = np.random.default_rng(0).integers(0, 2, pairs.masks.shape, np.uint8)
        return replace(pairs, masks=noise)

    other = replace(data, train=spoiled(data.train), held_out=spoiled(data.held_out))
    trained(other, tmp_path)
    assert checkpoint_digest(tmp_path) == checkpoint_digest(whole[0])


def test_a_training_killed_and_resumed_has_the_same_losses_and_weights(whole, data, tmp_path):
    for kill in (1, 4):
        steps = train_text_to_image(data, TRAIN, "tiny", None, tmp_path)
        list(itertools.islice(steps, kill))
        steps.close()
    assert [step.losses for step in trained(data, tmp_path)] == [s.losses for s in whole[1]]
    assert checkpoint_digest(tmp_path) == checkpoint_digest(whole[0])


def test_fine_tuning_starts_from_the_weights_it_is_given(whole, data, tmp_path):
    keep = AutoencoderTraining(steps=0)
    gentle = TRAIN.model_copy(update={"steps": 1, "learning_rate": 1e-9, "autoencoder": keep})
    trained(data, tmp_path, gentle, whole[0])
    before, after = (
        load_text_to_image_components(folder).unet.state_dict() for folder in (whole[0], tmp_path)
    )
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-3, rtol=1e-3)


def test_a_pretrained_text_encoder_is_taken_as_it_is(whole, data, tmp_path):
    hub = tmp_path / "hub"
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(whole[0] / part, hub / part)
    (hub / "tokenizer" / "words.txt").unlink()  # an encoder of the hub knows its language
    text = TextTraining.model_validate({"from": hub, "steps": 1})
    trained(data, tmp_path / "own", TRAIN.model_copy(update={"steps": 1, "text": text}))
    given, taken = (TextEncoder.load(folder) for folder in (hub, tmp_path / "own"))
    assert taken.known is None
    lines = ["breast ultrasound with lesion"]
    # Checkpoints store half precision.
    torch.testing.assert_close(taken(lines), given(lines), atol=2e-2, rtol=2e-2)


def test_free_texts_of_the_source_are_learnt(data, tmp_path):
    facets = data.train.facets.assign(text="quokka sign, grade two", finding="")
    told = replace(data, train=replace(data.train, facets=facets))
    trained(told, tmp_path, TRAIN.model_copy(update={"steps": 1}))
    text = load_text_to_image_components(tmp_path).text
    assert {"quokka", "sign", "with", "lesion"} <= text.known


def test_what_it_draws_has_labels_and_no_masks(whole, data):
    spec = MediSynSpec(start=whole[0], sample=SampleSection(steps=2, batch=2))
    generator = spec.build(data.image)
    domain = data.domains["phantom-breast-us"]
    prompts = [Prompt.about(domain, domain.shown("benign"), "benign", replicate=i) for i in (0, 1)]
    pairs = generator.generate(prompts, [prompt.seed for prompt in prompts])
    assert list(pairs.facets["labels"]) == ["lesion", "lesion"]
    assert not pairs.has_mask.any()
    # Ultrasound is grey, whatever the model makes of it.
    assert (pairs.images == pairs.images[..., :1]).all()
    with pytest.raises(InputError, match="trained for images"):
        spec.build(ImageSection(size=64, channels=3))
