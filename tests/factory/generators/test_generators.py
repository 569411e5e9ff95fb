"""The contract that every generator keeps; a new kind is covered by one line in READY."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from factory.attention_maps.affinity_net import AffinityNet
from factory.attention_maps.settings import (
    AffinitySection,
    ReadSection,
    RefinementSection,
    StructureSection,
)
from factory.errors import InputError
from factory.generators import GENERATORS
from factory.generators.base import Generator, facet_rows
from factory.generators.diffmask import DiffMask
from factory.generators.medisyn import MediSyn
from factory.generators.medsegfactory import MedSegFactory
from factory.generators.phantom import PhantomGeneratorSpec
from factory.generators.specs import MaskedSpec, MediSynSpec, MedSegFactorySpec
from factory.generators.two_step import Masked
from factory.images import ImageSection
from factory.models.autoencoders.coarse import CoarseAutoencoder, CoarseConfig
from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.checkpoints import Components
from factory.models.dual_stream import DualStreamUNet
from factory.models.presets import SCHEDULE, TINY
from factory.models.text_to_image import TextToImageUNet
from factory.prompts.prompt import Prompt
from factory.settings import SampleSection
from factory.sources.phantom import render
from factory.sources.phantoms import PHANTOMS
from factory.store.checks import check, names
from factory.training.sentences import caption_corpus
from factory.training.text import new_text_encoder
from factory.vocabulary import load_vocabulary


# Kind -> a small generator of images of this section, ready to use without a checkpoint of the
# user's. Kinds that need one make a tiny real one in a temporary folder.
def tiny_coarse(streams):
    """Coarse pictures, and decoders whose last layers do not give 0 any more."""
    torch.manual_seed(1)
    autoencoder = CoarseAutoencoder(CoarseConfig(factor=4, streams=streams, width=8))
    for decoder in autoencoder.decoders:
        torch.nn.init.normal_(decoder.last.weight, std=0.1)
    return autoencoder.eval()


def on_coarse(config):
    return {**config, "fold": 2, "in_channels": 12, "out_channels": 12}


def with_coarse(generator, network):
    """The same generator on coarse pictures."""
    torch.manual_seed(0)
    parts = generator.components
    unet = network(on_coarse(parts.unet.config)).eval()
    return replace(
        generator,
        components=replace(parts, unet=unet, autoencoder=tiny_coarse(network.streams)),
    )


def tiny_medsegfactory(image):
    """The real networks at their smallest, with the weights they start from."""
    vocabulary = load_vocabulary()
    domains = [vocabulary.domain(name) for name in PHANTOMS]
    prompts = [Prompt.about(domain, domain.classes) for domain in domains]
    torch.manual_seed(0)
    text = new_text_encoder([line for p in prompts for line in (p.image_text, p.mask_text)])
    config = {**TINY, "in_channels": 16, "out_channels": 16, "cross_attention_dim": text.dim}
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    parts = Components(
        DualStreamUNet(config).eval(),
        KLAutoencoder.small(4, pictures).eval(),
        text,
        SCHEDULE,
        {"domains": [domain.model_dump(mode="json") for domain in domains]},
    )
    return MedSegFactory(parts, "untrained", image, SampleSection(steps=2, batch=2))


def tiny_medisyn(image):
    """The real networks at their smallest, with the weights they start from."""
    domains = {name: load_vocabulary().domain(name) for name in PHANTOMS}
    torch.manual_seed(0)
    text = new_text_encoder([sentence.text for sentence in caption_corpus(domains)])
    config = {**TINY, "in_channels": 16, "out_channels": 16, "cross_attention_dim": text.dim}
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    card = {
        "domains": [domain.model_dump(mode="json") for domain in domains.values()],
        "varying": {"phantom-chest-xray": ["opacity"]},
    }
    parts = Components(
        TextToImageUNet(config).eval(),
        KLAutoencoder.small(4, pictures).eval(),
        text,
        SCHEDULE,
        card,
    )
    return MediSyn(parts, "untrained", image, SampleSection(steps=2, batch=2))


LUNGS = {"lung": StructureSection(sides=("right lung", "left lung"))}


def tiny_diffmask(image, **masks):
    """That network, and every step; what an untrained one looks at is far from flat."""
    affinity = AffinitySection(stride=2, radius=3, walk=4)
    section = RefinementSection(**{"affinity": affinity, "structures": LUNGS, **masks})
    torch.manual_seed(0)
    net = AffinityNet(affinity, image.channels).eval()
    return DiffMask(tiny_medisyn(image), section, ReadSection(), net)


def tiny_masked(image):
    """Images of one network, masks of what another looks at in them."""
    return Masked(tiny_medisyn(image), tiny_diffmask(image))


READY: Mapping[str, Callable[[ImageSection], Generator]] = {
    "phantom": lambda image: PhantomGeneratorSpec().build(image),
    "medsegfactory": tiny_medsegfactory,
    "medisyn": tiny_medisyn,
    "diffmask": tiny_diffmask,
    "masked": tiny_masked,
}
# The same kinds on the other autoencoder.
READY_ON_COARSE: Mapping[str, Callable[[ImageSection], Generator]] = {
    "medsegfactory-coarse": lambda image: with_coarse(tiny_medsegfactory(image), DualStreamUNet),
    "medisyn-coarse": lambda image: with_coarse(tiny_medisyn(image), TextToImageUNet),
    "diffmask-coarse": lambda image: replace(
        tiny_diffmask(image), image_model=with_coarse(tiny_medisyn(image), TextToImageUNet)
    ),
}
ALL = {**READY, **READY_ON_COARSE}
MASKLESS = ("medisyn", "medisyn-coarse")
DOUBTING = (
    "diffmask",
    "masked",
    "diffmask-coarse",
)  # that leave out masks which they do not believe, and say why
SECTIONS = [ImageSection(size=32, channels=1), ImageSection(size=40, channels=3)]


def make_prompts(count=5):
    vocabulary = load_vocabulary()
    prompts = []
    for replicate in range(count):
        domain = vocabulary.domain(list(PHANTOMS)[replicate % len(PHANTOMS)])
        finding = next(iter(domain.findings), "")
        shown = domain.shown(finding)
        prompts.append(Prompt.about(domain, shown, finding, replicate=replicate, root=1))
    return prompts


def generate(generator, prompts):
    return generator.generate(prompts, [prompt.seed for prompt in prompts])


@pytest.fixture(params=ALL)
def kind(request):
    return request.param


@pytest.fixture(params=SECTIONS, ids=["grey", "colour"])
def section(request):
    return request.param


@pytest.mark.parametrize("kind", READY)
def test_ready_kinds_are_registered_under_the_kind_they_say(kind):
    assert GENERATORS[kind].model_fields["kind"].default == kind


def test_pairs_are_valid(kind, section):
    prompts = make_prompts(7)
    pairs = generate(ALL[kind](section), prompts)
    assert pairs.images.shape == (7, section.size, section.size, section.channels)
    assert pairs.masks.shape == (7, section.size, section.size)
    if kind not in DOUBTING:
        assert (pairs.has_mask == (kind not in MASKLESS)).all()
    assert not pairs.masks[~pairs.has_mask].any()
    for prompt, mask in zip(prompts, pairs.masks, strict=True):
        assert mask.max() <= len(load_vocabulary().domain(prompt.domain).classes)


def test_facets_are_the_prompts(kind, section):
    prompts = make_prompts(3)
    facets = generate(ALL[kind](section), prompts).facets
    for row, prompt in zip(facets.to_dict("records"), prompts, strict=True):
        own = {"doubts", "doubt"} if kind in DOUBTING else set()
        told = {name: value for name, value in row.items() if name not in own}
        assert told == {**prompt.facets(), "seed": str(prompt.seed)}


def test_neighbours_and_order_change_no_pixel(kind, section):
    generator, prompts = ALL[kind](section), make_prompts(5)
    whole = generate(generator, prompts)
    for order in ([2], [4, 3], [3, 0, 2, 1, 4]):
        part = generate(generator, [prompts[at] for at in order])
        np.testing.assert_array_equal(part.images, whole.images[order])
        np.testing.assert_array_equal(part.masks, whole.masks[order])


def test_the_seed_changes_the_pixels(kind, section):
    generator, prompts = ALL[kind](section), make_prompts(1)
    first, second = generator.generate(prompts, [1]), generator.generate(prompts, [2])
    assert (first.images != second.images).any()


def test_two_builds_are_one_generator(kind, section):
    prompts = make_prompts(2)
    first, second = ALL[kind](section), ALL[kind](section)
    assert first.digest == second.digest
    assert int(first.digest, 16) >= 0
    np.testing.assert_array_equal(generate(first, prompts).images, generate(second, prompts).images)


def test_the_digest_depends_on_the_image_section(kind):
    assert len({ALL[kind](section).digest for section in SECTIONS}) == len(SECTIONS)


def test_as_many_seeds_as_prompts_and_at_least_one(kind):
    generator = ALL[kind](SECTIONS[0])
    for prompts, seeds in (([], []), (make_prompts(2), [1])):
        with pytest.raises(ValueError, match="seeds"):
            generator.generate(prompts, seeds)


def test_the_largest_seed_is_kept_to_the_last_digit():
    prompt = make_prompts(1)
    assert facet_rows(prompt, [np.uint64(2**64 - 1)])[0]["seed"] == str(2**64 - 1)


# ---- medisyn ----


def test_free_text_without_a_finding_is_the_whole_caption():
    domain = load_vocabulary().domain("phantom-chest-xray")
    generator = READY["medisyn"](SECTIONS[0])
    free = Prompt.about(domain, domain.classes, text="thorax radiograph, a big heart is seen")
    assert generator.captions([free], [3]) == [free.text]
    both = Prompt.about(domain, domain.shown("pneumonia"), "pneumonia", text=free.text)
    (told,) = generator.captions([both], [3])
    assert told.endswith(f". {free.text}")
    assert len(told) > len(free.text) + 10


def test_a_free_text_with_unknown_words_is_refused_with_the_nearest_known():
    domain = load_vocabulary().domain("phantom-chest-xray")
    generator = READY["medisyn"](SECTIONS[0])
    prompt = Prompt.about(domain, domain.classes, text="chest film with cardiomegalia of a zyzzyva")
    with pytest.raises(InputError, match=r"cardiomegalia' \(nearest known: cardiomegaly.*zyzzyva"):
        generator.generate([prompt], [1])
    assert generator.generate([Prompt.about(domain, domain.classes)], [1]) is not None


def test_images_of_a_domain_it_was_not_trained_on_are_refused():
    prompt = Prompt.about(load_vocabulary().domain("chest-xray-lungs"), ["lungs"], "normal")
    with pytest.raises(InputError, match="not chest-xray-lungs"):
        READY["medisyn"](SECTIONS[0]).generate([prompt], [0])


# ---- diffmask ----


def chest_prompt(*classes, **facets):
    domain = load_vocabulary().domain("phantom-chest-xray")
    return Prompt.about(domain, classes or domain.shown("normal"), **facets)


def test_reading_the_attention_changes_no_pixel():
    prompts = make_prompts(3)
    generator = tiny_diffmask(SECTIONS[0])
    seen = generate(generator, prompts).images
    seeds = [prompt.seed for prompt in prompts]
    lines = generator.captions(prompts, seeds)
    padded = [0, 1], [2, 2]
    plain = [
        generator.image_model.draw(
            [prompts[i] for i in at], [lines[i] for i in at], [seeds[i] for i in at]
        )
        for at in padded
    ]
    np.testing.assert_array_equal(seen, np.concatenate(plain)[:3])


def test_a_mask_that_is_not_believed_is_absent_and_the_pair_rejected_with_its_reason():
    image = SECTIONS[0]
    priors = {"heart": StructureSection(area=(0.98, 0.99))}
    generator = tiny_diffmask(
        image, structures=priors, steps=("attention", "gate"), min_component=0
    )
    prompts = [chest_prompt("heart", replicate=i) for i in range(2)]
    pairs = generate(generator, prompts)
    assert not pairs.has_mask.any()
    assert not pairs.masks.any()
    assert all("heart covers" in reason for reason in pairs.facets["doubt"])
    maps = {name: domain.label_map for name, domain in generator.domains.items()}
    for bits in check(pairs, maps):
        assert set(names(int(bits))) >= {"mask missing", "implausible mask"}


def test_flat_attention_is_a_rejection_and_no_empty_mask():
    generator = tiny_diffmask(SECTIONS[0], min_contrast=0.999)
    pairs = generate(generator, [chest_prompt(finding="normal")])
    assert not pairs.has_mask.any()
    assert "flat map" in pairs.facets["doubts"][0].split(";")


def test_a_prompt_without_classes_has_an_empty_mask_which_is_the_true_one():
    domain = load_vocabulary().domain("phantom-breast-us")
    pairs = generate(tiny_diffmask(SECTIONS[0]), [Prompt.about(domain, [], "normal")])
    assert pairs.has_mask.all()
    assert not pairs.masks.any()
    assert list(pairs.facets["doubts"]) == [""]


def test_every_class_asked_for_is_named_in_the_caption():
    generator = tiny_diffmask(SECTIONS[0])
    domain = load_vocabulary().domain("phantom-abdomen-ct")
    prompts = [Prompt.about(domain, domain.classes, replicate=i) for i in range(8)]
    for line in generator.captions(prompts, [prompt.seed for prompt in prompts]):
        assert all(name in line for name in domain.classes)


def test_classes_that_a_retrieved_text_does_not_name_are_put_first():
    prompt = chest_prompt(text="a big heart is seen", extra=[("retrieved", "images/0.png")])
    plain = READY["medisyn"](SECTIONS[0])
    assert plain.captions([prompt], [3]) == ["left lung, right lung. a big heart is seen"]
    # Attention reads both lungs of one word, which the names of the halves hold.
    generator = tiny_diffmask(SECTIONS[0])
    (line,) = generator.captions([prompt], [3])
    assert line.startswith("left lung, right lung. ")
    assert generate(generator, [prompt]).facets["retrieved"].tolist() == ["images/0.png"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("chest film with a big heart", "'lung' is not in the prompt"),
        ("chest film, " * 24 + "left lung and right lung and heart", "tokens|truncated"),
    ],
    ids=["absent", "truncated"],
)
def test_a_class_word_that_cannot_be_read_is_refused(text, complaint):
    with pytest.raises(InputError, match=complaint):
        generate(tiny_diffmask(SECTIONS[0]), [chest_prompt(text=text)])


def test_given_images_are_looked_at_again_step_by_step():
    generator = tiny_diffmask(SECTIONS[0])
    prompts = [chest_prompt(finding="normal", replicate=i) for i in range(3)]
    real = PhantomGeneratorSpec().build(SECTIONS[0]).generate(prompts, [1, 2, 3]).images
    refined = generator.attention_of(real, prompts, [200, 400])
    for masks in refined:
        assert list(masks) == ["attention", "contrast", "crf", "selfattention", "affinity"]
        assert all(mask.shape == (32, 32) and mask.max() <= 3 for mask in masks.values())
    alone = generator.attention_of(real[1:2], prompts[1:2], [200, 400])
    for step, mask in alone[0].items():
        np.testing.assert_array_equal(mask, refined[1][step])
    (other,) = generator.attention_of(real[1:2], prompts[1:2], [200, 400], control="polyp")
    assert list(other) == list(alone[0])


def test_neighbours_that_ask_for_more_or_nothing_change_no_mask():
    generator = tiny_diffmask(SECTIONS[0])
    breast = load_vocabulary().domain("phantom-breast-us")
    prompts = [chest_prompt("heart"), Prompt.about(breast, [], "normal"), chest_prompt()]
    images = PhantomGeneratorSpec().build(SECTIONS[0]).generate(prompts, [1, 2, 3]).images
    together = generator.attention_of(images, prompts, [200])
    assert together[1] == {}
    for i in (0, 2):
        (alone,) = generator.attention_of(images[i : i + 1], prompts[i : i + 1], [200])
        for step, mask in alone.items():
            np.testing.assert_array_equal(mask, together[i][step])
    heart = generator.domains[prompts[0].domain].index("heart")
    assert set(np.unique(together[0]["attention"])) <= {0, heart}


def test_halves_that_share_a_map_are_denied_together_and_a_control_once():
    shared = {"lung": StructureSection(sides=("right lung", "left lung"))}
    generator = tiny_diffmask(SECTIONS[0], structures=shared)
    prompt = chest_prompt()
    reading = generator.reading([prompt], ["lung, heart"])
    (names,) = reading.names
    line, denied = reading.with_and_without(prompt.title, names)
    assert names == ("lung", "heart")
    for half in ("right lung", "left lung"):
        assert f"{half} visible" in line
        assert f"no {half}" in denied[0]
        assert f"{half} visible" in denied[1]
    control = generator.reading([prompt], ["polyp"], "polyp")
    line, denied = control.with_and_without(prompt.title, names)
    assert line.endswith("polyp visible")
    assert denied == [line.replace("polyp visible", "no polyp")] * 2


def test_steps_and_reading_are_in_the_digest():
    image = SECTIONS[0]
    every = DiffMask(tiny_medisyn(image), RefinementSection(), ReadSection(every=2))
    fewer = DiffMask(tiny_medisyn(image), RefinementSection(steps=("attention",)), ReadSection())
    assert len({tiny_diffmask(image).digest, every.digest, fewer.digest}) == 3


# ---- phantom ----


def test_phantom_masks_hold_exactly_the_classes_asked_for():
    domain = load_vocabulary().domain("phantom-abdomen-ct")
    asked = ("liver", "right kidney")
    prompts = [Prompt.about(domain, asked, replicate=replicate) for replicate in range(3)]
    pairs = generate(PhantomGeneratorSpec().build(SECTIONS[0]), prompts)
    for mask in pairs.masks:
        assert set(np.unique(mask)) == {0, domain.index("liver"), domain.index("right kidney")}
    assert set(pairs.facets["labels"]) == {"liver;right kidney"}


def test_phantom_pairs_are_what_render_draws():
    domain = load_vocabulary().domain("phantom-breast-us")
    prompt = Prompt.about(domain, ["lesion"], "benign")
    pairs = PhantomGeneratorSpec().build(SECTIONS[0]).generate([prompt], [11])
    image, mask = render(domain.name, "benign", ["lesion"], 11, 32)
    np.testing.assert_array_equal(pairs.images[0], image)
    np.testing.assert_array_equal(pairs.masks[0], mask)
    np.testing.assert_allclose(pairs.spacing_mm[0], 40 / 32)


def test_phantoms_of_unlike_extra_facets_share_a_batch():
    domain = load_vocabulary().domain("phantom-breast-us")
    prompts = [
        Prompt.about(domain, ["lesion"], "benign", extra=extra)
        for extra in ((("side", "left"),), ())
    ]
    assert list(generate(PhantomGeneratorSpec().build(SECTIONS[0]), prompts).facets["side"]) == [
        "left",
        "",
    ]


def test_a_domain_that_cannot_be_drawn_is_refused():
    domain = load_vocabulary().domain("chest-xray-lungs")
    prompt = Prompt.about(domain, ["lungs"], "normal")
    with pytest.raises(InputError, match="chest-xray-lungs"):
        PhantomGeneratorSpec().build(SECTIONS[0]).generate([prompt], [0])


def test_masks_are_added_to_the_very_images_of_an_image_model(section):
    prompts = make_prompts(3)
    image_model, dual = tiny_medisyn(section), tiny_medsegfactory(section)
    alone = generate(image_model, prompts)
    seeds = [prompt.seed for prompt in prompts]
    for mask_model in (tiny_diffmask(section), dual):
        pairs = generate(Masked(image_model, mask_model), prompts)
        np.testing.assert_array_equal(pairs.images, alone.images)
        expected = mask_model.segment(prompts, seeds, alone.images)
        np.testing.assert_array_equal(pairs.masks, expected.masks)
    # Other images, other masks: what is given is really looked at.
    mask_model = tiny_diffmask(section, steps=("attention",))
    read = mask_model.segment(prompts, seeds, alone.images).masks
    assert not np.array_equal(read, mask_model.segment(prompts, seeds, alone.images[::-1]).masks)


def test_two_models_without_a_common_domain_make_no_pairs(section):
    image_model, mask_model = tiny_medisyn(section), tiny_medsegfactory(section)
    card = {"domains": image_model.components.card["domains"][:1]}
    other = {"domains": mask_model.components.card["domains"][1:]}
    image_model = replace(image_model, components=replace(image_model.components, card=card))
    mask_model = replace(mask_model, components=replace(mask_model.components, card=other))
    with pytest.raises(InputError, match="no domain of both"):
        Masked(image_model, mask_model)


def test_two_models_are_trained_by_recipes_of_their_own():
    with pytest.raises(ValueError, match=r"generator\.masks is not trained here"):
        MaskedSpec(images=MediSynSpec(start="a"), masks=MedSegFactorySpec())


# ---- regions drawn anew ----


@pytest.fixture(params=["medsegfactory", "medsegfactory-coarse"])
def filler(request):
    return ALL[request.param](SECTIONS[0])


def some_regions(count, side):
    """A square, all, and single pixels."""
    regions = np.zeros((count, side, side), bool)
    regions[0, 5:17, 9:22] = True
    regions[1] = True
    regions[2, 3, 3] = regions[2, 20, 30] = True
    return regions


def test_outside_of_a_region_every_pixel_stays_and_inside_image_and_mask_are_drawn(filler):
    prompts = make_prompts(3)
    seeds = [prompt.seed for prompt in prompts]
    given = PhantomGeneratorSpec().build(SECTIONS[0]).generate(prompts, seeds)
    regions = some_regions(3, 32)
    made = filler.fill(prompts, seeds, given.images, given.masks, regions)
    np.testing.assert_array_equal(made.images[~regions], given.images[~regions])
    np.testing.assert_array_equal(made.masks[~regions], given.masks[~regions])
    assert (made.images[regions] != given.images[regions]).mean() > 0.5
    for prompt, mask, region in zip(prompts, made.masks, regions, strict=True):
        domain = load_vocabulary().domain(prompt.domain)
        assert set(mask[region]) <= {0, *map(domain.index, prompt.classes)}
    again = filler.fill(
        prompts[::-1], seeds[::-1], given.images[::-1], given.masks[::-1], regions[::-1].copy()
    )
    np.testing.assert_array_equal(again.images[::-1], made.images)
    np.testing.assert_array_equal(again.masks[::-1], made.masks)
    other = filler.fill(prompts, [5, 6, 7], given.images, given.masks, regions)
    assert (other.images[1] != made.images[1]).any()


def test_a_region_that_is_empty_changes_nothing_and_one_of_all_pixels_forgets_what_was_there(
    filler,
):
    prompts, regions = make_prompts(2), np.zeros((2, 32, 32), bool)
    regions[1] = True
    masks = np.zeros((2, 32, 32), np.uint8)
    dark, light = (np.full((2, 32, 32, 1), level, np.uint8) for level in (20, 200))
    first, second = (filler.fill(prompts, [1, 2], x, masks, regions) for x in (dark, light))
    assert (first.images[0] == 20).all()
    np.testing.assert_array_equal(first.images[1], second.images[1])
