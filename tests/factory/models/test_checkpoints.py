import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from factory.errors import InputError
from factory.models.autoencoders.kl import KLAutoencoder
from factory.models.checkpoints import (
    REQUIRED,
    Components,
    checkpoint_digest,
    load_components,
    load_medsegfactory_unet,
    parameter_count,
    save_components,
    save_medsegfactory_unet,
)
from factory.models.dual_stream import COUPLINGS, DualStreamUNet
from factory.models.presets import SMALL, TINY
from factory.models.text import TextEncoder
from factory.models.tokenizer import train_tokenizer
from factory.models.weights import write_state
from factory.training.text import new_text_encoder

TEXTS = ["a photo of a hand image, with bone.", "a photo of a hand label, with bone."]
SCHEDULE = {"beta_schedule": "scaled_linear", "prediction_type": "v_prediction"}
CARD = {"image": {"size": 32, "channels": 1}, "domains": [], "losses": {"val": 0.5}}


def tiny_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    )


def components(coupling: str = "joint") -> Components:
    torch.manual_seed(0)
    return Components(
        DualStreamUNet(TINY, coupling),
        KLAutoencoder(tiny_vae()),
        new_text_encoder(TEXTS),
        SCHEDULE,
        CARD,
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    save_components(components(), tmp_path / "model")
    return tmp_path / "model"


def stock_folder(folder: Path) -> UNet2DConditionModel:
    """A Stable Diffusion folder as diffusers and transformers write it, tiny."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel(**TINY)
    unet.save_pretrained(folder / "unet")
    tiny_vae().save_pretrained(folder / "vae")
    PNDMScheduler(skip_prk_steps=True).save_pretrained(folder / "scheduler")
    tokenizer = train_tokenizer(TEXTS, 12)
    tokenizer.save_pretrained(folder / "tokenizer")
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=2,
        num_hidden_layers=2,
        max_position_embeddings=12,
    )
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    return unet


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_every_part_comes_back(coupling, tmp_path):
    made = components(coupling)
    save_components(made, tmp_path)
    again = load_components(tmp_path)
    assert again.unet.coupling == coupling
    assert same(made.unet, again.unet)
    assert same(made.autoencoder, again.autoencoder)
    assert torch.equal(made.text(TEXTS), again.text(TEXTS))
    assert again.scheduler_config == SCHEDULE
    assert again.card == {**CARD, "format": 1}


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_half_precision_halves_the_weights_and_leaves_the_parts_alone(folder, tmp_path):
    made = components()
    save_components(made, tmp_path / "half", torch.float16)
    size = {
        f: sum(x.stat().st_size for x in f.rglob("*.safetensors"))
        for f in (folder, tmp_path / "half")
    }
    assert size[tmp_path / "half"] < 0.6 * size[folder]
    assert {p.dtype for p in made.unet.parameters()} == {torch.float32}
    assert {p.dtype for p in load_components(tmp_path / "half").unet.parameters()} == {
        torch.float32
    }


def weights_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.safetensors"))


def test_a_small_checkpoint_in_half_precision_is_under_15_megabytes(tmp_path):
    small = Components(
        DualStreamUNet(SMALL),
        KLAutoencoder.small(8, torch.rand(2, 3, 64, 64) * 2 - 1),
        new_text_encoder(TEXTS * 100),
        SCHEDULE,
        CARD,
    )
    save_components(small, tmp_path, torch.float16)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 15e6


def test_weights_are_counted_without_being_read(tmp_path):
    parts = components()
    save_components(parts, tmp_path, torch.float16)
    networks = parts.unet, parts.autoencoder.vae, parts.text.model
    counted = sum(weight.numel() for each in networks for weight in each.parameters())
    assert parameter_count(tmp_path) == counted


def test_nothing_is_pickled(folder):
    assert not [f for f in folder.rglob("*") if f.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_the_digest_follows_what_decides_the_pairs(folder):
    digest = checkpoint_digest(folder)
    (folder / "training").mkdir()
    (folder / "training" / "resume.pt").write_text("unfinished work")
    save_components(components(), folder)
    change_json(folder / "card.json", losses={"val": 0.1})
    assert checkpoint_digest(folder) == digest
    for file, change in (
        ("card.json", {"image": {"size": 64, "channels": 1}}),
        ("scheduler/scheduler_config.json", {"prediction_type": "epsilon"}),
    ):
        change_json(folder / file, **change)
        assert checkpoint_digest(folder) != digest
        digest = checkpoint_digest(folder)
    write_state(components("joint").unet.unet, folder / REQUIRED[1], torch.float16)
    assert checkpoint_digest(folder) != digest


def change_json(file: Path, **change) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))


def test_a_stock_hub_folder_gets_a_fresh_coupling_and_says_so(tmp_path, caplog):
    stock = stock_folder(tmp_path)
    with caplog.at_level(logging.INFO, "factory"):
        loaded = load_components(tmp_path)
    assert "tensors of joint cross-attention (joint) start untrained" in caplog.text
    assert loaded.card == {}
    assert loaded.text(TEXTS).shape == (2, 12, 32)
    # The fresh gate is shut, so the two streams do what the stock network did.
    latents, times, text = torch.randn(2, 4, 8, 8), torch.tensor([7, 800]), torch.randn(2, 12, 32)
    with torch.no_grad():
        image, mask = loaded.unet(latents, -latents, times, times, text, text)
        torch.testing.assert_close(image, stock.eval()(latents, times, text).sample)
        torch.testing.assert_close(mask, stock(-latents, times, text).sample)


def test_a_hub_folder_with_the_public_weights_is_official(tmp_path):
    stock_folder(tmp_path)
    trained = DualStreamUNet(TINY, "official")
    save_medsegfactory_unet(trained, tmp_path / REQUIRED[1])
    loaded = load_components(tmp_path)
    assert loaded.unet.coupling == "official"
    assert same(trained, loaded.unet)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_missing_part_is_refused_by_name(folder, part):
    shutil.rmtree(folder / part)
    with pytest.raises(InputError, match=f"no {part}/"):
        load_components(folder)


def test_a_newer_format_is_refused(folder):
    change_json(folder / "card.json", format=2)
    with pytest.raises(InputError, match="has format 2 and this version reads 1"):
        load_components(folder)


@pytest.mark.parametrize("file", REQUIRED)
def test_a_damaged_file_is_refused_in_one_line(folder, file):
    (folder / file).write_bytes(b"{ not what it was")
    with pytest.raises(InputError) as caught:
        load_components(folder)
    assert "\n" not in str(caught.value)


def test_a_text_encoder_with_gaps_is_refused(folder):
    file = folder / "text_encoder" / "model.safetensors"
    file.unlink()
    write_state(torch.nn.Linear(2, 2), file)
    with pytest.raises(InputError, match="prompts would be read as noise"):
        TextEncoder.load(folder)


def test_an_autoencoder_with_gaps_is_refused(folder):
    change_json(folder / "vae" / "config.json", layers_per_block=2)
    with pytest.raises(InputError, match="pictures would be drawn as noise"):
        load_components(folder)


def test_a_tokenizer_whose_settings_have_another_form_is_refused_in_a_line(folder):
    change_json(folder / "tokenizer" / "tokenizer_config.json", model_max_length=[16])
    with pytest.raises(InputError, match="one of its files is damaged or of another model"):
        load_components(folder)


def test_weights_of_another_width_are_refused(folder):
    wide = DualStreamUNet({**TINY, "block_out_channels": (32, 64)})
    write_state(wide.unet, folder / REQUIRED[1])
    with pytest.raises(InputError, match="another architecture"):
        load_components(folder)


def test_weights_of_another_coupling_are_refused(tmp_path):
    write_state(DualStreamUNet(TINY, "joint").unet, tmp_path / "joint.safetensors")
    with pytest.raises(InputError, match=r"missing: .*attn3\.to_q\.weight"):
        load_medsegfactory_unet(TINY, tmp_path / "joint.safetensors")


def test_a_configuration_diffusers_does_not_know_is_refused(tmp_path):
    with pytest.raises(InputError, match="no UNet can be built"):
        load_medsegfactory_unet({**TINY, "depth": 3}, tmp_path / "any.safetensors")


def test_only_the_official_coupling_has_public_names(tmp_path):
    with pytest.raises(ValueError, match="no public key names"):
        save_medsegfactory_unet(DualStreamUNet(TINY, "joint"), tmp_path / "unet.safetensors")
