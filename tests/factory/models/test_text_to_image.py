"""The one-stream network: stock weights, the prior beside it, checkpoints of its own."""

import json
import shutil

import pytest
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from factory.errors import InputError
from factory.generators.sampling import Conditioning, guided, make_solver, sample
from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.checkpoints import (
    Components,
    load_components,
    load_text_to_image_components,
    save_components,
)
from factory.models.dual_stream import DualStreamUNet
from factory.models.gaussian_prior import GaussianPrior
from factory.models.presets import MEDSEGFACTORY, SCHEDULE, TINY
from factory.models.starting_noise import starting_noise
from factory.models.text_to_image import TextToImageUNet
from factory.models.weights import write_state
from factory.settings import SampleSection
from factory.training.text import new_text_encoder

ALPHAS = DDIMScheduler.from_config(dict(SCHEDULE)).alphas_cumprod


def inputs(count=2):
    generator = torch.Generator().manual_seed(0)
    noise = starting_noise(range(count), (4, 8, 8), 0)
    text = [torch.randn(count, 5, 32, generator=generator) for _ in range(2)]
    return noise, torch.full((count,), 300), text


def make(prior=None):
    torch.manual_seed(0)
    return TextToImageUNet(TINY, prior).eval()


def parts(unet):
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    texts = new_text_encoder(["a chest"])
    return Components(unet, KLAutoencoder.small(4, pictures), texts, SCHEDULE, {"domains": []})


@torch.no_grad()
def test_it_is_the_stock_network():
    noise, t, text = inputs()
    torch.manual_seed(0)
    stock = UNet2DConditionModel(**TINY).eval()
    torch.testing.assert_close(make()(noise, t, text[0]), stock(noise, t, text[0]).sample)


@torch.no_grad()
def test_untrained_it_predicts_what_its_prior_expects():
    noise, t, text = inputs()
    prior = GaussianPrior.measured([torch.randn(64, 4, 8, 8) * 3], ALPHAS)
    made = make(prior)(noise, t, text[0])
    torch.testing.assert_close(made, prior.velocity(noise, t, 0))


def test_the_full_size_has_the_keys_of_stable_diffusion():
    with torch.device("meta"):
        ours = TextToImageUNet(MEDSEGFACTORY).unet.state_dict()
        stock = UNet2DConditionModel(**MEDSEGFACTORY).state_dict()
    assert ours.keys() == stock.keys()


def test_inputs_of_unlike_batches_are_refused():
    noise, t, text = inputs()
    with pytest.raises(ValueError, match="of one B"):
        make()(noise, t[:1], text[0])


@torch.no_grad()
def test_guidance_by_hand():
    noise, t, (asked, away) = inputs()
    unet, text = make(), Conditioning([asked], [away])
    (plain,) = guided(unet, [noise], [t], text, 1.0)
    (amplified,) = guided(unet, [noise], [t], text, 3.0)
    without = unet(noise, t, away)
    torch.testing.assert_close(plain, unet(noise, t, asked))
    torch.testing.assert_close(amplified, without + 3 * (plain - without), atol=1e-5, rtol=1e-5)


def test_the_solver_steps_one_stream():
    noise, _, (asked, away) = inputs()
    solver = make_solver("dpmpp-2m", dict(SCHEDULE))
    text, section = Conditioning([asked], [away]), SampleSection(steps=3)
    (made,) = sample(make(), solver, text, [noise], section)
    assert made.shape == noise.shape
    assert torch.isfinite(made).all()
    assert not torch.equal(made, noise)


def test_every_part_comes_back(tmp_path):
    made = parts(make(GaussianPrior.measured([torch.randn(8, 4, 8, 8)], ALPHAS)))
    save_components(made, tmp_path)
    again = load_text_to_image_components(tmp_path)
    for name, value in made.unet.state_dict().items():
        assert torch.equal(again.unet.state_dict()[name], value)
    assert torch.equal(again.unet.prior.power, made.unet.prior.power)


def test_a_stock_hub_folder_is_read(tmp_path):
    save_components(parts(make()), tmp_path)
    torch.manual_seed(1)
    stock = UNet2DConditionModel(**TINY)
    shutil.rmtree(tmp_path / "unet")
    stock.save_pretrained(tmp_path / "unet")
    again = load_text_to_image_components(tmp_path)
    assert again.unet.prior is None
    assert torch.equal(again.unet.unet.conv_in.weight, stock.conv_in.weight)


def test_each_system_refuses_the_others_checkpoint(tmp_path):
    save_components(parts(make()), tmp_path / "images")
    save_components(parts(DualStreamUNet(TINY, "joint")), tmp_path / "pairs")
    with pytest.raises(InputError, match="without masks"):
        load_components(tmp_path / "images")
    with pytest.raises(InputError, match="together with masks"):
        load_text_to_image_components(tmp_path / "pairs")
    # Public weights of the dual-stream system do not say what they are; their keys do.
    config = tmp_path / "pairs" / "unet" / "config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps(told | {"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(InputError, match="together with masks"):
        load_text_to_image_components(tmp_path / "pairs")


def test_another_architecture_is_refused_in_a_line(tmp_path):
    save_components(parts(make()), tmp_path)
    wide = TextToImageUNet({**TINY, "block_out_channels": (32, 64)})
    write_state(wide.unet, tmp_path / "unet/diffusion_pytorch_model.safetensors", torch.float32)
    with pytest.raises(InputError) as refused:
        load_text_to_image_components(tmp_path)
    assert len(str(refused.value).splitlines()) == 1
