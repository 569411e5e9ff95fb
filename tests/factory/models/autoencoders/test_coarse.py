"""Coarse pictures, and what is drawn of them."""

import json

import pytest
import torch

from factory.models.autoencoders.coarse import CoarseAutoencoder, CoarseConfig, fine_detail
from factory.models.autoencoders.detail import LOWEST
from factory.models.autoencoders.detail_prior import doubled, halved
from factory.models.autoencoders.files import load_autoencoder
from factory.models.autoencoders.local_unet import LocalUNet


def coarse(streams=2, factor=4, **known):
    """Decoders that draw something: their last layers do not give 0."""
    torch.manual_seed(0)
    autoencoder = CoarseAutoencoder(CoarseConfig(factor, streams, width=8, **known))
    for decoder in autoencoder.decoders:
        torch.nn.init.normal_(decoder.last.weight, std=0.1)
    return autoencoder.eval()


def pictures(count=3, side=32, seed=0):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def latents(autoencoder, count=3):
    return [autoencoder.encode(pictures(count, seed=stream)) for stream in range(2)]


def test_a_cell_is_the_mean_of_its_pixels():
    rows = torch.tensor([[0.0, 1.0, 1, 1], [0, 0, 1, 1], [-1, -1, 0, 0], [-1, -1, 0, 1]])
    # Means: (0 + 1 + 0 + 0) / 4, 4 / 4, -4 / 4, 1 / 4.
    made = coarse(factor=2).sizes(rows.expand(1, 3, 4, 4))[0]
    assert made[0, 2].tolist() == [[0.25, 1], [-1, 0.25]]


def test_without_statistics_latents_are_the_shrunk_pictures():
    autoencoder = coarse()
    assert torch.equal(autoencoder.encode(pictures()), autoencoder.sizes(pictures())[0])
    assert (autoencoder.factor, autoencoder.channels) == (4, 3)


def test_latents_have_unit_variance_and_say_what_they_were():
    autoencoder, shown = coarse(), pictures(16) * torch.tensor([1.0, 0.5, 0.1]).view(1, 3, 1, 1)
    autoencoder.measure_statistics(shown)
    made = autoencoder.encode(shown)
    torch.testing.assert_close(made.mean((0, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    assert made.square().mean().item() == pytest.approx(1)
    # One number for all channels: a pale one stays pale.
    assert made[:, 2].std() < 0.2 * made[:, 0].std()


def test_there_is_a_decoder_for_every_doubling_and_small_pictures_have_the_wider():
    assert len(coarse(factor=8).decoders) == 3
    config = CoarseConfig(factor=4, streams=2, width=32)
    assert [config.widths(i) for i in range(config.doublings)] == [(64, 96, 128), (32, 64, 96)]
    whole, half, quarter = reversed(coarse(factor=4).sizes(pictures()))
    assert torch.equal(half, halved(whole))
    assert torch.equal(quarter, halved(half))


def test_a_given_stream_is_kept_to_the_pixel_and_looked_at():
    autoencoder = coarse()
    streams = latents(autoencoder)
    mask, other = pictures(seed=5), pictures(seed=6)
    image, kept = autoencoder.decode_streams(streams, [1, 2, 3], [None, mask])
    assert torch.equal(kept, mask)
    assert not torch.equal(image, autoencoder.decode_streams(streams, [1, 2, 3], [None, other])[0])
    kept, _ = autoencoder.decode_streams(streams, [1, 2, 3], [mask, None])
    assert torch.equal(kept, mask)


def test_neighbours_change_no_pixel_and_seeds_do():
    autoencoder = coarse()
    streams = latents(autoencoder)
    whole = autoencoder.decode_streams(streams, [7, 8, 2**64 - 1])
    turned = autoencoder.decode_streams([x[[2, 2, 0]] for x in streams], [2**64 - 1, 9, 7])
    for a, b in zip(whole, turned, strict=True):
        assert torch.equal(a[[2, 0]], b[[0, 2]])
        assert not torch.equal(b[0], b[1])
        assert a.abs().max() <= 1


def test_images_alone_are_drawn_alone():
    autoencoder = coarse(streams=1)
    (made,) = autoencoder.decode_streams(latents(autoencoder)[:1], [1, 2, 3])
    assert made.shape == (3, 3, 32, 32)
    with pytest.raises(ValueError, match="2 streams of latents for a decoder of 1"):
        autoencoder.decode_streams(latents(autoencoder), [1, 2, 3])


def test_written_and_read_back_it_is_the_same(tmp_path):
    autoencoder = coarse()
    autoencoder.measure_statistics(pictures(8))
    autoencoder.save(tmp_path / "vae")
    again = load_autoencoder(tmp_path / "vae")
    assert isinstance(again, CoarseAutoencoder)
    streams = latents(autoencoder)
    assert torch.equal(again.encode(pictures()), streams[0])
    for a, b in zip(
        autoencoder.decode_streams(streams, [1, 2, 3]),
        again.decode_streams(streams, [1, 2, 3]),
        strict=True,
    ):
        assert torch.equal(a, b)
    assert json.loads((tmp_path / "vae/config.json").read_text())["factor"] == 4


def test_an_untrained_decoder_predicts_nothing_and_is_small():
    network = LocalUNet(streams=2, widths=(32, 64, 96))
    made = network(
        torch.randn(2, 6, 16, 16), torch.randn(2, 8, 16, 16), torch.rand(2, 2), torch.rand(2, 2)
    )
    assert torch.equal(made, torch.zeros(2, 6, 16, 16))
    assert 1.2e6 < sum(weights.numel() for weights in network.parameters()) < 1.6e6


def test_denoisers_read_a_picture_of_any_size_as_about_as_many_cells():
    assert [coarse(factor=factor).fold(128, 16) for factor in (2, 4, 8)] == [4, 2, 1]
    assert [coarse(factor=4).fold(side, 16) for side in (32, 64, 192, 224, 256)] == [1, 1, 2, 2, 4]


class Blurred(CoarseAutoencoder):
    """Knows every picture, and leaves as much of the power of its detail as it is told."""

    def decode_streams(self, latents, seeds, given=None, anew=None):
        real = self.real[torch.as_tensor(seeds)]
        smooth = doubled(halved(real))
        left = self.left[self.config.lowest] ** 0.5
        return [smooth + left * (real - smooth)] * 2


@pytest.mark.parametrize(
    ("left", "found"),
    [((1, 1, 1), 0.5), ((0.6, 0.9, 1), 0.25), ((0.1, 0.2, 0.3), 0.05)],
)
def test_drawing_ends_as_early_as_leaves_enough_of_fine_detail(left, found):
    autoencoder = Blurred(CoarseConfig(2, 2, width=8))
    autoencoder.real = pictures(5, side=64)
    autoencoder.left = dict(zip(LOWEST, left, strict=True))
    both = autoencoder.real.repeat(1, 2, 1, 1)
    autoencoder.measure_drawing(both, torch.zeros(5, 6, 32, 32))
    assert autoencoder.config.lowest == found


def test_a_level_that_was_measured_is_kept_and_draws_otherwise(tmp_path):
    early = coarse(lowest=1.0)
    early.save(tmp_path)
    back = load_autoencoder(tmp_path)
    assert back.config.lowest == 1.0
    made = [each.decode_streams(latents(each), range(3))[0] for each in (early, back, coarse())]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_fine_detail_is_what_halving_takes():
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 3, 8, 8)
    assert fine_detail(stripes).item() == pytest.approx(1)
    assert fine_detail(torch.full((1, 3, 8, 8), 0.4)).item() == pytest.approx(0, abs=1e-6)
