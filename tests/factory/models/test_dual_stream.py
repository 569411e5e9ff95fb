import copy
from typing import get_args

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # its name everywhere
from diffusers.models.attention_processor import AttnProcessor
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from factory.generators.specs import MedSegFactorySpec
from factory.models import dual_stream
from factory.models.denoiser import place_channels, placed
from factory.models.dual_stream import COUPLINGS, Coupling, DualStreamUNet, plain, stacked
from factory.models.joint_attention import JointAttention, attend, cut, joined, nearness
from factory.models.presets import PRESETS, SMALL, TINY, WIDE

STACKED = ("official", "joint")  # the couplings that keep two streams inside the network


def streams(batch: int = 2, size: int = 8, seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "image": torch.randn(batch, 4, size, size, generator=draw),
        "mask": torch.randn(batch, 4, size, size, generator=draw),
        "image_t": torch.randint(0, 1000, (batch,), generator=draw),
        "mask_t": torch.randint(0, 1000, (batch,), generator=draw),
        "image_text": torch.randn(batch, 5, 32, generator=draw),
        "mask_text": torch.randn(batch, 5, 32, generator=draw),
    }


def network(coupling: str, seed: int = 0) -> DualStreamUNet:
    """A network whose gate, where it has one, is open."""
    torch.manual_seed(seed)
    unet = DualStreamUNet(TINY, coupling).eval()
    for module in unet.modules():
        if isinstance(module, JointAttention):
            torch.nn.init.normal_(module.gate)
    return unet


def influence(unet: DualStreamUNet, changed: str, seen: str) -> float:
    """How far output `seen` moves when input `changed` is replaced."""
    inputs, other = streams(), streams(seed=1)
    with torch.no_grad():
        before = dict(zip(("image", "mask"), unet(**inputs), strict=True))
        after = dict(
            zip(("image", "mask"), unet(**{**inputs, changed: other[changed]}), strict=True)
        )
    return float((before[seen] - after[seen]).abs().max())


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_both_outputs_have_the_shape_of_the_inputs(coupling):
    image, mask = network(coupling)(**streams(batch=3))
    assert image.shape == mask.shape == (3, 4, 8, 8)


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize(
    ("changed", "seen"),
    [("mask", "image"), ("image", "mask"), ("mask_t", "image"), ("image_t", "mask")],
)
def test_each_stream_feels_the_other(coupling, changed, seen):
    assert influence(network(coupling), changed, seen) > 1e-5


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_pair_does_not_feel_its_neighbours(coupling):
    unet, inputs = network(coupling), streams(batch=3)
    with torch.no_grad():
        whole = unet(**inputs)
        alone = unet(**{name: value[1:2] for name, value in inputs.items()})
    for together, single in zip(whole, alone, strict=True):
        torch.testing.assert_close(together[1:2], single, atol=1e-5, rtol=1e-5)


