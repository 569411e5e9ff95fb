"""The recorder on a tiny UNet: what it reads, and that the image never notices."""

import gc

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from factory.attention_maps.recorder import AttentionRecorder, fuse, grid_size, probabilities
from factory.models.presets import TINY

LENGTH, DIM = 6, 32
TWO_LEVELS = {
    **TINY,
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
}


def network(config=TWO_LEVELS) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(**config).eval()


def text(count=2) -> Tensor:
    # Far from each other, or an untrained network would attend to all tokens alike.
    return 8 * torch.randn(count, LENGTH, DIM, generator=torch.Generator().manual_seed(1))


def every_token(count: int) -> Tensor:
    """Each token a class of its own."""
    return torch.eye(LENGTH).expand(count, -1, -1)


@torch.no_grad()
def sample(unet: UNet2DConditionModel, steps=2, count=2, size=(8, 8)) -> Tensor:
    """Guided DDIM, the conditional half first."""
    scheduler = DDIMScheduler()
    scheduler.set_timesteps(steps)
    latents = torch.randn(count, 4, *size, generator=torch.Generator().manual_seed(2))
    states = torch.cat([text(count), torch.zeros(count, LENGTH, DIM)])
    for t in scheduler.timesteps:
        asked, away = unet(torch.cat([latents, latents]), t, states).sample.chunk(2)
        latents = scheduler.step(away + 3 * (asked - away), t, latents).prev_sample
    return latents


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    return network()


def test_images_are_equal_to_the_bit_with_and_without_the_tap(unet):
    before = sample(unet)
    with AttentionRecorder(unet, every_token(2), slice(0, 2), self_attention=True) as recorder:
        during = sample(unet)
    assert torch.equal(before, during)
    assert torch.equal(before, sample(unet))
    assert recorder.passes == 2


def test_all_tokens_together_get_all_attention_at_every_place(unet):
    with AttentionRecorder(unet, every_token(2), slice(0, 2)) as recorder:
        sample(unet)
    maps = recorder.cross_maps()
    assert list(maps) == [(8, 8), (4, 4)]
    for (height, width), values in maps.items():
        assert values.shape == (2, LENGTH, height, width)
        assert values.std(1).max() > 1e-3
        torch.testing.assert_close(values.sum(1), torch.ones(2, height, width))


def test_a_group_reads_the_mean_of_its_tokens(unet):
    pieces = torch.zeros(2, 1, LENGTH)
    pieces[:, 0, [2, 4]] = 0.5
    with (
        AttentionRecorder(unet, every_token(2), slice(0, 2)) as single,
        AttentionRecorder(unet, pieces, slice(0, 2)) as group,
    ):
        sample(unet)
    for size, values in group.cross_maps().items():
        torch.testing.assert_close(values, single.cross_maps()[size][:, [2, 4]].mean(1, True))


def test_maps_are_those_of_a_processor_that_computes_the_probabilities():
    """Against diffusers' own `get_attention_scores`, in a network with one layer a level."""
    unet = network()
    seen: dict[int, list[Tensor]] = {}

    class Recorder(AttnProcessor):
        def __call__(self, attn, hidden_states, encoder_hidden_states=None, **kwargs):
            if encoder_hidden_states is not None:
                query = attn.head_to_batch_dim(attn.to_q(hidden_states))
                key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
                scores = attn.get_attention_scores(query, key).unflatten(0, (-1, attn.heads))
                seen.setdefault(query.shape[1], []).append(scores.mean(1)[:2])
            return super().__call__(attn, hidden_states, encoder_hidden_states, **kwargs)

    with AttentionRecorder(unet, every_token(2), slice(0, 2)) as recorder:
        sample(unet)
    unet.set_attn_processor(Recorder())
    sample(unet)
    for (height, width), values in recorder.cross_maps().items():
        expected = torch.stack(seen[height * width]).mean(0).transpose(1, 2)
        torch.testing.assert_close(values.flatten(2), expected, atol=1e-5, rtol=1e-4)


def test_the_unconditional_half_is_not_read(unet):
    with AttentionRecorder(unet, every_token(2), slice(2, 4)) as recorder:
        sample(unet)
    # Its text states are all alike, so it attends to all of them alike.
    torch.testing.assert_close(
        recorder.cross_maps()[8, 8], torch.full((2, LENGTH, 8, 8), 1 / LENGTH), atol=1e-6, rtol=0
    )


def test_self_attention_rows_sum_to_one(unet):
    with AttentionRecorder(unet, every_token(2), slice(0, 2), self_attention=True) as recorder:
        sample(unet)
    maps = recorder.self_maps()
    assert {size: tuple(m.shape) for size, m in maps.items()} == {
        (8, 8): (2, 64, 64),
        (4, 4): (2, 16, 16),
    }
    torch.testing.assert_close(maps[8, 8].sum(2), torch.ones(2, 64))


