"""Sampling: equal to the public numbers, any guidance, either stream given."""

import json

import pytest
import torch
from diffusers import DDIMScheduler
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from pydantic import ValidationError
from safetensors.torch import load_file

from factory.generators.sampling import (
    ROUNDS,
    Conditioning,
    Kept,
    guided,
    make_solver,
    repaint,
    sample,
    set_steps,
)
from factory.models.checkpoints import load_medsegfactory_unet
from factory.models.dual_stream import DualStreamUNet
from factory.models.presets import PRESETS, SCHEDULE
from factory.models.starting_noise import starting_noise
from factory.settings import SampleSection


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    return DualStreamUNet(PRESETS["tiny"], "joint").eval()


def inputs(count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    states = [torch.randn(count, 5, 32, generator=generator) for _ in range(4)]
    noise = [starting_noise(range(count), (4, 8, 8), stream) for stream in (0, 1)]
    return Conditioning(states[:2], states[2:]), noise


def test_noise_follows_from_seed_and_stream_alone():
    many = starting_noise([5, 2**64 - 1, 7], (4, 8, 8), 0)
    assert torch.equal(many[2], starting_noise([7], (4, 8, 8), 0)[0])
    assert not torch.equal(many[0], starting_noise([5], (4, 8, 8), 1)[0])


@torch.no_grad()
def test_guidance_by_hand(unet):
    text, noise = inputs()
    times = (torch.full((3,), 500),) * 2
    plain = guided(unet, noise, times, text, 1.0)
    nothing = Conditioning(text.negative_prompt, text.negative_prompt)
    empty = guided(unet, noise, times, nothing, 1.0)
    amplified = guided(unet, noise, times, text, 3.0)
    for stream in (0, 1):
        expected = empty[stream] + 3 * (plain[stream] - empty[stream])
        torch.testing.assert_close(amplified[stream], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("rescale", [0.0, 0.7, 1.0])
def test_rescaled_guidance_equals_that_of_diffusers(unet, rescale):
    text, noise = inputs()
    times = (torch.full((3,), 500),) * 2
    unguided = guided(unet, noise, times, text, 1.0)
    amplified = guided(unet, noise, times, text, 3.0)
    rescaled = guided(unet, noise, times, text, 3.0, rescale)
    for mine, wide, plain in zip(rescaled, amplified, unguided, strict=True):
        theirs = rescale_noise_cfg(wide, plain, rescale)
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_wholly_rescaled_predictions_spread_as_unguided_ones(unet):
    text, noise = inputs()
    times = (torch.full((3,), 500),) * 2
    unguided = guided(unet, noise, times, text, 1.0)
    rescaled = guided(unet, noise, times, text, 5.0, 1.0)
    for mine, plain in zip(rescaled, unguided, strict=True):
        torch.testing.assert_close(mine.std((1, 2, 3)), plain.std((1, 2, 3)))


@pytest.mark.parametrize("solver", ["ddim", "dpmpp-2m"])
@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
def test_pairs_do_not_depend_on_their_neighbours(unet, solver, guidance):
    section = SampleSection(solver=solver, steps=4, guidance=guidance, guidance_rescale=0.7)
    text, noise = inputs()
    made = sample(unet, make_solver(solver, dict(SCHEDULE)), text, noise, section)
    turned = Conditioning(
        *([state.flip(0) for state in part] for part in (text.prompt, text.negative_prompt))
    )
    solver_again = make_solver(solver, dict(SCHEDULE))
    again = sample(unet, solver_again, turned, [stream.flip(0) for stream in noise], section)
    for stream in (0, 1):
        assert torch.isfinite(made[stream]).all()
        torch.testing.assert_close(again[stream].flip(0), made[stream], atol=1e-5, rtol=1e-5)


def test_bfloat16_changes_little_and_knows_no_neighbours(unet):
    text, noise = inputs()
    section = SampleSection(solver="ddim", steps=4, guidance=2.0, number_format="fp32")
    whole = sample(unet, make_solver("ddim", dict(SCHEDULE)), text, noise, section)
    short = section.model_copy(update={"number_format": "bf16"})
    made = sample(unet, make_solver("ddim", dict(SCHEDULE)), text, noise, short)
    turned = Conditioning(
        *([state.flip(0) for state in part] for part in (text.prompt, text.negative_prompt))
    )
    solver = make_solver("ddim", dict(SCHEDULE))
    again = sample(unet, solver, turned, [stream.flip(0) for stream in noise], short)
    for stream in (0, 1):
        assert made[stream].dtype == torch.float32
        assert not torch.equal(made[stream], whole[stream])
        far = (made[stream] - whole[stream]).abs().mean() / whole[stream].std()
        assert float(far) < 0.02
        torch.testing.assert_close(again[stream].flip(0), made[stream], atol=1e-5, rtol=1e-5)


def test_a_number_format_that_nobody_asked_for_stands_in_no_recipe():
    assert "number_format" not in SampleSection().model_dump(mode="json")
    assert SampleSection(number_format="bf16").model_dump()["number_format"] == "bf16"


@pytest.mark.parametrize("known", [0, 1])
def test_the_known_stream_is_returned_as_it_came(unet, known):
    section = SampleSection(solver="dpmpp-2m", steps=4, guidance=2.0)
    text, noise = inputs()
    made = sample(unet, make_solver("dpmpp-2m", dict(SCHEDULE)), text, noise, section, known)
    assert torch.equal(made[known], noise[known])
    assert not torch.equal(made[1 - known], noise[1 - known])


def test_many_steps_of_both_solvers_lead_to_one_place(unet):
    # A deterministic solver integrates the same equation: refined, the two must meet.
    text, noise = inputs(1)
    ends = []
    for solver in ("ddim", "dpmpp-2m"):
        section = SampleSection(solver=solver, steps=100, guidance=1.0)
        made = sample(unet, make_solver(solver, dict(SCHEDULE)), text, noise, section)
        ends.append(torch.cat(made))
    spread = ends[0].std()
    assert float((ends[0] - ends[1]).abs().mean() / spread) < 0.1


def test_the_recorded_five_steps_of_the_public_code(shared_reference):
    config = json.loads((shared_reference / "tiny.config.json").read_text())["config"]
    unet = load_medsegfactory_unet(config, shared_reference / "tiny.weights.safetensors").eval()
    recorded = load_file(shared_reference / "tiny.sampling.safetensors")
    # The public pipeline's scheduler: "leading" spacing, offset 1, noise prediction.
    solver = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
    )
    names = ("img_pos", "mask_pos", "img_neg", "mask_neg")
    states = [recorded[name] for name in names]
    text = Conditioning(states[:2], states[2:])
    start = recorded["img_latents"], recorded["mask_latents"]
    image, mask = sample(
        unet, solver, text, start, SampleSection(steps=5, guidance=7.5, number_format="fp32")
    )
    assert solver.timesteps.tolist() == recorded["timesteps"].tolist()
    for made, stream in ((image, "img"), (mask, "mask")):
        expected = recorded[f"step4/{stream}/latents"]
        torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def kept_but(place):
    """Clean latents of three pairs, drawn anew in a square of this side."""
    clean = [starting_noise(range(9, 12), (4, 8, 8), stream) for stream in (0, 1)]
    anew = torch.zeros(3, 1, 8, 8, dtype=torch.bool)
    anew[..., :place, :place] = True
    return Kept(clean, anew)


def noise_of(number):
    return [starting_noise(range(3), (4, 8, 8), 2 * number + stream) for stream in (0, 1)]


def test_what_is_kept_comes_back_as_it_came_and_the_rest_is_drawn(unet):
    section, kept = SampleSection(steps=3, guidance=2.0), kept_but(4)
    made = repaint(unet, dict(SCHEDULE), inputs()[0], kept, noise_of, section)
    for drawn, clean in zip(made, kept.clean, strict=True):
        outside = ~kept.anew.expand_as(clean)
        assert torch.equal(drawn[outside], clean[outside])
        assert (drawn[~outside] != clean[~outside]).all()
        assert torch.isfinite(drawn).all()


def test_the_network_sees_what_is_kept_with_the_noise_of_each_level(unet):
    seen, kept = [], kept_but(2)

    class Watched(torch.nn.Module):
        def forward(self, image, mask, time, *others):
            seen.append((int(time[0]), [image.clone(), mask.clone()]))
            return unet(image, mask, time, *others)

    section = SampleSection(steps=3, guidance=1.0)
    repaint(Watched(), dict(SCHEDULE), inputs()[0], kept, noise_of, section)
    solver = DDIMScheduler.from_config(dict(SCHEDULE))
    solver.set_timesteps(3)
    levels = solver.timesteps.tolist()
    assert [level for level, _ in seen] == [level for level in levels for _ in range(ROUNDS)]
    outside = ~kept.anew.expand_as(kept.clean[0])
    for level, latents in seen:
        share = solver.alphas_cumprod[level]
        for x, clean in zip(latents, kept.clean, strict=True):
            noise = (x - share.sqrt() * clean)[outside] / (1 - share).sqrt()
            assert abs(float(noise.std()) - 1) < 0.1


def test_where_all_is_drawn_anew_what_was_there_leaves_no_trace(unet):
    section, whole = SampleSection(steps=2, guidance=1.0), kept_but(8)
    other = Kept([torch.zeros_like(x) for x in whole.clean], whole.anew)
    first, second = (
        repaint(unet, dict(SCHEDULE), inputs()[0], each, noise_of, section)
        for each in (whole, other)
    )
    assert all(map(torch.equal, first, second))


def test_bent_steps_crowd_at_the_end():
    section = SampleSection(steps=4, bend=2.0)
    solver = make_solver("dpmpp-2m", dict(SCHEDULE))
    set_steps(solver, section, torch.device("cpu"))
    # 1000 times the squares of 1, 3/4, 1/2 and 1/4, counted from 0.
    assert solver.timesteps.tolist() == [999, 561, 249, 61]


def test_many_bent_steps_are_distinct_and_fall():
    solver = make_solver("dpmpp-2m", dict(SCHEDULE))
    set_steps(solver, SampleSection(steps=100, bend=3.0), torch.device("cpu"))
    assert (solver.timesteps.diff() < 0).all()
    assert solver.timesteps[-1] == 0


def test_straight_steps_leave_the_identity_of_older_work():
    assert SampleSection(bend=1.0).model_dump() == SampleSection().model_dump()
    assert "bend" not in SampleSection().model_dump()


def test_a_solver_that_steps_evenly_cannot_be_bent():
    with pytest.raises(ValidationError, match="leave bend out"):
        SampleSection(solver="ddim", bend=2.0)
