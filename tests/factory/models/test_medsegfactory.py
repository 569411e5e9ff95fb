"""Agreement with numbers recorded from the public MedSegFactory code (fp32, CPU)."""

import json

import pytest
import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import mse_loss

from factory.models.checkpoints import load_medsegfactory_unet, save_medsegfactory_unet
from factory.models.dual_stream import DualStreamUNet
from factory.models.presets import MEDSEGFACTORY

CASES = ("pair1", "pair2_indep_t", "cfg1", "odd")
CLOSE = {"atol": 1e-5, "rtol": 0.0}


@pytest.fixture(scope="module")
def config(shared_reference) -> dict[str, object]:
    return json.loads((shared_reference / "tiny.config.json").read_text())["config"]


@pytest.fixture(scope="module")
def recorded(shared_reference) -> dict[str, Tensor]:
    return load_file(shared_reference / "tiny.io.safetensors")


@pytest.fixture
def unet(shared_reference, config) -> DualStreamUNet:
    return load_medsegfactory_unet(config, shared_reference / "tiny.weights.safetensors")


def run(unet: DualStreamUNet, recorded: dict[str, Tensor], case: str) -> Tensor:
    """Both outputs of a recorded case, stacked as the recording stacks them."""
    sample, timestep, text = (recorded[f"{case}/{k}"] for k in ("sample", "timestep", "ehs"))
    timestep = timestep.expand(len(sample))
    return torch.cat(unet(*sample.chunk(2), *timestep.chunk(2), *text.chunk(2)))


@pytest.mark.parametrize("case", CASES)
def test_outputs(unet, recorded, case):
    with torch.no_grad():
        torch.testing.assert_close(run(unet, recorded, case), recorded[f"{case}/out"], **CLOSE)


def test_every_recorded_activation(unet, recorded):
    case = "pair2_indep_t"
    wanted = {k.removeprefix(f"{case}/act/"): v for k, v in recorded.items() if "/act/" in k}
    seen: dict[str, Tensor] = {}

    def watch(name: str):
        def hook(module, arguments, keywords, output):
            first = arguments[0] if arguments else keywords["hidden_states"]
            seen[f"{name}.in"] = first.detach()
            output = output[0] if isinstance(output, tuple) else output
            seen[f"{name}.out"] = output.detach()

        return hook

    for name in {key.rpartition(".")[0] for key in wanted}:
        unet.unet.get_submodule(name).register_forward_hook(watch(name), with_kwargs=True)
    with torch.no_grad():
        run(unet, recorded, case)
    assert len([name for name in wanted if "attn3" in name]) == 8  # four blocks, in and out
    for name, value in wanted.items():
        torch.testing.assert_close(seen[name], value, **CLOSE, msg=f"activation {name}")


def test_training_loss_and_gradients(unet, recorded, shared_reference):
    norms = json.loads((shared_reference / "tiny.config.json").read_text())["grad_norms"]
    loss = mse_loss(run(unet, recorded, "pair2_indep_t"), recorded["train/noise"])
    loss.backward()
    torch.testing.assert_close(loss.detach(), recorded["train/loss"], **CLOSE)
    gradients = {name: weight.grad for name, weight in unet.unet.named_parameters()}
    assert gradients.keys() == norms.keys()
    for name, norm in norms.items():
        assert float(gradients[name].norm()) == pytest.approx(norm, rel=1e-3, abs=1e-5)
    exact = {k.removeprefix("train/grad/"): v for k, v in recorded.items() if "/grad/" in k}
    assert len(exact) == 8
    for name, value in exact.items():
        torch.testing.assert_close(gradients[name], value, **CLOSE, msg=f"gradient of {name}")


def test_five_guided_steps_of_sampling(unet, shared_reference):
    tape = load_file(shared_reference / "tiny.sampling.safetensors")
    schedulers = {stream: ddim() for stream in ("img", "mask")}
    latents = {stream: tape[f"{stream}_latents"] for stream in schedulers}
    assert torch.equal(schedulers["img"].timesteps, tape["timesteps"])
    for step, t in enumerate(tape["timesteps"]):
        guided = guided_noise(unet, latents, t, tape)
        for stream, scheduler in schedulers.items():
            latents[stream] = scheduler.step(guided[stream], t, latents[stream]).prev_sample
            for got, name in ((guided[stream], "eps_cfg"), (latents[stream], "latents")):
                wanted = tape[f"step{step}/{stream}/{name}"]
                assert float((got - wanted).norm() / wanted.norm()) < 1e-4


def ddim() -> DDIMScheduler:
    """The noise schedule and spacing of the public sampler, set to five steps."""
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    scheduler.set_timesteps(5)
    return scheduler


@torch.no_grad()
def guided_noise(
    unet: DualStreamUNet, latents: dict[str, Tensor], t: Tensor, tape: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Classifier-free guidance 7.5 of both streams; without text, both prompts are empty."""
    times = t.expand(2)
    image, mask = latents["img"], latents["mask"]
    told = unet(image, mask, times, times, tape["img_pos"], tape["mask_pos"])
    untold = unet(image, mask, times, times, tape["img_neg"], tape["mask_neg"])
    return {
        stream: without + 7.5 * (with_text - without)
        for stream, with_text, without in zip(("img", "mask"), told, untold, strict=True)
    }


def test_the_full_size_has_exactly_the_public_keys(shared_reference):
    public = json.loads((shared_reference / "sd15_keys.json").read_text())
    with torch.device("meta"):
        unet = DualStreamUNet(MEDSEGFACTORY, "official").unet
    assert {name: list(value.shape) for name, value in unet.state_dict().items()} == public["keys"]
    assert len(public["keys"]) == 814
    assert sum(weight.numel() for weight in unet.parameters()) == public["n_params"]


def test_saved_and_loaded_under_the_public_names(unet, config, shared_reference, tmp_path):
    save_medsegfactory_unet(unet, tmp_path / "unet.safetensors")
    public = load_file(shared_reference / "tiny.weights.safetensors")
    written = load_file(tmp_path / "unet.safetensors")
    assert written.keys() == public.keys()
    again = load_medsegfactory_unet(config, tmp_path / "unet.safetensors")
    for name, value in again.unet.state_dict().items():
        assert torch.equal(value, public[name])


def test_the_released_flat_pickle_is_read(recorded, config, shared_reference, tmp_path):
    public = load_file(shared_reference / "tiny.weights.safetensors")
    torch.save(public, tmp_path / "checkpoint-300.pth")
    unet = load_medsegfactory_unet(config, tmp_path / "checkpoint-300.pth")
    with torch.no_grad():
        torch.testing.assert_close(run(unet, recorded, "pair1"), recorded["pair1/out"], **CLOSE)