def test_a_fresh_joint_network_equals_the_uncoupled_one():
    torch.manual_seed(0)
    joint = DualStreamUNet(TINY, "joint").eval()
    stock = plain(TINY).eval()
    missing = stock.load_state_dict(joint.unet.state_dict(), strict=False)
    assert not missing.missing_keys
    inputs = streams()
    with torch.no_grad():
        image, mask = joint(**inputs)
        alone = stock(inputs["image"], inputs["image_t"], inputs["image_text"]).sample
        label = stock(inputs["mask"], inputs["mask_t"], inputs["mask_text"]).sample
    torch.testing.assert_close(image, alone, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(mask, label, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("coupling", STACKED)
def test_no_call_on_the_stock_unet_removes_the_coupling(coupling):
    unet = network(coupling)
    before = influence(unet, "mask", "image")
    unet.unet.set_attention_slice("max")
    assert influence(unet, "mask", "image") == pytest.approx(before, rel=1e-3)
    unet.unet.set_attn_processor(AttnProcessor())
    assert influence(unet, "mask", "image") == pytest.approx(before, rel=1e-3)
    unet.unet.set_default_attn_processor()
    assert influence(unet, "mask", "image") == pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_gradients_reach_every_weight(coupling):
    unet = network(coupling).train()
    image, mask = unet(**streams())
    (image.square().mean() + mask.square().mean()).backward()
    silent = [name for name, weight in unet.named_parameters() if weight.grad is None]
    assert not silent


@pytest.mark.parametrize("coupling", STACKED)
def test_gradient_checkpointing_changes_no_gradient(coupling):
    gradients = []
    for checkpointing in (False, True):
        unet = network(coupling).train()
        if checkpointing:
            unet.unet.enable_gradient_checkpointing()
        unet(**streams())[0].square().mean().backward()
        gradients.append(unet.unet.conv_in.weight.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_copy_made_after_a_training_step_is_independent(coupling):
    unet = network(coupling).train()
    unet(**streams())[0].mean().backward()
    average = copy.deepcopy(unet)
    with torch.no_grad():
        for weight in unet.parameters():
            weight.zero_()
    assert all(bool(output.abs().sum() > 0) for output in average(**streams()))


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_half_precision_by_autocast(coupling):
    unet = network(coupling)
    with torch.no_grad():
        exact = unet(**streams())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarse = unet(**streams())
    for fine, rough in zip(exact, coarse, strict=True):
        assert float((fine - rough.float()).abs().mean()) < 0.05 * float(fine.abs().mean())


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_the_state_dict_restores_the_network(coupling):
    unet, twin = network(coupling), network(coupling, seed=1)
    twin.load_state_dict(unet.state_dict())
    with torch.no_grad():
        for one, other in zip(unet(**streams()), twin(**streams()), strict=True):
            torch.testing.assert_close(one, other, atol=0, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_on_a_gpu_the_outputs_are_those_of_the_cpu(coupling):
    unet = network(coupling)
    with torch.no_grad():
        here = unet(**streams())
        there = unet.cuda()(**{name: value.cuda() for name, value in streams().items()})
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one, other.cpu(), atol=1e-3, rtol=1e-3)


def test_a_fourth_coupling_is_one_line(monkeypatch):
    monkeypatch.setattr(dual_stream, "COUPLINGS", {**COUPLINGS, "none": Coupling(plain, stacked)})
    assert influence(DualStreamUNet(TINY, "none").eval(), "mask", "image") == 0


def test_a_recipe_offers_every_coupling_and_preset():
    offered = {n: get_args(f.annotation) for n, f in MedSegFactorySpec.model_fields.items()}
    assert offered["coupling"] == tuple(COUPLINGS)
    assert offered["preset"] == tuple(PRESETS)


def test_an_unknown_coupling_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown coupling 'jont'; there are official, joint"):
        DualStreamUNet(TINY, "jont")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mask": torch.zeros(2, 4, 8, 4)}, "latents of one shape"),
        ({"mask_t": torch.tensor(3)}, "one per image and one per mask"),
        ({"mask_text": torch.zeros(2, 4, 32)}, "text states"),
    ],
)
def test_streams_that_do_not_fit_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        network("joint")(**{**streams(), **change})


@pytest.mark.parametrize("coupling", STACKED)
def test_an_odd_batch_given_to_the_inner_network_is_refused(coupling):
    with pytest.raises(ValueError, match="cannot hold two streams"):
        network(coupling).unet(torch.zeros(3, 4, 8, 8), 5, torch.zeros(3, 5, 32))


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_presets_have_the_size_they_promise(coupling):
    with torch.device("meta"):
        sizes = {
            name: sum(p.numel() for p in DualStreamUNet(PRESETS[name], coupling).parameters())
            for name in ("tiny", "small", "wide")
        }
    assert sizes["tiny"] < 1_000_000
    assert 5_000_000 < sizes["small"] <= 6_000_000
    assert 10_000_000 < sizes["wide"] <= 12_100_000


def test_attention_runs_at_the_resolutions_the_configuration_names():
    with torch.device("meta"):
        unet = DualStreamUNet(SMALL, "joint").unet
    places = [name for name, module in unet.named_modules() if isinstance(module, JointAttention)]
    assert len(places) == 9  # two on the way down, one in the middle, two per level on the way up
    assert not [name for name in places if name.startswith("down_blocks.0")]
    with torch.device("meta"):
        unet = DualStreamUNet(WIDE, "joint").unet
    assert sum(isinstance(module, JointAttention) for module in unet.modules()) == 4  # coarsest


@given(
    side=st.sampled_from((2, 4, 8, 16)),
    window=st.sampled_from((2, 4, 8)),
    batch=st.integers(1, 3),
)
def test_windows_hold_both_streams_of_one_square_and_join_again(side, window, batch):
    if window > side:
        return
    place = torch.arange(side * side).expand(batch, 2, -1)
    streams = torch.stack([place, torch.arange(2).view(1, 2, 1).expand_as(place)], -1)
    windows = cut(streams, window)
    assert windows.shape == (batch * (side // window) ** 2, 2 * window**2, 2)
    assert torch.equal(joined(windows, side), streams)
    image, mask = windows.unflatten(1, (2, -1)).unbind(1)
    assert torch.equal(image[..., 0], mask[..., 0])  # the same places, in the same order
    assert image[..., 1].max() == 0
    assert mask[..., 1].min() == 1
    row, column = image[..., 0] // side, image[..., 0] % side
    assert (row.amax(1) - row.amin(1) < window).all()
    assert (column.amax(1) - column.amin(1) < window).all()


def test_windows_that_do_not_tile_are_refused():
    with pytest.raises(ValueError, match="do not tile"):
        cut(torch.zeros(1, 2, 12 * 12, 4), 8)


def test_heads_look_from_their_own_cell_to_everywhere():
    near = nearness(64, 4)
    assert (near.diagonal(dim1=1, dim2=2) == 0).all()
    weights = near.softmax(-1)
    own = weights.diagonal(dim1=1, dim2=2).mean(1)
    assert own[0] > 0.9
    assert (own.diff() < 0).all()
    assert torch.allclose(weights[-1], torch.full((64, 64), 1 / 64))
    # The bias alone carries content from a place of one stream to the same place of the other.
    tokens = torch.zeros(1, 128, 16)
    value = torch.zeros(1, 128, 16)
    value[0, 64 + 19, :4] = 1  # mask stream, place 19, head 0
    mixed = attend(tokens, tokens, value, 4, near.repeat(1, 2, 2))
    assert mixed[0, :64, 0].argmax() == 19
    assert mixed[0, 19, 0] > 0.4  # half its own stream, half the other


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_folded_cells_are_channels_of_one(coupling):
    torch.manual_seed(0)
    folded = DualStreamUNet({**TINY, "fold": 2, "in_channels": 16, "out_channels": 16}, coupling)
    plain_network = DualStreamUNet({**TINY, "in_channels": 16, "out_channels": 16}, coupling)
    plain_network.load_state_dict(folded.state_dict())
    given = streams()
    cells = {name: F.pixel_unshuffle(given[name], 2) for name in ("image", "mask")}
    with torch.no_grad():
        made, expected = folded(**given), plain_network(**{**given, **cells})
    for ours, theirs in zip(made, expected, strict=True):
        assert torch.equal(ours, F.pixel_shuffle(theirs, 2))
    assert folded.config["fold"] == 2


def test_told_where_cells_lie_a_network_tells_places_apart():
    """Of latents and text that are the same everywhere, only the edges tell a plain one."""
    local = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    config = {**TINY, **local, "block_out_channels": (32,), "mid_block_type": None}
    flat = streams(size=32) | {name: torch.zeros(2, 4, 32, 32) for name in ("image", "mask")}

    def unevenness(octaves):
        torch.manual_seed(0)
        unet = DualStreamUNet({**config, "octaves": octaves}, "concat").eval()
        with torch.no_grad():
            return unet(**flat)[0][..., 14:18, 14:18].std((2, 3)).max()

    assert unevenness(2) > 10 * unevenness(0)


def test_places_are_rows_columns_and_waves():
    read = placed(torch.full((2, 1, 3, 5), 7.0), 1 + place_channels(1))
    assert read.shape == (2, 7, 3, 5)
    assert (read[:, 0] == 7).all()
    rows, columns = read[0, 1], read[0, 2]
    assert rows[:, 0].tolist() == [-1, 0, 1]
    assert columns[0].tolist() == [-1, -0.5, 0, 0.5, 1]
    torch.testing.assert_close(read[0, 3:5], (torch.pi * read[0, 1:3]).sin())
    torch.testing.assert_close(read[0, 5:7], (torch.pi * read[0, 1:3]).cos())


def test_without_octaves_latents_are_read_as_they_are():
    latents = torch.randn(1, 4, 2, 2)
    assert placed(latents, 4 + place_channels(0)) is latents


def test_cells_of_a_picture_that_was_not_moved_are_where_they_are():
    latents, still = torch.randn(2, 4, 3, 6), torch.eye(2, 3).repeat(2, 1, 1)
    channels = 4 + place_channels(2)
    torch.testing.assert_close(placed(latents, channels, still), placed(latents, channels))


def test_cells_of_a_mirrored_and_shifted_picture_are_told_where_they_were():
    moved = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]], [[1, 0, 0.5], [0, 1, 0]]])
    read = placed(torch.zeros(2, 1, 4, 4), 1 + place_channels(1), moved)
    still = placed(torch.zeros(1, 1, 4, 4), 1 + place_channels(1))[0]
    torch.testing.assert_close(read[0, 2], still[2].flip(1))
    torch.testing.assert_close(read[0, 1], still[1])
    # A quarter of the side is a cell: each lay where the one at its right lies.
    torch.testing.assert_close(read[1, 2, :, :-1], still[2, :, 1:])


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_both_streams_are_told_how_a_pair_was_moved(coupling):
    torch.manual_seed(0)
    unet, given = DualStreamUNet({**TINY, "octaves": 2}, coupling).eval(), streams()
    still = torch.eye(2, 3).repeat(2, 1, 1)
    mirrored = still * torch.tensor([[-1.0], [1]])
    with torch.no_grad():
        plain, same, other = (unet(**given, moved=moved) for moved in (None, still, mirrored))
    for stream in (0, 1):
        torch.testing.assert_close(same[stream], plain[stream], atol=1e-4, rtol=1e-4)
        assert not torch.allclose(other[stream], plain[stream], atol=1e-3)
