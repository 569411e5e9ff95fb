"""Latents are kept for one key only."""

from dataclasses import replace

import numpy as np
import torch
from safetensors.torch import save_file

from factory.models.autoencoders.kl import KLAutoencoder
from factory.pairs import PairBatch
from factory.pictures import shown_images
from factory.settings import Augmentation
from factory.training.latents import Latents, domain_spread, encode_streams, pair_texts


def test_latents_are_read_back_for_their_own_key_only(tmp_path):
    made = Latents(
        (torch.randn(2, 4, 2, 2), torch.randn(2, 4, 2, 2)),
        torch.ones(2, 2).long(),
        torch.randn(2, 3, 4),
        torch.rand(2, 2),
        torch.rand(2, 2, 3),
    )
    made.save(tmp_path / "latents.safetensors", "a")
    assert Latents.load(tmp_path / "latents.safetensors", "b") is None
    assert Latents.load(tmp_path / "none.safetensors", "a") is None
    again = Latents.load(tmp_path / "latents.safetensors", "a")
    assert again is not None
    assert all(map(torch.equal, again.streams, made.streams))
    assert torch.equal(again.prompt, made.prompt)
    assert torch.equal(again.spread, made.spread)
    assert torch.equal(again.moved, made.moved)


def test_latents_of_an_earlier_version_are_made_anew(tmp_path):
    made = {"image": torch.ones(2, 4, 2, 2), "prompt": torch.ones(2, 1), "texts": torch.ones(1, 1)}
    save_file(made, tmp_path / "latents.safetensors", {"key": "a"})
    assert Latents.load(tmp_path / "latents.safetensors", "a") is None


def test_a_domain_of_which_there_is_little_varies_as_all_do():
    latents = torch.randn(40, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    latents[:30] *= 0.1
    spread = domain_spread(latents, np.array(["many"] * 30 + ["few"] * 3 + ["some"] * 7))
    assert (spread[30:] == (latents - latents.mean(0)).square().mean()).all()
    own = latents[:30] - latents[:30].mean(0)
    torch.testing.assert_close(spread[:30], own.square().mean().expand(30))


def test_every_variant_of_a_row_has_the_spread_of_its_domain(data):
    pairs = PairBatch.concatenate([data.train] * 2)
    names = np.where(np.arange(len(pairs)) % 2, "vivid", "pale")
    dim = (names == "pale")[:, None, None, None]
    images = np.where(dim, pairs.images // 8, pairs.images).astype(np.uint8)
    pairs = replace(pairs, images=images, facets=pairs.facets.assign(domain=names))
    autoencoder = KLAutoencoder.small(8, shown_images(pairs) / 127.5 - 1)
    encoding = encode_streams(
        pairs,
        (shown_images,),
        lambda copy: [[""]] * len(pairs),
        autoencoder,
        lambda texts: torch.zeros(len(texts), 2, 4),
        Augmentation(copies=2),
        seed=0,
    )
    with torch.no_grad():
        while True:
            try:
                next(encoding)
            except StopIteration as done:
                made = done.value
                break
    spread, told = made.spread[:, 0].numpy(), np.tile(names, 2)
    assert {len(set(spread[told == name])) for name in ("pale", "vivid")} == {1}
    assert spread[told == "pale"][0] < spread[told == "vivid"][0]
    # The first of each pair's variants is the pair itself.
    still = (made.moved == torch.eye(2, 3)).all(2).all(1)
    assert still.tolist() == [True] * len(pairs) + [False] * len(pairs)


def test_texts_tell_the_finding_and_the_stream(data):
    image, mask = pair_texts(data.train, data.domains)[0]
    assert image.replace(" image,", " label,") == mask
    assert data.train.facets.finding[0] in image