def test_self_attention_above_32_cells_is_not_kept():
    unet = network(
        {
            **TINY,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        }
    )
    with torch.no_grad(), AttentionRecorder(unet, every_token(1), self_attention=True) as recorder:
        unet(torch.randn(1, 4, 48, 24), 5, text(1))
    assert list(recorder.cross_maps()) == [(48, 24), (24, 12)]
    assert list(recorder.self_maps()) == [(24, 12)]


def floats_alive() -> int:
    gc.collect()
    return sum(thing.numel() for thing in gc.get_objects() if type(thing) is Tensor)


def test_memory_does_not_grow_with_the_number_of_steps(unet):
    before = floats_alive()
    with AttentionRecorder(unet, every_token(2), slice(0, 2), self_attention=True) as recorder:
        sample(unet, steps=1)
        after_one = floats_alive()
        sample(unet, steps=4)
        assert floats_alive() == after_one > before
    assert recorder.passes == 5


def test_some_passes_only(unet):
    with AttentionRecorder(unet, every_token(2), slice(0, 2)) as first:
        sample(unet, steps=1)
    with AttentionRecorder(unet, every_token(2), slice(0, 2), every=2) as recorder:
        sample(unet, steps=1)
        # The second pass is left out, although it sees another batch.
        with torch.no_grad():
            unet(torch.zeros(4, 4, 8, 8), 0, text(4))
    assert torch.equal(first.cross_maps()[8, 8], recorder.cross_maps()[8, 8])


def test_the_network_is_as_it_was_even_after_an_error(unet):
    processors = unet.attn_processors
    with (
        pytest.raises(ValueError, match="has weights for"),
        AttentionRecorder(unet, every_token(3)),
    ):
        sample(unet)
    assert all(unet.attn_processors[name] is processor for name, processor in processors.items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in unet.modules())
    sample(unet)


def test_text_of_another_length_is_refused(unet):
    weights = torch.eye(LENGTH + 1)[None].expand(2, -1, -1)
    complaint = "2 images of 6 tokens and has weights for 2 of 7"
    with pytest.raises(ValueError, match=complaint), AttentionRecorder(unet, weights, slice(0, 2)):
        sample(unet)


def test_nothing_read_is_no_map(unet):
    with AttentionRecorder(unet, every_token(2)) as recorder:
        pass
    with pytest.raises(ValueError, match="no attention was read"):
        recorder.cross_maps()


def test_probabilities_of_one_head_by_hand():
    # Scores 0 and ln 3: probabilities 1/4 and 3/4.
    query = torch.tensor([[[1.0, 0.0]]])
    key = torch.tensor([[[0.0, 5.0], [2 * torch.log(torch.tensor(3.0)), 0.0]]])
    assert probabilities(query, key, 1, 0.5).flatten().tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(
    ("latents", "places", "expected"),
    [((8, 8), 16, (4, 4)), ((10, 6), 60, (10, 6)), ((9, 5), 15, (5, 3)), ((64, 32), 8, (4, 2))],
)
def test_the_grid_of_a_layer(latents, places, expected):
    assert grid_size(latents, places) == expected


def test_a_layer_of_no_level_is_refused():
    with pytest.raises(ValueError, match="7 places"):
        grid_size((8, 8), 7)


def test_in_fusion_maps_count_by_their_heights():
    fine, coarse = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)
    fine[0, 0, 0, 0], coarse[0, 0, 1, 1] = 0.1, 0.4
    fused = fuse({(4, 4): fine, (2, 2): coarse}, (4, 4))
    enlarged = F.interpolate(coarse, (4, 4), mode="bicubic").clamp(min=0)
    expected = 0.1 * fine + 0.4 * enlarged
    torch.testing.assert_close(fused, expected / expected.max())
    assert fused.argmax() == 15  # where attention was 0.4, not where it was 0.1
    torch.testing.assert_close(fuse({(4, 4): fine, (2, 2): coarse}, (4, 4), 4), fine / 0.1)


def test_noise_at_one_resolution_does_not_drown_a_signal_at_another():
    draw = torch.Generator().manual_seed(0)
    noise = 0.01 + 0.005 * torch.rand(1, 1, 4, 4, generator=draw)
    signal = torch.full((1, 1, 4, 4), 0.02)
    signal[..., 1:3, 1:3] = 0.3
    fused = fuse({(4, 4): noise, (2, 2): torch.full((1, 1, 2, 2), 0.25)}, (4, 4))
    assert fused.min() > 0
    fused = fuse({(4, 4): signal, (2, 2): noise[..., :2, :2]}, (4, 4))
    assert (fused[..., 1:3, 1:3] > 0.9).all()
    assert fused[..., 0, :].max() < 0.2


def test_a_flat_map_stays_flat():
    flat = torch.full((1, 1, 2, 2), 0.3)
    torch.testing.assert_close(fuse({(2, 2): flat}, (4, 4)), torch.ones(1, 1, 4, 4))


def test_a_map_of_zeros_stays_zero_and_none_fine_enough_is_refused():
    zero = {(2, 2): torch.zeros(1, 1, 2, 2)}
    assert fuse(zero, (4, 4)).sum() == 0
    with pytest.raises(ValueError, match="has 3 cells"):
        fuse(zero, (4, 4), coarsest=3)
