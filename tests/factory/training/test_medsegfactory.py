"""The whole system, tiny but real: trained, killed, resumed, fine-tuned, drawn from."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from factory.errors import InputError
from factory.generators.specs import MedSegFactorySpec
from factory.images import ImageSection
from factory.models.checkpoints import checkpoint_digest, load_components, read_card
from factory.models.lineage import Ancestor, ancestry_of
from factory.prompts.prompt import Prompt
from factory.settings import Augmentation, CoarseTraining, SampleSection
from factory.training.medsegfactory import train_medsegfactory
from factory.vocabulary import load_vocabulary


def prompts_of(data, count=5):
    domains = list(data.domains.values())
    return [
        Prompt.about(domain, domain.shown(finding), finding, replicate=i)
        for i in range(count)
        for domain in [domains[i % len(domains)]]
        for finding in [list(domain.findings)[i % len(domain.findings)]]
    ]


@pytest.fixture(scope="session")
def checkpoint(data, section, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    steps = list(train_medsegfactory(data, section, "tiny", "joint", None, folder))
    assert [name for name, _ in itertools.groupby(steps, lambda step: step.stage)] == [
        "text",
        "autoencoder",
        "latents",
        "ceiling",
        "denoiser",
    ]
    return folder


@pytest.fixture(scope="session")
def generator(checkpoint, data):
    spec = MedSegFactorySpec(start=checkpoint, sample=SampleSection(steps=2, batch=4))
    return spec.build(data.image)


def test_the_card_says_what_the_model_is_made_of(checkpoint, data, section):
    card = json.loads((checkpoint / "card.json").read_text())
    assert card["source_digest"] == data.source_digest
    assert card["licence"] == data.licence
    assert card["train"]["steps"] == section.steps
    assert [domain["name"] for domain in card["domains"]] == list(data.domains)
    assert all(np.isfinite(list(card["losses"].values())))
    assert 0 <= card["losses"]["mask_dice"] <= 1


@pytest.mark.slow
def test_only_pairs_with_a_mask_are_learnt(data, section, tmp_path):
    few = {"steps": 1, "validate_every": 1}
    short = section.model_copy(update=few | {"augment": Augmentation(copies=1)})
    folders = tmp_path / "mixed", tmp_path / "alone"
    masked = np.arange(len(data.train)) % 2 == 0
    train = replace(data.train, has_mask=masked)
    for folder, pairs in zip(folders, (train, data.train[masked]), strict=True):
        told = replace(data, train=pairs)
        list(train_medsegfactory(told, short, "tiny", "joint", None, folder))
    card = read_card(folders[0])
    assert card["pairs"] == masked.sum()
    assert checkpoint_digest(folders[0]) == checkpoint_digest(folders[1])


def test_a_training_killed_anywhere_ends_in_the_same_checkpoint(
    checkpoint, data, section, tmp_path
):
    # One kill in each stage; a stage that was finished is read back, not repeated.
    for kill in (2, 6, 13):
        steps = train_medsegfactory(data, section, "tiny", "joint", None, tmp_path)
        list(itertools.islice(steps, kill))
        steps.close()
    list(train_medsegfactory(data, section, "tiny", "joint", None, tmp_path))
    assert checkpoint_digest(tmp_path) == checkpoint_digest(checkpoint)


def test_fine_tuning_starts_from_the_weights_it_is_given(checkpoint, data, section, tmp_path):
    gentle = section.model_copy(
        update={
            "steps": 1,
            "learning_rate": 1e-9,
            "autoencoder": section.autoencoder.model_copy(update={"steps": 0}),
        }
    )
    list(train_medsegfactory(data, gentle, "tiny", "joint", checkpoint, tmp_path))
    before, after = (load_components(folder).unet.state_dict() for folder in (checkpoint, tmp_path))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-3, rtol=1e-3)
    # Both trainings met the same phantoms.
    met = Ancestor(data.source_digest, len(data.train), phantom=True)
    assert ancestry_of(read_card(checkpoint)) == (met,)
    assert ancestry_of(read_card(tmp_path)) == (met, met)


def test_pairs_have_the_asked_facets_and_known_classes(generator, data):
    prompts = prompts_of(data)
    pairs = generator.generate(prompts, [prompt.seed for prompt in prompts])
    assert pairs.images.shape == (5, *data.held_out.images.shape[1:])
    assert list(pairs.facets.prompt) == [prompt.digest for prompt in prompts]
    for prompt, mask in zip(prompts, pairs.masks, strict=True):
        assert mask.max() <= len(data.domains[prompt.domain].classes)


def test_only_modalities_in_colour_are_in_colour(generator, data):
    prompts = prompts_of(data, 4)
    pairs = generator.generate(prompts, [prompt.seed for prompt in prompts])
    for prompt, image in zip(prompts, pairs.images, strict=True):
        grey = bool((image == image[..., :1]).all())
        assert grey == (prompt.domain == "phantom-breast-us")


def test_a_pair_is_the_same_bytes_in_any_company(generator, data):
    prompts = prompts_of(data, 6)
    seeds = [prompt.seed for prompt in prompts]
    whole = generator.generate(prompts, seeds)
    order = [5, 2, 0]
    some = generator.generate([prompts[i] for i in order], [seeds[i] for i in order])
    np.testing.assert_array_equal(some.images, whole.images[order])
    np.testing.assert_array_equal(some.masks, whole.masks[order])


def test_image_from_mask_and_mask_from_image(checkpoint, data):
    spec = MedSegFactorySpec(start=checkpoint, sample=SampleSection(steps=2, batch=4))
    generator = spec.build(data.image)
    # Gates that six steps have hardly opened let less through than a grey level.
    for name, value in generator.components.unet.named_parameters():
        if name.endswith("gate"):
            value.data.fill_(1)
    prompts = prompts_of(data, 4)
    seeds = [prompt.seed for prompt in prompts]
    real = data.held_out[:4]
    painted = generator.paint(prompts, seeds, real.masks)
    segmented = generator.segment(prompts, seeds, real.images)
    assert painted.images.shape == real.images.shape
    assert segmented.masks.shape == real.masks.shape
    # Other masks, other images: the given stream is really looked at.
    blank = generator.paint(prompts, seeds, np.zeros_like(real.masks))
    assert not np.array_equal(blank.images, painted.images)


def test_an_unknown_domain_is_refused(generator):
    stranger = Prompt.about(load_vocabulary().domain("phantom-fundus"), [])
    with pytest.raises(InputError, match="knows phantom-breast-us"):
        generator.generate([stranger], [0])


def test_another_image_size_is_refused(checkpoint):
    with pytest.raises(InputError, match="trained for images"):
        MedSegFactorySpec(start=checkpoint).build(ImageSection(size=64, channels=3))


def test_no_weights_are_refused():
    with pytest.raises(InputError, match="no trained weights"):
        MedSegFactorySpec().build(ImageSection())


@pytest.fixture(scope="session")
def on_coarse(section):
    coarse = CoarseTraining(factor=2, steps=4, batch=2, width=8)
    return section.model_copy(update={"autoencoder": coarse})


@pytest.fixture(scope="session")
def coarse_checkpoint(data, on_coarse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coarse")
    steps = list(train_medsegfactory(data, on_coarse, "tiny", "joint", None, folder))
    stages = [name for name, _ in itertools.groupby(steps, lambda step: step.stage)]
    assert stages == ["text", "decoder", "latents", "ceiling", "denoiser"]
    return folder


def test_a_coarse_training_killed_anywhere_ends_in_the_same_checkpoint(
    coarse_checkpoint, data, on_coarse, tmp_path
):
    for kill in (2, 5, 12):
        steps = train_medsegfactory(data, on_coarse, "tiny", "joint", None, tmp_path)
        list(itertools.islice(steps, kill))
        steps.close()
    list(train_medsegfactory(data, on_coarse, "tiny", "joint", None, tmp_path))
    assert checkpoint_digest(tmp_path) == checkpoint_digest(coarse_checkpoint)
    decoder = tmp_path / "vae/diffusion_pytorch_model.safetensors"
    decoder.write_bytes(decoder.read_bytes()[:-1] + b"x")
    assert checkpoint_digest(tmp_path) != checkpoint_digest(coarse_checkpoint)


def test_what_is_given_to_a_coarse_model_is_kept_to_the_pixel(coarse_checkpoint, data):
    spec = MedSegFactorySpec(start=coarse_checkpoint, sample=SampleSection(steps=2, batch=4))
    generator = spec.build(data.image)
    assert generator.components.unet.fold == 2
    real = data.held_out[:4]
    domains = [data.domains[name] for name in real.facets.domain]
    prompts = [Prompt.about(domain, domain.classes) for domain in domains]
    painted = generator.paint(prompts, range(4), real.masks)
    np.testing.assert_array_equal(painted.masks, real.masks)
    segmented = generator.segment(prompts, range(4), real.images)
    np.testing.assert_array_equal(segmented.images, real.images)
    assert not np.array_equal(painted.images, real.images)
    images, masks = generator.reconstruct(domains[0].name, real.images[:1], real.masks[:1])
    assert images.shape == real.images[:1].shape
    assert masks.shape == real.masks[:1].shape


def test_an_autoencoder_of_another_kind_is_told_before_training(coarse_checkpoint, section):
    spec = MedSegFactorySpec(start=coarse_checkpoint, train=section)
    with pytest.raises(InputError, match="has an autoencoder of kind coarse"):
        spec.check_start()


def test_an_autoencoder_is_kept_where_its_steps_are_none(
    coarse_checkpoint, data, section, tmp_path
):
    keep = section.autoencoder.model_copy(update={"steps": 0})
    gentle = section.model_copy(update={"steps": 1, "autoencoder": keep})
    list(train_medsegfactory(data, gentle, "tiny", "joint", coarse_checkpoint, tmp_path))
    for before, after in zip(
        load_components(coarse_checkpoint).autoencoder.parameters(),
        load_components(tmp_path).autoencoder.parameters(),
        strict=True,
    ):
        assert torch.equal(before, after)


def test_balanced_data_repeat_smaller_domains_and_keep_every_pair(data):
    domains = data.train.facets["domain"].to_numpy(str)
    first, second = list(data.domains)[:2]
    kept = np.concatenate([np.flatnonzero(domains == first), np.flatnonzero(domains == second)[:2]])
    uneven = replace(data, train=data.train[kept])
    facets = uneven.balanced().train.facets["domain"].value_counts()
    assert facets[first] == (domains == first).sum()
    assert abs(facets[second] - facets[first]) <= 1  # two pairs, repeated whole times
    assert uneven.balanced().held_out is uneven.held_out
